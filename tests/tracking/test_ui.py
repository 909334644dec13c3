"""`svhn-denoiser ui`: the views that it saves, the addresses it prints, and what it refuses."""

import json
import re
import socket
from typing import Any

import pytest

from svhn_denoiser.dotted import as_text, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.tracking import views
from svhn_denoiser.tracking.store import Store, connect
from tests.command_line import invoke, program
from tests.example_settings import changed


def scored(store: Store, settings: Params, psnr: float | None, status: str = "FINISHED") -> str:
    """A run as a training and an evaluation leave it, as far as the views go."""
    run_id = store.client.create_run(store.experiment_id).info.run_id
    for key, value in flat(settings.model_dump(by_alias=True)).items():
        store.client.log_param(run_id, key, as_text(value))
    if psnr is not None:
        store.client.log_metric(run_id, "denoised.psnr", psnr)
    store.client.set_terminated(run_id, status)
    return run_id


def saved(store: Store, view: str) -> dict[str, Any]:
    tag = store.client.get_experiment(store.experiment_id).tags[f"mlflow.sharedViewState.{view}"]
    assert len(tag) <= 5000
    return json.loads(json.loads(tag)["state"])


def test_the_table_has_a_column_for_what_differs_and_hides_what_has_no_score(store_folder, settings):
    store = connect()
    best = scored(store, changed(settings, train__width=24), 31.0)
    scored(store, changed(settings, train__network="autoencoder-2021", evaluate__self_ensemble=True), 22.0)
    scored(store, changed(settings, train__epochs=7), None, "FAILED")
    for _ in range(2):  # again: replaced, not added to
        views.write(store)
    state = saved(store, views.TABLE)
    columns = state["selectedColumns"]
    # a network has its column already, and the failed run's epochs differ from nothing that is shown
    assert [name for name in columns if name.startswith("params.")] == [
        "params.`train.width`",
        "params.`evaluate.self_ensemble`",
    ]
    assert columns[0] == "metrics.`denoised.psnr`"
    assert {"tags.`gate`", "tags.`network`", "tags.`noise`", "tags.`data_source`"} < set(columns)
    assert set(state["columnWidths"]) == set(state["columnOrder"]) > set(columns)
    assert views.scored_runs(store)[0].info.run_id == best
    shared = [name for name in store.client.get_experiment(store.experiment_id).tags if "sharedViewState" in name]
    assert len(shared) == 3
    # MLflow finds them at the beginning alone
    assert "/#/compare-runs?runs=%5B%22" in dict(views.addresses(store, "http://x", saved=True))["the best 2 compared"]


def test_a_view_stays_within_what_a_tag_holds_whatever_differs(store_folder, settings):
    store = connect()
    values = flat(settings.model_dump(by_alias=True))
    for other in ("", " and something else"):
        run_id = store.client.create_run(store.experiment_id).info.run_id
        for key, value in values.items():
            store.client.log_param(run_id, key, f"{value}{other}")
        store.client.log_metric(run_id, "denoised.psnr", 30.0)
    views.write(store)
    for view in (views.TABLE, views.CURVES, views.DIFFERENCES):
        tag = store.client.get_experiment(store.experiment_id).tags[f"mlflow.sharedViewState.{view}"]
        assert len(tag) <= 5000
        json.loads(json.loads(tag)["state"]) if "deflate;" not in tag else None
    assert len([c for c in saved(store, views.TABLE)["selectedColumns"] if c.startswith("params.")]) == 12


def test_on_a_server_nothing_is_started_and_the_addresses_are_its_own(server, repository, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    connect()
    done = program("ui", "--no-browser", folder=tmp_path, MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{server}/#/experiments/\d+/runs\?.*viewStateShareKey={views.TABLE}", done.stdout)
    assert "Ctrl-C" not in done.stdout


def test_who_may_not_write_gets_the_plain_page_and_one_line_why(store_folder, settings, monkeypatch, capsys):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    from svhn_denoiser.tracking import ui_command

    def refuse(*_: object) -> None:
        raise MlflowException("Permission denied")

    store = connect()
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    written = ui_command._saved(store)
    assert not written
    assert capsys.readouterr().err == (
        "The views could not be saved, so this is MLflow's own page of runs: Permission denied.\n"
    )
    address = next(views.addresses(store, "http://somewhere/", saved=written))[1]
    assert address == f"http://somewhere/#/experiments/{store.experiment_id}/runs?workflowType=machine_learning"


def test_without_a_store_nothing_is_made_and_the_message_says_what_makes_one(repository):
    with pytest.raises(DenoiserError, match="no MLflow store there yet"):
        invoke("ui", "--no-browser")
    assert not list(repository.glob("mlflow.db*"))


def test_a_port_that_is_taken_is_one_message(store_folder):
    connect()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = program("ui", "--no-browser", "--port", str(port), folder=store_folder)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"port {port}" in line
    assert f"make ui PORT={port + 1}" in line
    assert not list(store_folder.glob("*.log"))
