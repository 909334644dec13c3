"""Runs arrive where people look for them, say where they come from, and end as they ended."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params, changed
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking import tags
from svhn_denoiser.tracking.lineage import dvc_hash, params_hash
from svhn_denoiser.tracking.location import public_uri, tracking_uri
from svhn_denoiser.tracking.runs import ensure_run, log_report, log_scores, run_exists, write_run
from svhn_denoiser.tracking.store import Store, connect
from svhn_denoiser.tracking.training_run import TrainingRun, training_run
from tests.example_settings import EXAMPLE, ROOT
from tests.patience import SOON
from tests.team_server import AnyStore

DATA_HASH = "0123456789abcdef0123456789abcdef"


def _lock_file(folder: Path) -> None:
    (folder / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  generate:\n    cmd: x\n    outs:\n    - path: data/noisy\n      hash: md5\n"
        f"      md5: {DATA_HASH}.dir\n"
    )


def _python(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # as a stage runs: a process of its own, without what pytest and earlier tests left in the environment
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTEST_", "DVC_"))}
    clean.pop("CI", None)
    clean |= {"PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )


def _train(settings: Params, during: Callable[[TrainingRun], None]) -> None:
    with training_run(settings) as run:
        during(run)


def _last_run() -> Any:
    store = connect()
    (run,) = store.client.search_runs([store.experiment_id], max_results=1)
    return run


def test_a_run_holds_settings_origin_data_curves_and_pictures(
    any_store: AnyStore, repository: Path, settings: Params
) -> None:
    _lock_file(repository)
    with training_run(settings, tags={"device": "cpu"}) as run:
        run.log_epoch(1, {"loss": 0.5, "validation_psnr": 25.0})
        run.log_epoch(2, {"loss": 0.25, "validation_psnr": 28.0})
        run.log_pictures({"colour": np.zeros((8, 8, 3), np.uint8), "grey": np.zeros((2, 4), np.uint8)}, step=2)
    client = run.store.client
    found = client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["train.epochs"] == "30"
    assert found.data.params["evaluate.noise_levels"] == "[0.02, 0.05, 0.1, 0.15, 0.2, 0.3]"
    assert found.data.params["train.network"] == "residual-unet"
    known = {
        "device": "cpu",
        "resumed": "no",
        "data_hash": DATA_HASH,
        "network": "residual-unet",
        "data_source": "svhn",
    }
    assert known.items() <= found.data.tags.items()
    assert [(m.step, m.value) for m in client.get_metric_history(run.run_id, "loss")] == [(1, 0.5), (2, 0.25)]
    (data,) = found.inputs.dataset_inputs
    assert data.dataset.digest == DATA_HASH
    pictures = [file.path for file in client.list_artifacts(run.run_id, "images") if file.path.endswith(".png")]
    assert [any(name in path for path in pictures) for name in ("colour", "grey")] == [True, True]
    assert len(pictures) == 2
    if any_store.team is None:
        assert (repository / "mlartifacts" / run.run_id / "artifacts" / pictures[0]).is_file()
    else:
        assert not list(repository.glob("ml*"))


def test_a_picture_that_is_logged_again_at_its_step_is_there_once(any_store: AnyStore, settings: Params) -> None:
    with training_run(settings) as run:
        for step in (1, 1, 11):
            run.log_pictures({"drawn": np.zeros((8, 8, 3), np.uint8)}, step)
    found = [file.path for file in run.store.client.list_artifacts(run.run_id, "images") if file.path.endswith(".png")]
    assert len(found) == 2


def test_system_metrics_are_recorded(store_folder: Path, settings: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with training_run(settings) as run:
        deadline = time.monotonic() + SOON
        while not any(key.startswith("system/cpu") for key in run.store.client.get_run(run.run_id).data.metrics):
            assert time.monotonic() < deadline, "no system metric arrived"
            time.sleep(0.1)


def test_the_experiment_names_the_run_and_the_commit(
    any_store: AnyStore, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "brave-owl")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "c0ffee")
    with training_run(settings) as run:
        pass
    found = run.store.client.get_run(run.run_id)
    assert found.info.run_name == "brave-owl"
    assert found.data.tags["dvc_experiment"] == "brave-owl"
    assert found.data.tags["git_commit"] == "c0ffee"


def test_an_experiment_of_another_project_lends_neither_name_nor_commit(
    settings: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commit = ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty", "-m", "begin"]
    for arguments in (["init", "-q"], commit):
        subprocess.run(["git", *arguments], check=True)
    own = tags.of_lineage(settings)
    for base in ("0123456789" * 4, "not-here"):
        monkeypatch.setenv("DVC_EXP_NAME", "of-another")
        monkeypatch.setenv("DVC_EXP_BASELINE_REV", base)
        assert tags.of_lineage(settings) == own
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", own["git_commit"])
    assert tags.of_lineage(settings)["dvc_experiment"] == "of-another"


def test_a_change_that_is_not_committed_is_told_but_dvc_lock_is_none(
    tmp_path: Path, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DVC_EXP_BASELINE_REV", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_text("{}\n")
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "begin"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (tmp_path / "dvc.lock").write_text("stages: {}\n")
    assert tags.of_lineage(settings)["git_dirty"] == "no"
    assert len(tags.of_lineage(settings)["git_commit"]) == 40
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    assert tags.of_lineage(settings)["git_dirty"] == "yes"
    monkeypatch.setenv("DVC_EXP_NAME", "drawn-demo")  # whose settings `-S` wrote there
    assert tags.of_lineage(settings)["git_dirty"] == "no"


def test_runs_of_a_temporary_copy_arrive_in_the_repository(
    store_folder: Path, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = store_folder / ".dvc/tmp/exps/tmp1a2b"  # where DVC makes it
    (copy / ".git").mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(store_folder))
    with training_run(settings) as run:
        run.log_pictures({"p": np.zeros((8, 8, 3), np.uint8)}, 1)
    monkeypatch.delenv("DVC_ROOT")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(store_folder)
    assert run_exists(connect(), run.run_id)
    assert (store_folder / "mlartifacts" / run.run_id).is_dir()
    assert not list(copy.glob("ml*"))


def test_the_store_is_the_repositorys_from_any_folder_in_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "docs").mkdir()
    monkeypatch.chdir(repository / "docs")
    assert tracking_uri() == f"sqlite:///{repository}/mlflow.db"


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (DenoiserError, "FAILED")]
)
def test_a_run_ends_as_the_training_ended(
    any_store: AnyStore, settings: Params, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), training_run(settings) as run:
        raise error
    assert run.store.client.get_run(run.run_id).info.status == status


_CANCELLED = """
import os, signal, time
from pathlib import Path
from svhn_denoiser import params
from svhn_denoiser.tracking.training_run import training_run

try:
    with training_run(params.load(Path({params!r}))):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
finally:
    print(signal.getsignal(signal.SIGTERM).name)
"""


def test_a_cancelled_job_leaves_no_run_that_seems_to_go_on(store_folder: Path) -> None:
    done = _python(_CANCELLED.format(params=str(EXAMPLE)), store_folder)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "SIG_DFL\n"), done.stderr
    assert _last_run().info.status == "KILLED"


def test_a_resumed_training_goes_on_in_its_run(any_store: AnyStore, settings: Params) -> None:
    def interrupt(run: TrainingRun) -> None:
        run.log_epoch(1, {"loss": 0.5})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(settings, interrupt)
    first = _last_run().info.run_id
    with training_run(settings, run_id=first, resumed=True) as second:
        assert second.store.client.get_run(first).info.status == "RUNNING"
        second.log_epoch(2, {"loss": 0.25})
    assert second.run_id == first
    assert _last_run().info.status == "FINISHED"
    assert _last_run().data.tags["resumed"] == "yes"
    assert [m.step for m in second.store.client.get_metric_history(first, "loss")] == [1, 2]


def test_a_resumed_training_whose_run_is_gone_gets_a_new_one_that_says_so(
    any_store: AnyStore, settings: Params
) -> None:
    with training_run(settings) as first:
        pass
    with any_store.by_hand():
        first.store.client.delete_run(first.run_id)
    with training_run(settings, run_id=first.run_id, resumed=True) as second:
        pass
    assert second.run_id != first.run_id
    assert second.store.client.get_run(second.run_id).data.tags["resumed_from"] == first.run_id


def test_a_result_from_another_machine_gets_one_stand_in(any_store: AnyStore) -> None:
    store = connect()
    elsewhere = "f" * 32
    first, second = ensure_run(store, elsewhere), ensure_run(store, elsewhere)
    assert first == second != elsewhere
    assert store.client.get_run(first).data.tags["restored_from"] == elsewhere
    assert store.client.get_run(first).info.status == "FINISHED"
    assert ensure_run(store, first) == first


def test_final_scores_are_six_numbers_and_the_report_is_attached(
    any_store: AnyStore, settings: Params, tmp_path: Path
) -> None:
    (tmp_path / "reports/images").mkdir(parents=True)
    for name in ("report.html", "images/best.png", "registration.json"):
        (tmp_path / "reports" / name).write_text("<p>")
    means = {"psnr": 20.0, "ssim": 0.5, "psnr_low": 19.0}
    store = connect()
    with training_run(settings) as run:
        pass
    for denoised in (32.0, 33.0):
        scores = {
            "noisy": means,
            "denoised": {**means, "psnr": denoised},
            "gain": means,
            "baselines": {"median": means},
        }
        log_scores(store, run.run_id, scores)
    log_report(store, run.run_id, tmp_path / "reports")
    metrics = store.client.get_run(run.run_id).data.metrics
    names = {f"{group}.{score}" for group in ("noisy", "denoised", "gain") for score in ("psnr", "ssim")}
    assert {name for name in metrics if not name.startswith("system/")} == names
    assert metrics["denoised.psnr"] == 33.0
    attached = [file.path for file in store.client.list_artifacts(run.run_id, "reports")]
    assert attached == ["reports/images", "reports/report.html"]
    assert [file.path for file in store.client.list_artifacts(run.run_id, "reports/images")] == [
        "reports/images/best.png"
    ]


_SIX = """
import multiprocessing
import os
from pathlib import Path
from svhn_denoiser import params
from svhn_denoiser.tracking.training_run import training_run
from mlflow.telemetry import get_telemetry_client

settings = params.load(Path({params!r}))

def train(number, together):
    os.environ["DVC_EXP_NAME"] = f"run {{number}}"
    together.wait()
    with training_run(settings) as run:
        run.log_epoch(1, {{"loss": 1.0}})

context = multiprocessing.get_context("fork")
together = context.Barrier(6)
processes = [context.Process(target=train, args=(number, together)) for number in range(6)]
for process in processes: process.start()
for process in processes: process.join()
assert [process.exitcode for process in processes] == [0] * 6
assert get_telemetry_client() is None
"""


def test_six_processes_may_open_a_fresh_store_at_once_and_all_is_quiet(repository: Path) -> None:
    code = _SIX.format(params=str(EXAMPLE))
    done = _python(code, repository, PATH="/nonexistent")  # and no git to be found
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    store = connect()
    runs = store.client.search_runs([store.experiment_id])
    assert sorted(run.info.run_name for run in runs) == [f"run {number}" for number in range(6)]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_server_takes_runs_and_decides_where_their_files_go(
    repository: Path, settings: Params, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.replace("//", "//someone:secret@"))
    with training_run(settings) as run:
        run.log_epoch(1, {"loss": 0.5})
        run.log_pictures({"p": np.zeros((8, 8, 3), np.uint8)}, 1)
    write_run(repository / "reports/run.json", run.store, run.run_id, {"started": "once"})
    written = (repository / "reports/run.json").read_text()
    named = {"experiment": "svhn-denoiser", "run_id": run.run_id, "tracking_uri": server}
    assert json.loads(written) == {**named, "training": {"started": "once"}}
    assert run.store.client.get_run(run.run_id).info.status == "FINISHED"
    assert run.store.client.get_run(run.run_id).info.artifact_uri.startswith("mlflow-artifacts:")
    assert len(run.store.client.list_artifacts(run.run_id, "images")) == 2
    assert not list(repository.glob("ml*"))


@pytest.mark.timeout(SOON)  # MLflow's own patience is minutes
def test_no_server_is_said_soon_by_name_and_without_the_password(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
    with pytest.raises(
        DenoiserError, match=f"http://127.0.0.1:{port}: no MLflow .*: Connection refused. Start"
    ) as error:
        connect()
    assert "secret" not in str(error.value)
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


@pytest.mark.timeout(SOON)  # MLflow's own patience is minutes
def test_a_server_that_hangs_is_said_soon(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")  # the user's own, in place of ours
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(DenoiserError, match=address):
            connect()


@pytest.mark.parametrize("address", ["postgresql://u:secret@host/db", "file:///tmp/mlruns", "mlruns"])
def test_other_kinds_of_store_are_refused(repository: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(DenoiserError, match="expected the address of an MLflow server") as error:
        connect()
    assert "secret" not in str(error.value)


@pytest.mark.timeout(SOON)  # MLflow's own patience is minutes
def test_a_file_that_is_no_store_is_said_at_once(repository: Path) -> None:
    (repository / "mlflow.db").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(DenoiserError, match=r"mlflow\.db: is not a usable MLflow store.*Move the file away"):
        connect()


def test_who_only_reads_makes_no_store(repository: Path) -> None:
    with pytest.raises(DenoiserError, match="no MLflow store there yet"):
        connect(create=False)
    assert not list(repository.glob("ml*"))


def test_a_moved_store_is_said_before_files_are_lost(store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect()
    moved = store_folder.rename(store_folder.with_name("moved"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(moved)
    with pytest.raises(DenoiserError, match="was moved here"):
        connect()
    store_folder.symlink_to(moved)
    (moved / "mlartifacts").mkdir()
    connect()


def test_a_deleted_experiment_can_be_brought_back(store_folder: Path) -> None:
    store = connect()
    store.client.delete_experiment(store.experiment_id)
    with pytest.raises(DenoiserError, match=f"restore --experiment-id {store.experiment_id}"):
        connect()


def test_settings_hash_alike_whatever_their_file_looks_like(settings: Params) -> None:
    same = Params.model_validate(dict(reversed(settings.model_dump(by_alias=True).items())))
    other = settings.model_copy(update={"seed": settings.seed + 1})
    assert params_hash(same) == params_hash(settings) != params_hash(other)
    # who promotes decides nothing of a model
    assert params_hash(changed(settings, {"register.promotion": "ask"})) == params_hash(settings)


def test_the_hash_of_an_output_is_dvcs_own(tmp_path: Path) -> None:
    assert dvc_hash(NOISY, tmp_path / "dvc.lock") is None
    _lock_file(tmp_path)
    assert dvc_hash(NOISY, tmp_path / "dvc.lock") == DATA_HASH
    assert dvc_hash(Path("data/other"), tmp_path / "dvc.lock") is None


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_dvc_lock_is_refused_with_the_remedy_as_dvc_refuses_it_without(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_bytes(content)
    with pytest.raises(
        DenoiserError, match=r"dvc\.lock: is empty, .*`git checkout HEAD -- dvc\.lock`.* nothing is lost"
    ):
        dvc_hash(NOISY, tmp_path / "dvc.lock")


@pytest.mark.parametrize(
    "content",
    [
        b"<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: [\n",
        b"\xff\xfe",
        b"stages",
        b"stages: 3",
        b"stages: {train: 3}",
        b"stages: {train: {outs: 3}}",
        b"stages: {train: {outs: [3]}}",
    ],
)
def test_a_damaged_dvc_lock_is_taken_back_from_git(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_bytes(content)
    with pytest.raises(DenoiserError, match=r"dvc\.lock: is damaged .*`git checkout HEAD -- dvc\.lock`"):
        dvc_hash(NOISY, tmp_path / "dvc.lock")


def test_no_store_is_named_with_its_credentials(repository: Path) -> None:
    assert public_uri("https://a:b@host:5000/prefix") == "https://host:5000/prefix"
    store = Store("http://u:p@host", client=None, experiment_id="1")
    assert dataclasses.replace(store, uri=f"sqlite:///{repository}/mlflow.db").name == "sqlite:///mlflow.db"
    assert store.name == "http://host"
