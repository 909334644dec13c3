"""A store in a file is made and upgraded whole or not at all, whenever a program is stopped, and says what is wrong."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.tracking import sqlite_file
from svhn_denoiser.tracking.store import connect, explained
from svhn_denoiser.tracking.training_run import training_run

# isort: split
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from tests.example_settings import ROOT
from tests.privileges import without_privileges

# forks, so that a try costs no imports: what is killed has just begun to make its store
_STOPPED = """
import json, os, signal, sys, time
from pathlib import Path
from mlflow.store.db import utils
from svhn_denoiser.tracking.store import connect

def begin(folder):
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        try:
            connect()
        except KeyboardInterrupt:
            os._exit(130)
        os._exit(0)
    return pid

def ends(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

began = time.monotonic()
assert ends(begin("measured")) == 0
whole = time.monotonic() - began
found = []
for number, kind in enumerate([signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGINT, signal.SIGKILL]):
    pid = begin("stopped")
    time.sleep(whole * (number + 1) / 6)
    os.kill(pid, kind)
    code = ends(pid)
    found.append([code, sorted(path.name for path in Path("stopped").glob("mlflow.db*"))])
    if Path("stopped/mlflow.db").exists():
        assert ends(begin("stopped")) == 0, "a store that is there is whole"
        os.unlink("stopped/mlflow.db")
assert ends(begin("stopped")) == 0
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_store_that_is_stopped_while_it_is_made_is_made_by_the_next_command(tmp_path: Path) -> None:
    for name in ("measured", "stopped"):
        (tmp_path / name / ".git").mkdir(parents=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTEST_", "DVC_"))}
    done = subprocess.run(
        [sys.executable, "-c", _STOPPED],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = {code for code, _ in json.loads(done.stdout)}
    assert codes & {-9, 130}, "each try had ended before it was stopped"
    assert codes <= {-9, 130, 0}
    left = sorted(path.name for path in (tmp_path / "stopped").iterdir())
    assert left == [".git", "mlflow.db", "mlflow.db.lock"]


# what a program that is killed in the middle of a change leaves: the pages as they were before it
_KILLED = """
import os, sqlite3
store = sqlite3.connect("mlflow.db", isolation_level=None)
store.executescript("PRAGMA cache_size = 2; CREATE TABLE a (b)")
store.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
              "INSERT INTO a SELECT printf('%0200d', i) FROM n")
store.executescript("BEGIN; UPDATE a SET b = b || 1")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_program_left_beside_a_store_that_was_deleted_does_not_get_into_a_new_one(
    repository: Path,
) -> None:
    assert subprocess.run([sys.executable, "-c", _KILLED], cwd=repository, check=False).returncode == -9
    (repository / "mlflow.db").unlink()
    assert (repository / "mlflow.db-journal").stat().st_size > 0
    connect()
    with closing(sqlite3.connect(repository / "mlflow.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connect().client.get_experiment_by_name("svhn-denoiser") is not None


@pytest.fixture(scope="module")
def older_database(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store of an older MLflow with an experiment in it, and the revision of its tables."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    database = tmp_path_factory.mktemp("older") / "mlflow.db"
    engine = utils.create_sqlalchemy_engine(f"sqlite:///{database}")
    utils.InitialBase.metadata.create_all(engine)
    config = utils._get_alembic_config(str(engine.url))
    revision = ScriptDirectory.from_config(config).get_revision("heads").down_revision
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO experiments (name, lifecycle_stage) VALUES ('of old', 'active')")
    return database, str(revision)


def _copied(source: Path, folder: Path) -> Path:
    (folder / "mlflow.db").write_bytes(source.read_bytes())
    return folder / "mlflow.db"


def test_a_store_of_an_older_mlflow_is_upgraded_and_a_copy_is_kept(
    repository: Path, older_database: tuple[Path, str]
) -> None:
    source, revision = older_database
    database = _copied(source, repository)
    with pytest.raises(DenoiserError, match=r"another version of MLflow.*`svhn-denoiser runs sync` upgrades it"):
        connect(create=False)
    assert database.read_bytes() == source.read_bytes()
    with closing(sqlite3.connect(database)) as open_meanwhile:
        assert connect().client.get_experiment_by_name("of old") is not None
        (seen,) = open_meanwhile.execute("SELECT version_num FROM alembic_version").fetchone()
    assert seen != revision, "who had the file open goes on in the new store"
    kept = repository / f"mlflow.db.before-upgrade-{revision}"
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
        assert connection.execute("SELECT count(*) FROM experiments WHERE name = 'of old'").fetchone() == (1,)
    assert not list(repository.glob("*unfinished*"))


@pytest.mark.parametrize("moment", ["_upgrade_db", "_copy"])
def test_an_upgrade_that_is_stopped_leaves_the_store_as_it_was(
    repository: Path, older_database: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    from mlflow.store.db import utils

    source, _ = older_database
    database = _copied(source, repository)
    where, calls = (utils if moment == "_upgrade_db" else sqlite_file), []
    real = getattr(where, moment)

    def stopped(*arguments: object) -> None:
        calls.append(arguments)
        real(*arguments)
        if len(calls) == (1 if moment == "_upgrade_db" else 2):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, moment, stopped)
        with pytest.raises(KeyboardInterrupt):
            connect()
    assert database.read_bytes() == source.read_bytes()
    assert not list(repository.glob("*unfinished*"))
    assert connect().client.get_experiment_by_name("of old") is not None


def test_a_store_that_was_never_finished_says_what_to_do(repository: Path, older_database: tuple[Path, str]) -> None:
    database = _copied(older_database[0], repository)
    with closing(sqlite3.connect(database)) as connection, connection:
        # as earlier releases of this project left it: a step was taken that is not written down
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    with pytest.raises(DenoiserError, match=r"mlflow\.db: is half made: .* no run in it yet\. Delete it") as error:
        connect()
    assert "\n" not in str(error.value)
    database.unlink()
    connect()


def test_a_store_with_runs_that_cannot_be_upgraded_stays_as_it_is(store_folder: Path, settings: Params) -> None:
    with training_run(settings):
        pass
    database = store_folder / "mlflow.db"
    for revision, said in (("451aebb31d03", "cannot be upgraded .*1 runs.*as it was"), ("ffff", "by a newer MLflow")):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        content = database.read_bytes()
        with pytest.raises(DenoiserError, match=said):
            connect()
        assert database.read_bytes() == content
        assert not list(store_folder.glob("mlflow.db.*-*"))


def test_an_empty_file_is_no_store_yet(repository: Path) -> None:
    (repository / "mlflow.db").touch()
    with pytest.raises(DenoiserError, match="no MLflow store there yet"):
        connect(create=False)
    assert (repository / "mlflow.db").stat().st_size == 0


def test_a_store_that_another_program_keeps_is_said(store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = connect()
    monkeypatch.setattr(sqlite_file, "_PATIENCE", 0.1)

    def ask() -> None:
        engine = SqlAlchemyStore._engine_map[store.uri]
        with explained(store), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 100")
            connection.exec_driver_sql("SELECT * FROM experiments")

    with closing(sqlite3.connect(store_folder / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for command in (connect, ask):
            with pytest.raises(DenoiserError, match=r"database is locked\. Another program is writing to it: wait"):
                command()


def _ask(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    code = f"from svhn_denoiser import program\ndef main():\n {code}\nprogram.run(main)"
    return without_privileges([sys.executable, "-c", code], folder, PYTHONPATH=str(ROOT))


def test_who_may_only_read_reads_and_is_told_why_nothing_is_written(store_folder: Path, settings: Params) -> None:
    with training_run(settings):
        pass
    (store_folder / "mlflow.db.lock").unlink()
    (store_folder / "mlflow.db").chmod(0o400)
    store_folder.chmod(0o500)
    try:
        read = "from svhn_denoiser.tracking.store import open_store\n with open_store() as s: print(s.experiment_id)"
        done = _ask(store_folder, read)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        write = "from svhn_denoiser.tracking.store import connect\n connect()"
        done = _ask(store_folder, write)
        assert done.returncode == 1
        assert done.stderr.startswith(
            f"error: {store_folder}/mlflow.db: cannot be written: [Errno 13] Permission denied"
        )
        store_folder.chmod(0o700)
        tag = (
            "from svhn_denoiser.tracking.store import connect, explained\n s = connect()\n"
            " with explained(s): s.client.set_experiment_tag(s.experiment_id, 'a', 'b')"
        )
        done = _ask(store_folder, tag)
        assert (done.returncode, done.stderr) == (
            1,
            "error: sqlite:///mlflow.db: MLflow says: attempt to write a readonly database. "
            "Look at who may write to it and to its folder.\n",
        )
    finally:
        store_folder.chmod(0o700)


def test_a_folder_of_artifacts_that_may_not_be_written_is_said(store_folder: Path) -> None:
    (store_folder / "mlartifacts").mkdir(mode=0o500)
    code = (
        "from svhn_denoiser.tracking.store import connect, explained\n s = connect()\n"
        " with explained(s): s.client.log_text(s.client.create_run(s.experiment_id).info.run_id, 'x', 'x.txt')"
    )
    done = _ask(store_folder, code)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Permission denied" in done.stderr
    assert "mlartifacts" in done.stderr
