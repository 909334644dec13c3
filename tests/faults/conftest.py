"""The zygote and the workplace that all faults share, and the choice between a few tries and all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import tally
from tests.faults.workplace import Workplace, Zygote, environment


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `faults` is left to `make faults`."""
    left = [] if tally.FOLDER else [item for item in items if item.get_closest_marker("faults")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Where commands are forked from."""
    zygote = Zygote(tmp_path_factory.mktemp("zygote"), environment())
    yield zygote
    zygote.close()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote, empty_database: Path) -> Iterator[Workplace]:
    """A tiny clone; each try puts it back."""
    folder = tmp_path_factory.mktemp("faults")
    yield Workplace(folder, zygote, empty_database)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tallying() -> Iterator[tally.Tallying]:
    """Begin a row of the table: `tallying("killed in train")`; it is closed at the end of the test."""
    rows: list[tally.Tally] = []

    def begin(fault: str) -> tally.Tally:
        rows.append(tally.Tally(fault))
        return rows[-1]

    yield begin
    for row in rows:
        row.close()
