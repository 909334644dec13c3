"""Pairs on disk: what is split how, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from svhn_denoiser import generation, mat_format, pairs
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.noise import add_noise
from tests.example_settings import EXAMPLE


@pytest.fixture(scope="module")
def raw(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("raw")
    digits = (np.arange(240) % 10).astype(np.uint8)
    mat_format.write(folder / "train_32x32.mat", pictures[:200], digits[:200])
    mat_format.write(folder / "test_32x32.mat", pictures[200:], digits[200:])
    return folder


@pytest.fixture
def written(raw, tmp_path, settings):
    counts = generation.write(raw, tmp_path / "noisy", settings.generate, settings.seed)
    assert counts == {"train": 180, "validation": 20, "test": 40}
    return tmp_path / "noisy"


def test_validation_is_one_block_from_the_end_of_the_training_file(written, pictures):
    np.testing.assert_array_equal(pairs.read(written, "train").clean, pictures[:180])
    np.testing.assert_array_equal(pairs.read(written, "validation").clean, pictures[180:200])
    np.testing.assert_array_equal(pairs.read(written, "test").clean, pictures[200:])


def test_digits_go_with_their_pictures(written):
    np.testing.assert_array_equal(pairs.read(written, "validation").digits, np.arange(180, 200) % 10)


def test_the_noisy_copy_is_the_noise_model_at_draw_0_rounded_to_8_bits(written, settings):
    test = pairs.read(written, "test")
    expected = add_noise(
        pairs.as_float(test.clean), settings.generate.noise, seed=settings.seed, split="test", indices=range(40)
    )
    assert np.abs(pairs.as_float(test.noisy) - expected).max() <= 0.5 / 255 + 1e-6


def test_the_size_of_blocks_changes_nothing(raw, written, tmp_path, settings, monkeypatch):
    monkeypatch.setattr(generation, "_BLOCK", 7)
    generation.write(raw, tmp_path / "again", settings.generate, settings.seed)
    for split in ("train", "validation", "test"):
        for name in ("clean", "noisy", "digits"):
            one, other = ((folder / split / f"{name}.npy").read_bytes() for folder in (written, tmp_path / "again"))
            assert one == other, (split, name)


def test_another_seed_changes_the_noise_and_nothing_else(raw, written, tmp_path, settings):
    generation.write(raw, tmp_path / "other", settings.generate, settings.seed + 1)
    one, other = pairs.read(written, "train"), pairs.read(tmp_path / "other", "train")
    np.testing.assert_array_equal(one.clean, other.clean)
    assert np.mean(one.noisy != other.noisy) > 0.9


def test_extra_pictures_are_for_training_alone(raw, tmp_path, settings, pictures):
    for file in raw.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    mat_format.write(tmp_path / "extra_32x32.mat", pictures[:30], np.zeros(30, np.uint8))
    counts = generation.write(tmp_path, tmp_path / "noisy", settings.generate, settings.seed)
    assert counts == {"train": 210, "validation": 20, "test": 40}
    np.testing.assert_array_equal(pairs.read(tmp_path / "noisy", "train").clean[180:], pictures[:30])


def test_the_pairs_are_memory_mapped(written):
    assert isinstance(pairs.read(written, "train").noisy, np.memmap)


def test_missing_pairs_name_the_file_and_the_command(tmp_path):
    with pytest.raises(DenoiserError, match=r"noisy\.npy: no such file.*dvc repro generate"):
        pairs.read(tmp_path, "train")


def test_an_array_that_is_a_pickled_object_is_never_unpickled(written):
    file = written / "test" / "clean.npy"
    np.save(file, np.array([{"any": "object"}], dtype=object), allow_pickle=True)
    with pytest.raises(DenoiserError, match=r"clean\.npy: is damaged \(.*pickle"):
        pairs.read(written, "test")


def test_a_part_of_a_split_holds_the_same_pictures_in_the_order_asked_for(written):
    split = pairs.read(written, "test")
    for chosen in ([31, 2, 17], slice(4, 9)):
        part = split[chosen]
        for name in ("noisy", "clean", "digits"):
            np.testing.assert_array_equal(getattr(part, name), getattr(split, name)[chosen])


def test_values_are_rounded_to_the_nearest_of_8_bits_and_cut_off_at_black_and_white():
    values = np.array([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.7], np.float32)
    np.testing.assert_array_equal(pairs.as_bytes(values), [0, 0, 0, 1, 255, 255])
    back = pairs.as_float(np.array([0, 51, 255], np.uint8))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, [0, 0.2, 1])


def test_a_damaged_array_is_refused_by_name(written):
    file = written / "test" / "clean.npy"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DenoiserError, match=r"clean\.npy: is damaged"):
        pairs.read(written, "test")


@pytest.mark.parametrize(("old", "new"), [(b"'", b"#"), (b")", b"("), (b"}", b"{")])
def test_an_array_whose_header_makes_no_sense_is_refused_by_name(written, old, new):
    """NumPy reads it with Python's own parser, whose errors are of many kinds."""
    file = written / "test" / "clean.npy"
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(DenoiserError, match=r"clean\.npy: is damaged"):
        pairs.read(written, "test")


def test_arrays_that_do_not_fit_each_other_are_refused(written):
    np.save(written / "test" / "noisy.npy", np.zeros((39, 32, 32, 3), np.uint8))
    with pytest.raises(DenoiserError, match=r"noisy\.npy: holds uint8 \(39, 32, 32, 3\), expected uint8 \(40,"):
        pairs.read(written, "test")


def test_too_few_pictures_to_split_are_refused(tmp_path, settings, pictures):
    mat_format.write(tmp_path / "train_32x32.mat", pictures[:2], np.zeros(2, np.uint8))
    mat_format.write(tmp_path / "test_32x32.mat", pictures[:2], np.zeros(2, np.uint8))
    with pytest.raises(DenoiserError, match="2 pictures cannot be split at generate"):
        generation.write(tmp_path, tmp_path / "noisy", settings.generate, settings.seed)
    assert not (tmp_path / "noisy").exists()


def test_a_failure_leaves_the_old_pairs_as_they_were(raw, written, settings, tmp_path):
    before = (written / "train" / "noisy.npy").read_bytes()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "train_32x32.mat").write_bytes((raw / "train_32x32.mat").read_bytes())
    (broken / "test_32x32.mat").write_bytes((raw / "test_32x32.mat").read_bytes()[:3000])
    with pytest.raises(DenoiserError, match=r"test_32x32\.mat"):
        generation.write(broken, written, settings.generate, settings.seed)
    assert (written / "train" / "noisy.npy").read_bytes() == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from Linux's /proc")
def test_as_many_pictures_as_the_official_files_hold_need_less_than_a_gibibyte(tmp_path, settings):
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (1000, 32, 32, 3), np.uint8)
    for name, count in (("train", 73_257), ("test", 26_032)):
        many = np.concatenate([block] * (count // 1000 + 1))[:count]
        mat_format.write(tmp_path / f"{name}_32x32.mat", many, np.zeros(count, np.uint8))
    program = """
import json, sys
from pathlib import Path
from svhn_denoiser import generation, params
settings = params.load(Path(sys.argv[2]))
counts = generation.write(Path(sys.argv[1]), Path(sys.argv[1]) / "noisy", settings.generate, settings.seed)
# not ru_maxrss, which begins with the memory of the process that started this one
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([counts, int(status["VmHWM"].split()[0])]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(EXAMPLE)],
        capture_output=True,
        text=True,
        check=True,
    )
    counts, peak = json.loads(done.stdout)
    assert counts == {"train": 65_931, "validation": 7_326, "test": 26_032}
    assert peak * 1024 < 2**30  # in KiB
