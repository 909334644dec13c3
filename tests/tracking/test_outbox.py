"""A training outlives the store: what was not taken is kept on disk, in order, and sent when it answers again."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from requests import ConnectionError as NoConnectionError
from typer.testing import CliRunner

from svhn_denoiser.cli import app
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.tracking import outbox, training_run
from svhn_denoiser.tracking.store import connect
from tests.example_settings import EXAMPLE
from tests.mlflow_server import MlflowServer
from tests.team_server import AnyStore

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def mortal(tmp_path: Path, empty_database: Path) -> Iterator[MlflowServer]:
    (tmp_path / "server").mkdir()
    server = MlflowServer(tmp_path / "server", empty_database)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the store takes nothing: `away.append(True)`, `away.clear()`."""
    gone: list[bool] = []

    def perhaps(real: Any) -> Any:
        def send(*arguments: Any) -> None:
            if gone:
                raise NoConnectionError("Connection refused")
            real(*arguments)

        return send

    for name in ("send_record", "send_picture"):
        monkeypatch.setattr(outbox, name, perhaps(getattr(outbox, name)))
    return gone


def _steps(run_id: str, name: str = "loss") -> list[int]:
    return sorted(point.step for point in connect().client.get_metric_history(run_id, name))


def _sync() -> dict[str, Any]:
    done = CliRunner().invoke(app, ["runs", "sync", "--json"])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def test_a_server_that_dies_in_a_training_costs_nothing(
    repository: Path, settings: Params, mortal: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mortal.address.replace("//", "//someone:secret@"))
    said: list[str] = []
    with training_run.training_run(settings, say=said.append) as run:
        run.log_epoch(1, {"loss": 0.5, "validation_psnr": 25.0})
        mortal.kill()
        for epoch in (2, 3, 4):
            run.log_epoch(epoch, {"loss": 1 / epoch, "validation_psnr": float("nan")})
        run.log_pictures({"clean-noisy": PICTURE}, 3)
        run.set_tags({"best_epoch": "3"})
    away, kept = said
    assert away.startswith(f"{mortal.address}: takes no records now: Connection refused. The training goes on.")
    assert f"what it did not take of run {run.run_id} is kept in" in kept
    assert "`svhn-denoiser runs sync`" in kept
    (file,), (picture,) = repository.rglob("*.jsonl"), repository.rglob("*.png")
    assert (file.name, picture.name) == (f"{run.run_id}.jsonl", "clean-noisy+3.png")
    assert not any("secret" in text for text in [*said, file.read_text()])

    with pytest.raises(DenoiserError, match="no MLflow server answers"):
        connect()
    mortal.start()
    sent = {"run_id": run.run_id, "points": 6, "pictures": 1, "ended": "FINISHED", "damaged": 0}
    assert _sync() == {"store": mortal.address, "sent": [sent], "kept": [], "elsewhere": [], "registered": None}
    assert _sync()["sent"] == []
    found = connect().client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["best_epoch"] == "3"
    assert _steps(run.run_id) == [1, 2, 3, 4]
    assert len(connect().client.list_artifacts(run.run_id, "images")) == 2
    assert not [path for path in repository.rglob("*") if path.is_file()]


def test_a_store_that_comes_back_gets_all_in_order_before_the_training_ends(
    any_store: AnyStore, settings: Params, away: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "_SECONDS_BETWEEN_TRIES", 0)
    said: list[str] = []
    with training_run.training_run(settings, say=said.append) as run:
        away.append(True)
        run.log_epoch(1, {"loss": 0.5})
        run.set_tags({"note": "old"})
        away.clear()
        run.set_tags({"note": "new"})
        assert _steps(run.run_id) == [1]
        assert connect().client.get_run(run.run_id).data.tags["note"] == "new"
    assert len(said) == 1


def test_a_store_that_is_away_is_not_asked_after_each_epoch(
    store_folder: Path, settings: Params, away: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    with training_run.training_run(settings) as run:
        refuses = outbox.send_record
        monkeypatch.setattr(outbox, "send_record", lambda *a: (asked.append(a), refuses(*a)))
        away.append(True)
        for epoch in range(1, 6):
            run.log_epoch(epoch, {"loss": 0.5})
        assert len(asked) == 1
        away.clear()
    # once more at the end
    assert _steps(run.run_id) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED"), (SystemExit, "KILLED")]
)
def test_how_a_training_ended_is_sent_by_the_next_command(
    store_folder: Path, settings: Params, away: list[bool], error: type[BaseException], status: str
) -> None:
    def train() -> None:
        with training_run.training_run(settings) as run:
            runs.append(run.run_id)
            away.append(True)
            raise error

    runs: list[str] = []
    with pytest.raises(error):
        train()
    assert connect(deliver=False).client.get_run(runs[0]).info.status == "RUNNING"
    connect()
    assert outbox.waiting(), "still away"
    away.clear()
    connect(create=False)
    assert connect().client.get_run(runs[0]).info.status == status
    assert not outbox.waiting()


def test_sending_that_is_stopped_in_between_sends_nothing_twice(
    store_folder: Path, settings: Params, away: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with training_run.training_run(settings) as run:
        away.append(True)
        run.log_epoch(1, {"loss": 0.5})
        run.log_pictures({"a": PICTURE}, 1)
        run.log_epoch(2, {"loss": 0.25})
    away.clear()
    (unsent,) = outbox.waiting()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    store = connect(deliver=False)
    with monkeypatch.context() as patch:
        # after all but the end of the run was sent
        patch.setattr(store.client, "set_terminated", stopped)
        with pytest.raises(KeyboardInterrupt):
            unsent.send(store.client)
    assert _sync()["sent"][0]["points"] == 2
    assert _steps(run.run_id) == [1, 2]
    assert len(connect().client.list_artifacts(run.run_id, "images")) == 2


@pytest.mark.parametrize("damage", ["half of a line", "a bit in each place", "no text"])
def test_a_damaged_line_costs_that_line_alone_and_is_told(
    store_folder: Path, settings: Params, away: list[bool], damage: str
) -> None:
    with training_run.training_run(settings) as run:
        away.append(True)
        run.log_epoch(1, {"loss": 0.5})
        (unsent,) = outbox.waiting()
        with unsent.file.open("ab") as file:
            file.write({"half of a line": b'0badcafe {"metrics": {"lo', "no text": b"\xff\0\n"}.get(damage, b""))
        run.log_epoch(2, {"loss": 0.25})
    away.clear()
    if damage == "a bit in each place":
        first, second, *others = unsent.file.read_bytes().splitlines(keepends=True)
        for place in range(0, len(second) - 1, 7):
            flipped = bytes([*second[:place], second[place] ^ 4, *second[place + 1 :]])
            unsent.file.write_bytes(b"".join([first, flipped, *others]))
            assert [record is None for record in outbox.read(unsent.file)] == [False, True, *[False] * len(others)]
    sent = _sync()["sent"][0]
    assert (sent["damaged"], sent["points"]) == (1, 1 if damage == "a bit in each place" else 2)
    assert not outbox.waiting()


@pytest.mark.parametrize(("left", "damaged"), [(None, 0), (b"", 1), (b"\x89PNG\r\n", 1)], ids=["gone", "empty", "cut"])
def test_a_picture_that_cannot_be_read_holds_nothing_up(
    store_folder: Path, settings: Params, away: list[bool], left: bytes | None, damaged: int
) -> None:
    with training_run.training_run(settings) as run:
        away.append(True)
        run.log_pictures({"clean-noisy": PICTURE}, 1)
        run.log_epoch(1, {"loss": 0.5})
    away.clear()
    (picture,) = store_folder.rglob("clean-noisy+1.png")
    if left is None:
        shutil.rmtree(picture.parent)
    else:
        picture.write_bytes(left)
    sent = _sync()["sent"][0]
    assert (sent["damaged"], sent["pictures"], sent["points"], sent["ended"]) == (damaged, 0, 1, "FINISHED")
    assert not outbox.waiting()


def test_what_waits_for_another_store_waits_on(
    store_folder: Path, settings: Params, away: list[bool], monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> None:
    with training_run.training_run(settings) as run:
        away.append(True)
        run.log_epoch(1, {"loss": 0.5})
    away.clear()
    (store_folder / "other.db").write_bytes(empty_database.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    waits = {"store": "sqlite:///other.db", "sent": [], "kept": [], "elsewhere": ["sqlite:///mlflow.db"]}
    assert _sync() == {**waits, "registered": None}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert (
        CliRunner().invoke(app, ["runs", "sync"]).stdout
        == "sqlite:///mlflow.db: sent 1 point and 0 pictures of 1 run\n"
    )


def test_a_run_that_somebody_deleted_ends_no_training_and_is_told(store_folder: Path, settings: Params) -> None:
    with training_run.training_run(settings) as run:
        run.store.client.delete_run(run.run_id)
        run.log_epoch(1, {"loss": 0.5})
    done = CliRunner().invoke(app, ["runs", "sync"])
    assert isinstance(done.exception, DenoiserError)
    assert f"run {run.run_id}: " in str(done.exception)
    assert "It stays in" in str(done.exception)
    run.store.client.restore_run(run.run_id)
    assert _sync()["sent"][0]["points"] == 1


def test_an_epoch_that_was_kept_but_not_logged_is_logged_when_the_training_goes_on(
    any_store: AnyStore, settings: Params
) -> None:
    with training_run.training_run(settings) as first:
        first.log_epoch(1, {"loss": 0.5})
    with training_run.training_run(settings, run_id=first.run_id, resumed=True) as run:
        run.log_missing({1: {"loss": 0.5}, 2: {"loss": 0.25}})
    assert _steps(run.run_id) == [1, 2]


def _killed_in_its_training(settings_file: Path, *, then: str = "") -> str:
    """The run of a training that a process of its own began and that was killed on the spot."""
    code = f"""
import os, signal, sys
from pathlib import Path
from svhn_denoiser import params
from svhn_denoiser.tracking import outbox
from svhn_denoiser.tracking.training_run import training_run
with training_run(params.load(Path({str(settings_file)!r}))) as run:
    run.log_epoch(1, {{"loss": 0.5}})
    {then}
    print(run.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.strip()


def test_a_training_that_was_killed_on_the_spot_is_marked_by_the_next_command_and_goes_on_in_its_run(
    store_folder: Path, settings: Params
) -> None:
    # the second was killed while the store was away
    away = "outbox.send_record = None; run._outbox.add({'metrics': {'loss': 0.25}, 'step': 2, 'at': outbox.now()})"
    runs = [_killed_in_its_training(EXAMPLE), _killed_in_its_training(EXAMPLE, then=away)]
    client = connect(deliver=False).client
    assert [client.get_run(run).info.status for run in runs] == ["KILLED", "RUNNING"]
    with training_run.training_run(settings, run_id=runs[0], resumed=True) as run:
        assert run.run_id == runs[0]
        # by whatever reaches the store first: the second training, and now this one
        ended = client.get_run(runs[1]).info
        assert (ended.status, _steps(runs[1])) == ("KILLED", [1, 2])
        assert ended.start_time <= ended.end_time <= outbox.now()
        # one that lives is left alone
        assert _sync()["sent"] == []
        assert client.get_run(runs[0]).info.status == "RUNNING"
    assert client.get_run(runs[0]).info.status == "FINISHED"
    assert not list(store_folder.rglob("*.alive*"))


def test_runs_sync_says_which_trainings_were_killed(store_folder: Path) -> None:
    run = _killed_in_its_training(EXAMPLE)
    told = CliRunner().invoke(app, ["runs", "sync"]).stdout
    assert told == (
        "sqlite:///mlflow.db: sent 0 points and 0 pictures of 1 run\n"
        f"run {run}: its training was killed; `dvc repro` goes on with it\n"
    )
    assert _sync()["sent"] == []
