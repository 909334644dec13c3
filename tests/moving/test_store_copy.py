"""A store is copied to another whole, once, and what worked before works there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import sha256_of
from svhn_denoiser.moving.inventory import take
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.params import Params
from svhn_denoiser.registry import promotion, versions
from svhn_denoiser.registry.description import describe
from svhn_denoiser.tracking.runs import ensure_run
from svhn_denoiser.tracking.store import Store, connect
from svhn_denoiser.tracking.training_run import training_run
from tests.command_line import invoke
from tests.mlflow_server import mlflow_server


class _KilledError(BaseException):
    """What ends a copy in the middle: no error that a command could turn into a message."""


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Models that can be told apart: they multiply all values by 0.25, 0.5, 0.75 and 1."""
    folder = tmp_path_factory.mktemp("models")
    for number, factor in enumerate((0.25, 0.5, 0.75, 1.0)):
        pixels = keras.Input((None, None, 3))
        keras.Model(pixels, keras.layers.Rescaling(factor)(pixels)).save(folder / f"{number}.keras")
    return sorted(folder.iterdir())


@pytest.fixture
def team_server(tmp_path: Path, empty_database: Path) -> Iterator[str]:
    """A real server with nothing on it."""
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server", empty_database) as address:
        yield address


def trained(settings: Params, file: Path | None = None, psnr: float = 30.0) -> str:
    """A run with curves and pictures, and a version of it where a model's file is given; the run's id."""
    with training_run(settings, tags={"device": "cpu"}) as run:
        for epoch in range(1, 6):
            run.log_epoch(epoch, {"loss": 1 / epoch, "validation_psnr": 20.0 + epoch})
        run.log_epoch(6, {"loss": float("nan")})
        run.log_pictures({"drawn": np.zeros((8, 8, 3), np.uint8)}, 1)
    if file is not None:
        added(run.store, run.run_id, file, psnr)
    return run.run_id


def added(store: Store, run_id: str, file: Path, psnr: float) -> None:
    tags = {"psnr": f"{psnr}", "noise": "gaussian 0.1", "data_source": "svhn"}
    version = versions.add(store, keras.saving.load_model(file), sha256=sha256_of(file), run_id=run_id, tags=tags)
    promotion.promote(store, version, over=versions.champion(store), by="gate", reason="better")
    describe(store, version.number)


@pytest.fixture
def full_store(store_folder: Path, settings: Params, model_files: list[Path]) -> dict[str, str]:
    """A store with versions 1 and 3, one that was deleted, and runs of each kind; run ids by what they are."""
    runs = {"first": trained(settings, model_files[0]), "deleted version's": trained(settings, model_files[1])}
    store = connect()
    store.client.delete_model_version(versions.MODEL, "2")
    runs["third"] = trained(settings, model_files[2], psnr=31)
    runs["resumed"] = trained(settings)
    store.client.set_tag(runs["resumed"], "resumed_from", runs["first"])
    runs["thrown away"] = trained(settings)
    store.client.delete_run(runs["thrown away"])
    store.client.set_experiment_tag(store.experiment_id, "mlflow.sharedViewState.best", "{}")
    return runs


def failed(*arguments: str) -> str:
    with pytest.raises(DenoiserError) as error:
        invoke(*arguments)
    return str(error.value)


def store_at(address: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return connect(create=False)


def test_the_embedded_store_is_copied_to_a_server_where_all_works_as_before(
    full_store: dict[str, str],
    team_server: str,
    model_files: list[Path],
    settings: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = connect()
    before = here.client.get_run(full_store["third"])
    listed = json.loads(invoke("registry", "list", "--json"))
    planned = json.loads(invoke("store", "copy", team_server, "--dry-run", "--json"))
    assert planned["there"] == dict.fromkeys(planned["held"], 0)

    for calls, name in ((3, "log_artifact"), (1, "log_model_artifacts"), (1, "create_model_version")):
        with monkeypatch.context() as patch:
            _stop_after(calls, name, patch)
            with pytest.raises(_KilledError):
                invoke("store", "copy", team_server)

    result = json.loads(invoke("store", "copy", team_server, "--json"))
    assert result["differences"] == []
    assert result["there"] == result["held"]
    assert (result["held"]["runs"], result["held"]["versions"], result["held"]["aliases"]) == (5, 2, 2)
    assert result["held"]["points"] >= 5 * 11
    assert "Everything is there." in invoke("store", "copy", team_server)

    there = store_at(team_server, monkeypatch)
    assert len(there.client.search_runs([there.experiment_id])) == 4
    copies = take(there, copies=True)
    run = copies.runs[full_store["third"]].run
    assert run.info.run_id != full_store["third"] == run.data.tags["copied_from"]
    assert (run.info.start_time, run.info.end_time) == (before.info.start_time, before.info.end_time)
    assert (run.info.status, run.info.run_name) == ("FINISHED", before.info.run_name)
    assert run.data.params == before.data.params
    assert run.inputs.dataset_inputs[0].dataset.digest == before.inputs.dataset_inputs[0].dataset.digest
    assert f"runs/{run.info.run_id}/artifacts" in run.data.tags["mlflow.note.content"]
    first = copies.runs[full_store["first"]].run.info.run_id
    assert copies.runs[full_store["resumed"]].run.data.tags["resumed_from"] == first
    assert "mlflow.sharedViewState.best" in there.client.get_experiment(there.experiment_id).tags

    assert [(v["version"], v["aliases"], v["psnr"]) for v in json.loads(invoke("registry", "list", "--json"))] == [
        (v["version"], v["aliases"], v["psnr"]) for v in listed
    ]
    champion = versions.find(there, "champion")
    assert (champion.number, champion.run_id) == (3, run.info.run_id)
    assert champion.promotion == versions.find(here, "champion").promotion
    assert ensure_run(there, full_store["third"]) == run.info.run_id  # which reports/run.json may still name
    added(there, ensure_run(there, full_store["third"]), model_files[2], 31)
    assert len(versions.versions(there)) == 2

    Image.new("RGB", (20, 30), (200, 100, 40)).save("house.png")
    invoke("denoise", "house.png", "--output", "clean", "--model", "champion")
    assert np.asarray(Image.open("clean/house.png"))[5, 5].tolist() == [150, 75, 30]

    import mlflow

    served = mlflow.pyfunc.load_model("models:/svhn-denoiser@champion").metadata
    assert served.run_id == run.info.run_id
    assert there.client.get_model_version("svhn-denoiser", "3").source == f"models:/{served.model_id}"


def test_numbers_and_aliases_are_kept_or_the_copy_is_refused(
    store_folder: Path, settings: Params, model_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"sqlite:///{store_folder}/other/mlflow.db"
    (store_folder / "other").mkdir()
    assert "nothing to copy" in failed("store", "copy", other)
    first = trained(settings, model_files[0])
    assert "is where runs are recorded now" in failed("store", "copy", "sqlite:///mlflow.db")
    assert "everything would be copied" in failed("store", "copy", other, "--dry-run")
    assert not list((store_folder / "other").iterdir())
    invoke("store", "copy", other)

    # the source goes on, and so does its copy
    trained(settings, model_files[1])
    invoke("store", "copy", other)
    with monkeypatch.context() as there:
        assert versions.champion(store_at(other, there)).number == 2
        promotion.rollback(store_at(other, there), by="me", reason="a test")
    connect().client.set_tag(first, "later", "yes")
    assert "is no whole copy" in failed("store", "copy", other)
    with monkeypatch.context() as there:
        store = store_at(other, there)
        assert versions.champion(store).number == 1
        assert store.client.get_run(ensure_run(store, first)).data.tags["later"] == "yes"
        trained(settings, model_files[2])
    # a version that only the copy has is no obstacle, but version 3 of both would be
    assert "is no whole copy" in failed("store", "copy", other)
    trained(settings, model_files[3])
    assert "not copies of these (1, 2, 3)" in failed("store", "copy", other)


def _stop_after(calls: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    real, made = getattr(MlflowClient, name), []

    def stopped(*arguments: Any, **named: Any) -> Any:
        made.append(name)
        if len(made) > calls:
            raise _KilledError
        return real(*arguments, **named)

    monkeypatch.setattr(MlflowClient, name, stopped)
