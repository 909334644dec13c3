"""A team's server: who may do what is found out before anything is trained, and said in words."""

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from typer.testing import CliRunner

from svhn_denoiser.cli import app
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.params import Params
from svhn_denoiser.registry import promotion, versions
from svhn_denoiser.retraining import registry_access
from svhn_denoiser.tracking import rights, views
from svhn_denoiser.tracking import store as store_module
from svhn_denoiser.tracking.store import Store, connect
from svhn_denoiser.tracking.training_run import training_run
from tests.guard import guarded
from tests.team_server import MEMBER, NAME, PASSWORDS, READER, AnyStore

ACCOUNTS = pytest.mark.parametrize("any_store", [pytest.param("accounts", marks=pytest.mark.slow)], indirect=True)
DIRECT = pytest.mark.parametrize("any_store", [pytest.param("direct", marks=pytest.mark.slow)], indirect=True)
EXPERIMENT, MODEL = f"EDIT on the experiment {NAME}", f"EDIT on the registered model {NAME}"


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = keras.Input((None, None, 3))
    file = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Model(pixels, keras.layers.AveragePooling2D(3, strides=1, padding="same")(pixels)).save(file)
    return file


def as_user(patch: pytest.MonkeyPatch, user: str, password: str | None = None) -> None:
    patch.setenv("MLFLOW_TRACKING_USERNAME", user)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", password or PASSWORDS[user])


def forget_s3(patch: pytest.MonkeyPatch) -> None:
    # MLflow and boto3 keep a client, and the keys, for the process
    import boto3
    from mlflow.store.artifact import s3_artifact_repo

    s3_artifact_repo._cached_get_s3_client.cache_clear()
    patch.setattr(boto3, "DEFAULT_SESSION", None)


def register(store: Store, model_file: Path, sha256: str) -> versions.Version:
    run = store.client.create_run(store.experiment_id).info.run_id
    return versions.add(store, load_model(model_file), sha256=sha256, run_id=run, tags={"psnr": "30"})


@ACCOUNTS
def test_who_may_only_read_is_told_before_anything_is_trained(
    any_store: AnyStore, settings: Params, model_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = connect()
    promotion.promote(store, register(store, model_file, "a"), over=None, by="somebody", reason="a test")
    register(store, model_file, "b")
    as_user(monkeypatch, READER)
    lacks = f"the user {READER} lacks {EXPERIMENT} and {MODEL}. Who has MANAGE there can give it"
    with pytest.raises(DenoiserError, match=lacks), training_run(settings):
        pytest.fail("it trained")
    with pytest.raises(DenoiserError, match=f"{lacks}.* --report-only does without"):
        registry_access.access(report_only=False)
    assert lacks in (registry_access.problem(report_only=False) or "")
    assert registry_access.problem(report_only=True) is None
    assert len(store.client.search_runs([store.experiment_id])) == 2
    # and reads what there is
    shown = CliRunner().invoke(app, ["ui", "--no-browser"])
    assert shown.exit_code == 0, shown.exception
    page = f"{any_store.team.address}/#/experiments/{store.experiment_id}/runs?workflowType=machine_learning"
    why = f"the user {READER} may not do this: it needs {EXPERIMENT}. Who has MANAGE there can give it"
    assert shown.stdout.startswith(f"runs:\n  {page}\n")
    assert shown.stderr.startswith(f"The views could not be saved, so this is MLflow's own page of runs: {why}")
    as_user(monkeypatch, MEMBER)
    views.write(store)
    as_user(monkeypatch, READER)
    shown = CliRunner().invoke(app, ["ui", "--no-browser"])
    assert shown.stdout.startswith(f"runs, best first:\n  {page}&viewStateShareKey={views.TABLE}\n")
    assert shown.stderr.startswith(f"The views could not be saved, so these are older ones: {why}")
    assert CliRunner().invoke(app, ["registry", "show", "champion"]).exit_code == 0
    assert load_model(versions.fetch(connect(create=False), f"models:/{NAME}@champion", tmp_path)) is not None
    for command in (["registry", "promote", "2", "--reason", "x"], ["registry", "rollback", "--reason", "x"]):
        refused = CliRunner().invoke(app, command).exception
        assert f"the user {READER} may not do this: it needs {MODEL}" in str(refused), command


@ACCOUNTS
def test_who_may_record_runs_and_not_register_is_told_so_and_may_train(
    any_store: AnyStore, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_store.team.grant(MEMBER, "registered_model", NAME, "READ")
    said: list[str] = []
    with training_run(settings, say=said.append) as run:
        run.log_epoch(1, {"loss": 0.5})
    (line,) = said
    assert f"{MEMBER} lacks {MODEL}. " in line
    assert line.endswith("The training is recorded; the model cannot be registered.")
    assert f"lacks {MODEL}. " in (registry_access.problem(report_only=False) or "")
    assert registry_access.problem(report_only=True) is None


@ACCOUNTS
def test_a_wrong_password_and_none_each_have_their_remedy(any_store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    address = any_store.team.address
    as_user(monkeypatch, MEMBER, "mistyped")
    with pytest.raises(DenoiserError) as wrong:
        connect()
    assert str(wrong.value) == (
        f"{address}: it does not let the user {MEMBER} in. The password or token is wrong, or expired: look at "
        f"MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
    )
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name)
    with pytest.raises(DenoiserError, match=r"it asks who you are\. Set MLFLOW_TRACKING_USERNAME and MLFLOW_"):
        connect()


@ACCOUNTS
def test_a_server_that_does_not_know_its_name_is_told_from_one_that_gives_no_right(any_store: AnyStore) -> None:
    address = any_store.team.address
    got = requests.get(f"{address}/api/2.0/mlflow/experiments/get", headers={"Host": "team.example.org"}, timeout=None)
    assert got.status_code == 403
    error = MlflowException(f"failed with error code 403 != 200. Response body: '{got.text}'", PERMISSION_DENIED)
    assert rights.refusal(error).endswith("adds the name to MLFLOW_SERVER_ALLOWED_HOSTS.")


@DIRECT
def test_artifacts_that_the_server_does_not_hand_on_need_a_plug_in_and_credentials_before_a_training(
    any_store: AnyStore, settings: Params, model_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = connect()
    assert store.artifacts.startswith("s3://team/direct/")
    promotion.promote(store, register(store, model_file, "a"), over=None, by="somebody", reason="a test")
    without = r"leaves it to this machine to reach artifacts in s3://team/direct/.*boto3.*Install it: `make s3`"
    forget_s3(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "boto3", None)
        with pytest.raises(DenoiserError, match=without), training_run(settings):
            pytest.fail("it trained")
        assert "`make s3`" in (registry_access.problem(report_only=False) or "")
        with pytest.raises(DenoiserError, match=without):
            versions.fetch(connect(create=False), f"models:/{NAME}@champion", tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    forget_s3(monkeypatch)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        pytest.raises(DenoiserError, match=r"Unable to locate credentials\. .*AWS_ACCESS_KEY_ID and AWS_SECRET_ACC"),
        training_run(settings),
    ):
        pytest.fail("it trained")


def test_a_server_may_answer_under_a_path(
    repository: Path, server: str, settings: Params, model_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with guarded(server, None, prefix="/teams/one") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with training_run(settings) as run:
            run.log_epoch(1, {"loss": 0.5})
        added = register(run.store, model_file, "under a path")
        found = versions.fetch(run.store, f"models:/{NAME}/{added.number}", tmp_path)
    assert run.store.name == address
    assert load_model(found) is not None


def test_a_slow_server_is_waited_for_and_what_gives_it_more_time_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(store_module, "_SECONDS_UNTIL_TOLD", 0.1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        began = time.monotonic()
        with pytest.raises(DenoiserError, match=r"timed out.* a slow server gets more from MLFLOW_HTTP_REQUEST_TIMEOU"):
            connect()
    assert time.monotonic() - began >= 2, "twice a second"
    assert capfd.readouterr().err.splitlines()[0] == f"waiting for {address}"
