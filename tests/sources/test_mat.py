"""SVHN-format files of the user's as source."""

import shutil

import numpy as np
import pytest

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.sources import mat


def write(folder, name, seed, n=5):
    rng = np.random.default_rng(seed)
    mat_format.write(folder / name, rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "train_32x32.mat", 1)
    write(tmp_path / "mine", "test_32x32.mat", 2)
    return tmp_path / "mine"


@pytest.fixture
def target(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def refused(folder, target, *words):
    with pytest.raises(DenoiserError) as failure:
        mat.copy(folder, target)
    for word in words:
        assert word in str(failure.value)
    assert list(target.iterdir()) == []


def test_both_files_are_copied_as_they_are(folder, target):
    (folder / "extra_32x32.mat").write_text("none of the two")

    mat.copy(folder, target)

    copied = {path.name: path.read_bytes() for path in target.iterdir()}
    assert copied == {name: (folder / name).read_bytes() for name in ("train_32x32.mat", "test_32x32.mat")}


def test_a_missing_folder_is_named(tmp_path, target):
    refused(tmp_path / "nowhere", target, f"{tmp_path}/nowhere: no such folder", "download.path")


def test_a_missing_file_is_named(folder, target):
    (folder / "test_32x32.mat").unlink()

    refused(folder, target, f"{folder}: has no test_32x32.mat. ", "download.path")


def test_both_missing_files_are_named_with_what_is_there_instead(folder, target):
    for name in ("train", "test"):
        (folder / f"{name}_32x32.mat").rename(folder / f"{name}.mat")

    refused(folder, target, "has no train_32x32.mat and no test_32x32.mat. Found test.mat. Found train.mat. ")


@pytest.mark.parametrize("name", ["train_32x32.mat", "test_32x32.mat"])
def test_a_file_that_is_cut_off_is_named(folder, target, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])

    refused(folder, target, f"{folder / name}: is cut off")


def test_damage_deep_inside_a_file_is_found(folder, target, real_svhn):
    shutil.copy(real_svhn / "test_32x32.mat", folder)
    content = bytearray((folder / "test_32x32.mat").read_bytes())
    content[4_000_000] ^= 0xFF
    (folder / "test_32x32.mat").write_bytes(content)

    refused(folder, target, "test_32x32.mat: is damaged")


def test_testing_on_the_training_file_is_refused(folder, target):
    shutil.copy(folder / "train_32x32.mat", folder / "test_32x32.mat")

    refused(folder, target, "are the same file")


def test_a_path_to_a_file_is_explained(folder, target):
    refused(folder / "train_32x32.mat", target, "is a file; download.path must be the folder that holds")


def test_the_interrupted_download_is_refused_by_name(real_svhn, folder, target):
    truncated = real_svhn / "broken" / "train_32x32.truncated.mat"

    # as the file itself, as its folder, and under the name it should have
    refused(truncated, target, "train_32x32.truncated.mat: is cut off", "fetch it again")
    refused(truncated.parent, target, "train_32x32.truncated.mat: is cut off", "fetch it again")
    shutil.copy(truncated, folder / "train_32x32.mat")
    refused(folder, target, f"{folder}/train_32x32.mat: is cut off", "fetch it again")
