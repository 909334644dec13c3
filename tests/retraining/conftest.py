"""A fresh clone of a toy pipeline, and a retraining of it in this process.

The real pipeline, with a server and a CI, is in tests/pipeline/test_retrain_end_to_end.py.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from svhn_denoiser.retraining.job import Options, retrain
from svhn_denoiser.retraining.result import Result
from tests.retraining.toy_pipeline import Go, Toy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return Toy.create(tmp_path_factory.mktemp("template") / "first")


@pytest.fixture
def toy(template: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_variables: None) -> Toy:
    """A fresh clone as the working folder; nothing was trained yet."""
    shutil.copytree(template.folder.parent, tmp_path / "toy")
    made = Toy(tmp_path / "toy" / "first", tmp_path / "toy" / "shared")
    made.git("remote", "set-url", "origin", str(made.shared / "origin"))
    made.use_remote(str(made.shared / "remote"))
    monkeypatch.setenv("TOY", str(made.shared))
    monkeypatch.setenv("PATH", made.environment()["PATH"])
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Go:
    def call(toy: Toy, **options: Any) -> Result:
        monkeypatch.chdir(toy.folder)
        result = Result()
        retrain(Options(**options), result, lambda _: None)
        return result

    return call
