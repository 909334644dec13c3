"""`python -m stages.download` as DVC runs it."""

import shutil
import subprocess
import sys

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.program import run
from tests.example_settings import EXAMPLE, ROOT


@pytest.fixture
def clone(tmp_path):
    """The repository's code and settings, without its data."""
    for name in ("svhn_denoiser", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE, tmp_path)
    return tmp_path


def run_stage(clone, **replacements):
    text = (clone / "params.yaml").read_text()
    for old, new in replacements.values():
        assert old in text
        text = text.replace(old, new)
    (clone / "params.yaml").write_text(text)
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stages.download"], cwd=clone, capture_output=True, text=True
    )


def words(result):
    return "".join(line + "\n" for line in result.stderr.splitlines() if not line.startswith("import time:"))


def test_the_stage_fetches_what_the_settings_say_without_tensorflow(clone):
    result = run_stage(
        clone,
        source=("source: svhn", "source: synthetic"),
        train=("train: 6000", "train: 20"),
        test=("test: 1000", "test: 10"),
    )

    assert result.returncode == 0, words(result)
    assert sorted(path.name for path in (clone / "data/raw").iterdir()) == [
        "source.json",
        "test_32x32.mat",
        "train_32x32.mat",
    ]
    for heavy in ("tensorflow", "keras", "mlflow"):
        assert f" {heavy}\n" not in result.stderr


def test_what_goes_wrong_is_one_error_without_a_traceback(clone):
    result = run_stage(clone, source=("source: svhn", "source: mat"), path=("path: data/import", "path: nowhere"))

    assert result.returncode == 1
    assert words(result).startswith("error: nowhere: no such folder.")
    assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_one_error_without_a_traceback(clone):
    result = run_stage(clone, source=("source: svhn", "source: cifar"))

    assert result.returncode == 1
    assert words(result).startswith("error: params.yaml: 1 setting is wrong")


def fail(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "code", "said"),
    [
        (lambda: None, 0, ""),
        (fail(DenoiserError("x.mat: is cut off.")), 1, "error: x.mat: is cut off.\n"),
        (fail(KeyboardInterrupt()), 130, "interrupted\n"),
    ],
    ids=["done", "error", "interrupted"],
)
def test_a_stage_ends_with_a_code_and_a_sentence(main, code, said, capsys):
    with pytest.raises(SystemExit) as end:
        run(main)

    assert end.value.code == code
    assert capsys.readouterr().err == said


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)
