"""Where the store is: what is decided by the environment is followed knowingly, or refused in words and at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.tracking.location import repository_root, store_exists, tracking_uri
from svhn_denoiser.tracking.store import connect
from svhn_denoiser.tracking.training_run import training_run

NO_TEXT = os.fsdecode(b"\xffouses")
PLACES = (
    "house numbers",
    "häuser → 37",
    "a#b",
    "a+b&c=d;e'f\"g",
    "50% off",
    "a%20b",
    "a%2Fb",
    "why?",
    "a?b=c",
    NO_TEXT,
)


@pytest.mark.parametrize("name", PLACES)
def test_a_repository_may_have_any_name_or_is_refused_at_once(
    store_folder: Path, settings: Params, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = store_folder.rename(store_folder.with_name(name))
    monkeypatch.chdir(folder)
    if "%" in name or "?" in name or name == NO_TEXT:
        why = "that is not UTF-8" if name == NO_TEXT else "with a [%?] in it"
        with pytest.raises(DenoiserError, match=rf"mlflow\.db: MLflow cannot keep a store in a path {why}"):
            connect()
        with pytest.raises(DenoiserError):
            store_exists()
    else:
        with training_run(settings) as run:
            run.set_tags({"note": name})
        page = folder / "x.html"
        page.write_text(name)
        run.store.client.log_artifact(run.run_id, str(page))
        assert connect().client.get_run(run.run_id).data.tags["note"] == name
        assert (folder / "mlartifacts" / run.run_id / "artifacts/x.html").is_file()
    assert [entry.name for entry in folder.parent.iterdir()] == [name]


def test_a_store_is_made_in_a_folder_with_all_that_a_database_could_stumble_over(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository.rename(repository.with_name(":q\"'\\x; --"))
    monkeypatch.chdir(folder)
    client = connect().client
    assert sorted(found.name for found in client.search_experiments()) == ["Default", "svhn-denoiser"]
    assert client.create_experiment("another") == "2"


@pytest.mark.parametrize(
    ("given", "file"),
    [
        ("sqlite:///other/store.db", "{root}/other/store.db"),
        ("sqlite:////elsewhere/store.db", "/elsewhere/store.db"),
        ("SQLite:///store.db", "{root}/store.db"),
        (" sqlite:///store.db\n", "{root}/store.db"),
        ("", "{root}/mlflow.db"),
    ],
)
def test_a_file_may_be_named_in_several_ways(
    repository: Path, monkeypatch: pytest.MonkeyPatch, given: str, file: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert tracking_uri() == f"sqlite:///{file.format(root=repository)}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sqlite:///a.db?timeout=30", "options of a file are not taken"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///.git", "names no file"),
        ("sqlite:///new/", "names no file"),
        ("sqlite:///~/mlflow.db", "~ stands for no folder here"),
        ("sqlite://", "expected the address of an MLflow server"),
        ("sqlite:a.db", "expected the address of an MLflow server"),
        ("http://host:5000/#/experiments/1", "Leave out the # and all after it"),
        ("http://host:5000/prefix?a=b", r"Leave out the \? and all after it"),
        ("http://[::1", "is no address"),
        ("http://", "is no address"),
        ("https://:5000", "is no address"),
        ("http://host:port", "is no address"),
        ("http://host:99999", "is no address"),
        ("http://my host:5000", "is no address"),
        ("postgresql://u:secret@host/db", "expected the address of an MLflow server"),
        ("databricks", "expected the address of an MLflow server"),
    ],
)
def test_an_address_with_a_mistake_is_refused_at_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    for ask in (connect, tracking_uri, store_exists):
        with pytest.raises(DenoiserError, match=f"^MLFLOW_TRACKING_URI = .*{said}") as error:
            ask()
        assert "secret" not in str(error.value)
    assert [entry.name for entry in repository.iterdir()] == [".git"]


def test_models_are_not_looked_for_in_another_workspace(store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect()
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-a")
    with pytest.raises(DenoiserError, match=r"^MLFLOW_ENABLE_WORKSPACES = true: .* Unset it"):
        connect(create=False)


def test_an_upper_case_scheme_of_a_server_is_one(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "HTTP://host:5000/prefix")
    assert tracking_uri() == "http://host:5000/prefix"


def test_models_in_another_place_than_their_runs_are_refused(
    store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///mlflow.db")
    connect()
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://u:secret@elsewhere:5000")
    with pytest.raises(
        DenoiserError, match=r"^MLFLOW_REGISTRY_URI = http://elsewhere:5000: .*Unset MLFLOW_REGISTRY_URI"
    ) as error:
        connect()
    assert "secret" not in str(error.value)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///registry.db")
    with pytest.raises(DenoiserError, match=r"sqlite:///registry\.db: models are registered where their runs are"):
        connect()
    assert not list(store_folder.glob("registry*"))


def test_the_repository_is_the_one_around_the_working_folder_whatever_dvc_root_says(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    for folder in (other, tmp_path):  # also one that holds this one
        (folder / ".dvc/tmp").mkdir(parents=True)
        monkeypatch.setenv("DVC_ROOT", str(folder))
        monkeypatch.setenv("DVC_STAGE", "train")
        assert repository_root() == repository
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "gone"))
    assert repository_root() == repository


@pytest.mark.parametrize("name", ["MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"])
def test_where_other_programs_record_makes_no_difference(
    store_folder: Path, settings: Params, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "0")
    with training_run(settings) as run:
        run.log_epoch(1, {"loss": 0.5})
    store = connect()
    assert store.experiment_id != "0"
    assert [found.info.run_id for found in store.client.search_runs([store.experiment_id])] == [run.run_id]


def test_a_setting_of_mlflow_that_is_no_number_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon")
    with pytest.raises(DenoiserError, match="MLFLOW_HTTP_REQUEST_TIMEOUT"):
        connect()


def test_a_setting_that_mlflow_cannot_be_imported_with_is_said(repository: Path) -> None:
    command = [sys.executable, "-c", "from svhn_denoiser.cli import main; main()", "runs", "sync"]
    environment = {**os.environ, "MLFLOW_LOGGING_LEVEL": "loud"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: a variable of MLflow's in the environment is wrong (MLFLOW_…): ")
    assert done.stderr.endswith("'LOUD'.\n")


def test_a_proxy_that_cannot_be_used_is_not_taken_for_the_server(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example")
    monkeypatch.setenv("http_proxy", "http://me:hunter22@127.0.0.1:9")
    with pytest.raises(DenoiserError, match=r"the proxy of HTTP_PROXY or HTTPS_PROXY .* Connection refused") as error:
        connect()
    assert "hunter22" not in str(error.value)
