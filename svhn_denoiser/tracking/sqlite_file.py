"""A store in a file: it is made whole or not at all, upgraded on a copy, and what is wrong with it is said in words."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from svhn_denoiser.errors import DenoiserError

if TYPE_CHECKING:
    from sqlalchemy import Engine

# how long another program may keep the file to itself, in seconds
_PATIENCE = 20

# where MLflow notes which of its upgrades a store has had
_HISTORY = "alembic_version"

# by words of SQLite's: what to do
_REMEDIES = {
    "locked": "Another program is writing to it: wait for it, and run the same command again.",
    "readonly": "Look at who may write to it and to its folder.",
    "unable to open": "Look at who may read it and write to its folder.",
    "is full": "Make room there, and run the same command again.",
    "disk I/O": "Look at the disk and at the room on it, and run the same command again.",
    "not a database": "Move the file away to begin a new one, or restore it from a backup.",
    "malformed": "Move the file away to begin a new one, or restore it from a backup.",
}


def prepare(database: Path, *, create: bool) -> None:
    """See to it that a file is a store of the MLflow that is installed; to be called by one process at a time.

    MLflow itself makes and upgrades a store in place, in many steps: stopped in between, it is broken for good.

    Args:
        database: need not exist.
        create: whether to make or upgrade it.

    Raises:
        DenoiserError: it cannot be upgraded, or is to be upgraded and `create` is off.
        sqlite3.Error: it is no database, is damaged, or another program keeps it.
        sqlalchemy.exc.SQLAlchemyError: the disk refuses.
    """
    database = database.resolve()  # a link stays a link
    if not database.exists() or database.stat().st_size == 0:
        if create:
            _make(database)
        return
    revision, tables = _look(database)
    if not tables and create:
        _make(database)
    elif not _is_current(revision, tables):
        if not create:
            raise DenoiserError(
                f"{database}: was made by another version of MLflow, or was not made to the end. "
                f"`svhn-denoiser runs sync` upgrades it, and keeps a copy."
            )
        _upgrade(database, revision)


def remedy(error: str) -> str | None:
    """What to do about an error of SQLite's; None for one of another kind."""
    return next((what for words, what in _REMEDIES.items() if words in error), None)


def _look(database: Path) -> tuple[str | None, set[str]]:
    # SQLAlchemy under MLflow would try for minutes to open a file that is no database
    with closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection:
        tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if _HISTORY in tables else None
    return (str(found[0]) if found else None), tables


def _is_current(revision: str | None, tables: set[str]) -> bool:
    # internal to MLflow: seen with 3.17, which pyproject.toml pins
    from mlflow.store.db import utils

    return revision == utils._get_latest_schema_revision() and tables >= set(utils.Base.metadata.tables)


def _make(database: Path) -> None:
    from mlflow.store.db import utils

    with _unfinished(database) as new:
        engine = utils.create_sqlalchemy_engine(f"sqlite:///{new}")
        try:
            utils._initialize_tables(engine)
            _add_default(engine, database.parent)
        finally:
            engine.dispose()
        # of a store that was killed and then deleted: SQLite would put its old pages into the new one
        _sweep_beside(database)
        new.replace(database)


def _add_default(engine: "Engine", folder: Path) -> None:
    # MLflow's first experiment, which it would add itself, and fail where quotes or colons are in the path
    from mlflow.store.tracking.dbmodels.models import SqlExperiment
    from sqlalchemy import insert

    now = int(time.time() * 1000)
    row = {"experiment_id": 0, "name": "Default", "lifecycle_stage": "active", "workspace": "default"}
    row |= {"artifact_location": f"{folder}/mlruns/0", "creation_time": now, "last_update_time": now}
    with engine.begin() as connection:
        connection.execute(insert(SqlExperiment).values(row))


def _upgrade(database: Path, revision: str | None) -> None:
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils
    from sqlalchemy.exc import SQLAlchemyError

    with _unfinished(database) as new:
        _copy(database, new)
        engine = utils.create_sqlalchemy_engine(f"sqlite:///{new}")
        try:
            utils._upgrade_db(engine)
        except (CommandError, MlflowException, SQLAlchemyError) as error:
            if remedy(str(error)):
                raise
            raise DenoiserError(_why_not(database, revision, error)) from error
        finally:
            engine.dispose()
        if not _is_current(*_look(new)):
            raise DenoiserError(_why_not(database, revision, "tables are missing"))
        kept = database.with_name(f"{database.name}.before-upgrade-{revision}")
        if not kept.exists():
            with _unfinished(kept) as copy:
                _copy(database, copy)
                copy.replace(kept)
        # one transaction of SQLite's: whoever has the file open sees the old store or the new one
        _copy(new, database)


def _why_not(database: Path, revision: str | None, error: object) -> str:
    runs = _runs(database)
    if runs == 0:
        return (
            f"{database}: is half made: a program was stopped while it was being made, and there is no run in it yet. "
            f"Delete it: a new one is made by itself."
        )
    reason = str(error).strip().splitlines()[0].rstrip(".")
    if "Can't locate revision" in reason:
        return (
            f"{database}: was made by a newer MLflow than {installed('mlflow')}, which is installed here (its tables "
            f"are at {revision}). Install this project anew, or move the file away to begin a new one."
        )
    return (
        f"{database}: cannot be upgraded for MLflow {installed('mlflow')} (its tables are at {revision}, with "
        f"{'an unknown number of' if runs is None else runs} runs): {reason}. It is as it was. Restore it from a "
        f"backup, or move it away to begin a new one."
    )


def _runs(database: Path) -> int | None:
    with closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
        except sqlite3.OperationalError as error:
            return 0 if "no such table" in str(error) else None


def _copy(source: Path, target: Path) -> None:
    began = time.monotonic()

    def not_for_ever(status: int, remaining: int, total: int) -> None:
        # without this, Python would try as long as another program keeps the file
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() - began > _PATIENCE:
            raise sqlite3.OperationalError("database is locked")

    with closing(sqlite3.connect(source, timeout=_PATIENCE)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, progress=not_for_ever)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    # beside the file, and ignored by git as that is
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        _sweep(unfinished)
        yield unfinished
    finally:
        _sweep(unfinished)


def _sweep(unfinished: Path) -> None:
    unfinished.unlink(missing_ok=True)
    _sweep_beside(unfinished)


def _sweep_beside(database: Path) -> None:
    for suffix in ("-journal", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
