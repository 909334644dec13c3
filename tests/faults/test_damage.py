"""Every file that is read is damaged, a bit or its end at a time: refused in words, or read as what it says."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser import files, generation, mat_format, pairs, params
from svhn_denoiser.errors import DenoiserError
from tests.example_settings import EXAMPLE
from tests.faults.bits import damaged
from tests.faults.tally import FOLDER
from tests.faults.workplace import TRACEBACK

MANY = 400 if FOLDER else 40


@pytest.fixture(scope="module")
def raw(tmp_path_factory, settings, pictures) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name in ("train", "test"):
        mat_format.write(folder / f"{name}_32x32.mat", pictures[:12], np.arange(12) % 10)
    return folder


@pytest.fixture(scope="module")
def noisy(raw, tmp_path_factory, settings) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "noisy"
    generation.write(raw, folder, settings.generate, 1, lambda _: None)
    return folder


def try_all(row, path: Path, read: Callable[[], object], tries: int = MANY) -> None:
    """Read each damaged copy in place of a file; then the file itself again."""
    whole = path.read_bytes()
    wanted = str(read())
    for number, (what, content) in enumerate(damaged(whole, tries, tries)):
        path.write_bytes(content)
        try:
            read()
            said = ""
        except DenoiserError as error:
            said = "" if str(path) in str(error) or path.name in str(error) else f"does not name the file: {error}"
        except Exception as error:
            said = f"{TRACEBACK} {type(error).__name__}: {error}"
        path.write_bytes(whole)
        right = not said or TRACEBACK in said
        if number % 20 == 0:
            right = right and str(read()) == wanted
        row.count(what, right=right, traceback=TRACEBACK in said, said=said)


def test_a_file_in_svhns_format(tallying, raw):
    path = raw / "train_32x32.mat"
    try_all(tallying("a .mat file damaged"), path, lambda: mat_format.read(path))


@pytest.mark.parametrize("name", ["noisy", "digits"])
def test_pairs(tallying, noisy, name):
    path = noisy / "test" / f"{name}.npy"

    def read() -> list:
        split = pairs.read(noisy, "test")
        return [np.array(each) for each in (split.noisy, split.clean, split.digits)]

    try_all(tallying("pairs damaged"), path, read)


def test_the_settings(tallying, tmp_path):
    path = tmp_path / "params.yaml"
    shutil.copy(EXAMPLE, path)
    try_all(tallying("params.yaml damaged"), path, lambda: params.load(path), MANY // 2)


@pytest.mark.parametrize("name", ["reports/metrics.json", "data/raw/source.json"])
def test_what_a_stage_wrote_as_json(tallying, tmp_path, name):
    path = tmp_path / "x.json"
    files.write_json(path, {"noisy": {"psnr": 20.25, "ssim": 0.5}, "source": "svhn", "files": [1, 2, None, "é"]})
    try_all(tallying("JSON damaged"), path, lambda: files.read_json(path), MANY // 2)


def test_a_model(tallying, workplace):
    """Each copy is loaded, in one process: refused in words, or the same weights to the bit."""
    row = tallying("a model damaged")
    workplace.put_back("finished")
    path = workplace.folder / "models/denoiser.keras"
    for number, (_, content) in enumerate(damaged(path.read_bytes(), 60 if FOLDER else 6, 4)):
        (workplace.folder / f"{number}.keras").write_bytes(content)
    done = workplace.zygote.run("tests.faults.load_models", folder=workplace.folder)
    assert done.code == 0, done.output
    for line in filter(None, done.output.splitlines()):
        if line.startswith("model "):
            row.count(line, right="another" not in line, traceback="raised" in line, said=line)


BEYOND = [
    ("generate", "data/raw/train_32x32.mat", "before-generate"),
    ("train", "data/noisy/train/noisy.npy", "before-train"),
    ("evaluate", "reports/history.csv", "before-evaluate"),
    ("evaluate", "reports/run.json", "before-evaluate"),
    ("evaluate", "data/raw/source.json", "before-evaluate"),
    ("register", "reports/run.json", "before-register"),
    ("register", "reports/metrics.json", "before-register"),
    ("register", "data/raw/source.json", "before-register"),
    ("register", "mlflow.db", "before-register"),
    ("train", "mlflow.db", "before-train"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("stage", "name", "when"), BEYOND)
def test_a_stage_says_what_is_damaged_and_goes_on_with_the_file_put_back(workplace, tallying, stage, name, when):
    row = tallying(f"{name} damaged, read by `{stage}`")
    for what, content in damaged((workplace.kept / when / name).read_bytes(), 6, len(name)):
        workplace.put_back(when)
        whole = (workplace.folder / name).read_bytes()
        (workplace.folder / name).write_bytes(content)
        first = workplace.stage(stage)
        # a store that was written to is put back with all it holds
        workplace.put_back(when)
        assert (workplace.folder / name).read_bytes() == whole
        again = workplace.stage(stage)
        right = again.code == 0 and workplace.is_right(stage)
        row.count(what, right=right, traceback=first.traceback or again.traceback, said=first.output + again.output)


@pytest.mark.faults
def test_a_damaged_checkpoint_makes_no_other_model(workplace, tallying):
    row = tallying("a checkpoint damaged, read by `train`")
    for name in ("training.weights.h5", "best.npz", "state.json", "published.json"):
        workplace.put_back("before-evaluate")
        kept = next((workplace.folder / ".resume").glob(f"*/{name}"))
        for what, content in damaged(kept.read_bytes(), 4, 9):
            workplace.put_back("before-evaluate")
            kept.write_bytes(content)
            shutil.rmtree(workplace.folder / "models")
            done = workplace.stage("train")
            right = done.code == 0 and workplace.is_right("train")
            row.count(f"{name}, {what}", right=right, traceback=done.traceback, said=done.output)


def test_what_is_damaged_is_not_a_warning_of_python(noisy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(pairs.read(noisy, "test")) == 12
