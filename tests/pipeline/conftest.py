"""A clone in which the pipeline ran."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.clone import SMALL, Clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which `dvc repro` ran and was committed. Not to be changed: take a `copy`."""
    clone = Clone(tmp_path_factory.mktemp("finished"))
    clone.set(**{key.replace(".", "__"): value for key, value in SMALL.items()})
    clone.commit("Small settings")
    assert clone.repro() == ["download", "generate", "train", "evaluate", "register"]
    clone.commit("First results")
    return clone


@pytest.fixture
def copy(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone with a store of its own, free to be changed."""
    clone = object.__new__(Clone)
    clone.folder = tmp_path / "copy"
    # the store holds the address of the artifacts, which a copy elsewhere would not find
    shutil.copytree(finished.folder, clone.folder, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", "tmp"))
    return clone
