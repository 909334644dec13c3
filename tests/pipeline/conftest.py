"""A clone in which the pipeline ran."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.pipeline.clone import SMALL, Clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which `dvc repro` ran and was committed, one for all workers. Not to be changed: take a `copy`."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / "finished", shared / "finished.done"
    with FileLock(shared / "finished.lock"):
        if done.exists():
            return Clone.at(folder)
        clone = Clone(folder)
        clone.set(**{key.replace(".", "__"): value for key, value in SMALL.items()})
        clone.commit("Small settings")
        assert clone.repro() == ["download", "generate", "train", "evaluate", "register"]
        clone.commit("First results")
        done.touch()
        return clone


@pytest.fixture
def copy(finished: Clone, tmp_path: Path, empty_database: Path) -> Clone:
    """A copy of the finished clone with an empty store of its own, free to be changed."""
    clone = finished.copied(tmp_path / "copy")
    # a fresh store takes seconds to make
    shutil.copy(empty_database, clone.folder / "mlflow.db")
    return clone
