"""The registry as a retraining meets it: reachable or not, with credentials or without."""

import shutil
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import versions
from svhn_denoiser.retraining import registry_access
from svhn_denoiser.tracking.location import public_uri, tracking_uri
from svhn_denoiser.tracking.store import connect
from tests.guard import guarded


def test_without_any_credentials_a_run_only_reports_and_is_recorded_here(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in registry_access.CREDENTIALS:
        monkeypatch.setenv(name, "")  # as of a secret that a fork does not get
    with guarded("http://127.0.0.1:9", {"somebody": "with a password"}) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        access = registry_access.access(report_only=False)
        with pytest.raises(DenoiserError, match=r"it asks who you are\. Set MLFLOW_TRACKING_"):
            registry_access.access(report_only=False, to_be_committed=True)
    assert (access.report_only, access.knows_champion) == (True, False)
    refused = "asks for credentials, and none are set: nothing is promoted, this only reports."
    assert access.note == f"{address} {refused}"
    assert public_uri(tracking_uri()) == address
    for name, value in access.environment.items():
        monkeypatch.setenv(name, value)
    assert tracking_uri() == f"sqlite:///{repository}/mlflow.db"


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_URI"])
def test_credentials_that_a_server_refuses_are_an_error_and_no_silent_report(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for each in registry_access.CREDENTIALS:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "expired")
    with guarded("http://127.0.0.1:9", {"somebody": "with a password"}) as address:
        with_password = address.replace("://", "://me:mistyped@") if name == "MLFLOW_TRACKING_URI" else address
        monkeypatch.setenv("MLFLOW_TRACKING_URI", with_password)
        with pytest.raises(DenoiserError, match=r"(does not let|asks who).*--report-only does without") as error:
            registry_access.access(report_only=False)
        assert name in str(error.value)
        assert "mistyped" not in str(error.value)
        assert registry_access.access(report_only=True).report_only


def test_a_server_that_can_only_be_read_does_for_a_report(
    repository: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    connect()
    with guarded(server, {"me": "my password"}, readers=["me"]) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("://", "://me:my password@"))
        access = registry_access.access(report_only=True)
    assert access == registry_access.Access(
        report_only=True,
        knows_champion=True,
        takes_runs=False,
        note=f"{address} can only be read: the training is recorded in this checkout.",
    )
    assert access.environment == {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    writable = registry_access.access(report_only=True)
    assert writable == registry_access.Access(report_only=True, knows_champion=True)
    assert writable.environment == {}


def test_a_server_that_is_gone_is_an_error_unless_nothing_is_to_be_registered(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(DenoiserError, match=r"http://127\.0\.0\.1:9: no MLflow server answers there"):
        registry_access.access(report_only=False)
    assert registry_access.access(report_only=True).note == (
        "http://127.0.0.1:9 does not answer: nothing is promoted, this only reports."
    )


def test_a_store_in_the_checkout_is_used_and_a_new_one_is_said_to_be_new(
    repository: Path, empty_database: Path
) -> None:
    fresh = registry_access.access(report_only=False)
    assert (fresh.report_only, fresh.knows_champion) == (False, False)
    assert "new in this checkout" in (fresh.note or "")
    shutil.copy(empty_database, repository / "mlflow.db")
    assert registry_access.access(report_only=False) == registry_access.Access(report_only=False, knows_champion=True)


def test_what_was_registered_at_a_desk_is_registered_with_the_server_too(
    store_folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = connect()
    known = {"run_id": desk.client.create_run(desk.experiment_id).info.run_id, "version": 1}
    assert registry_access.registered_elsewhere(known) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert registry_access.registered_elsewhere(known) == (
        f"{server} does not have the model: it was registered elsewhere"
    )


def test_an_old_registration_is_out_of_date_when_the_champion_is_another_one(
    store_folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = connect()
    run = desk.client.create_run(desk.experiment_id).info.run_id
    desk.client.create_registered_model(versions.MODEL)
    for version in ("1", "2"):
        desk.client.create_model_version(versions.MODEL, str(store_folder), run)
        desk.client.set_registered_model_alias(versions.MODEL, versions.CHAMPION, version)
    assert registry_access.out_of_date({"run_id": run, "champion_after": 2}) is None
    assert (
        registry_access.out_of_date({"run_id": run, "champion_after": 1}) == "the champion is version 2 now, and was 1"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert "registered elsewhere" in (registry_access.out_of_date({"run_id": run, "champion_after": 2}) or "")
