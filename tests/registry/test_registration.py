"""A model becomes a version once, champion if it deserves it, and there is a way back."""

import dataclasses
import functools
import importlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import uvicorn
from numpy.typing import NDArray

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params, changed
from svhn_denoiser.registry import card_file, events, judgement, promotion, versions
from svhn_denoiser.registry.registration import in_words, register, would_decide
from svhn_denoiser.registry.trained import Trained
from svhn_denoiser.registry.versions import Version
from svhn_denoiser.tracking.lineage import person
from svhn_denoiser.tracking.location import store_exists
from svhn_denoiser.tracking.store import Store, connect
from svhn_denoiser.tracking.training_run import training_run
from tests.command_line import invoke
from tests.patience import SOON
from tests.team_server import AnyStore

# isort: split
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.model_registry_pb2 import ModelVersion as ProtoModelVersion
from mlflow.protos.model_registry_pb2 import RegisteredModel as ProtoRegisteredModel
from mlflow.pyfunc import scoring_server

_MEANS = {"psnr": 30.5, "ssim": 0.9}
_SCORES = {
    **dict.fromkeys(("noisy", "denoised", "gain"), _MEANS),
    "pictures": 40,
    "network": "residual-unet",
    "noise": {"kind": "gaussian", "strength": 0.1},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real Keras models that do something to noise: none, a little, more."""
    folder = tmp_path_factory.mktemp("models")
    files = {}
    for name, size in (("identity", 1), ("blur", 3), ("the same blur", 3), ("more blur", 5)):
        pixels = keras.Input((None, None, 3))
        # its averages take nothing from beyond the edges
        model = keras.Model(pixels, keras.layers.AveragePooling2D(size, strides=1, padding="same")(pixels))
        files[name] = folder / f"{name}.keras"
        model.save(files[name])
    return files


@pytest.fixture(scope="module")
def test_pairs(pictures: NDArray[np.uint8]) -> Pairs:
    """Smooth pictures and their noisy copies: the more blur, the better."""
    clean = pictures[:40]
    noisy = clean + np.random.default_rng(3).normal(0, 25, clean.shape)
    return Pairs(np.clip(noisy, 0, 255).astype(np.uint8), clean, np.zeros(40, np.uint8))


@pytest.fixture
def store(any_store: AnyStore) -> Store:
    return connect()


@pytest.fixture
def version(store: Store, models: dict[str, Path]) -> Callable[..., Version]:
    """Registers a version; each call another run."""
    model = load_model(models["blur"])

    def make(**tags: str) -> Version:
        run = store.client.create_run(store.experiment_id).info.run_id
        return versions.add(store, model, sha256=f"{run}", run_id=run, tags=tags)

    return make


@contextmanager
def served(model: Any) -> Iterator[str]:
    """The address of the server that `mlflow models serve` starts."""
    server = uvicorn.Server(uvicorn.Config(scoring_server.init(model), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def champion_number(store: Store) -> int | None:
    champion = versions.champion(store)
    return champion.number if champion else None


def with_gate(settings: Params, promotion: str = "automatic", **gate: float) -> Params:
    """Settings whose gate does not look at SSIM."""
    return changed(
        settings,
        {"register.promotion": promotion, "register.gate.max_ssim_loss": 1.0}
        | {f"register.gate.{name}": value for name, value in gate.items()},
    )


def replaced(store: Store) -> str | None:
    """Number of the version that the champion replaced."""
    promotion = versions.find(store, "champion").promotion
    return promotion.other if promotion else None


def promote(store: Store, version: Version) -> None:
    promotion.promote(store, version, over=versions.champion(store), by="somebody", reason="a test")


class TestVersions:
    def test_a_version_is_a_challenger_that_plain_mlflow_and_plain_keras_load(
        self, store: Store, models: dict[str, Path]
    ) -> None:
        import mlflow

        run = store.client.create_run(store.experiment_id).info.run_id
        model = load_model(models["blur"])
        added = versions.add(store, model, sha256="1", run_id=run, tags={"psnr": "33.25"})
        assert (added.number, added.aliases, added.run_id) == (1, ("challenger",), run)
        assert added.score("psnr") == 33.25
        assert added.score("ssim") is None
        for other in ("much", "nan", "3,5"):  # anybody may edit a tag
            assert dataclasses.replace(added, tags={"psnr": other}).score("psnr") is None
        pictures = np.random.default_rng(1).random((2, 16, 24, 3), dtype=np.float32)
        served = mlflow.pyfunc.load_model("models:/svhn-denoiser@challenger")
        np.testing.assert_allclose(served.predict(pictures), model.predict_on_batch(pictures), atol=1e-6)
        (pixels,) = served.metadata.get_output_schema().inputs
        assert (pixels.shape, pixels.type) == ((-1, -1, -1, 3), np.dtype(np.float32))
        requirements = Path(mlflow.pyfunc.get_model_dependencies("models:/svhn-denoiser/1")).read_text().split()
        assert f"keras=={keras.__version__}" in requirements
        assert {line.split("==")[0] for line in requirements} == {"mlflow", "keras", "tensorflow", "numpy"}
        assert store.client.get_run(run).outputs.model_outputs

    def test_a_served_version_takes_8_bits_and_refuses_what_is_out_of_range(
        self, store: Store, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import mlflow

        run = store.client.create_run(store.experiment_id).info.run_id
        versions.add(store, load_model(models["identity"]), sha256="1", run_id=run, tags={})
        monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # which the server sets for good
        model = mlflow.pyfunc.load_model("models:/svhn-denoiser/1")
        # the code comes with the version, and needs no package of this project
        assert "svhn_denoiser." not in Path(str(sys.modules["svhn_denoiser_served"].__file__)).read_text()
        odd_size = [[[[0, 128, 255]] * 5] * 7] * 2
        with served(model) as address:
            for pictures, params, answer in (
                ([[[[0, 0.5, 1]]]], {}, [[[[0, 0.5, 1]]]]),
                (odd_size, {"highest": 255}, odd_size),
                (
                    odd_size,
                    {},
                    "values from 0 to 255: expected 0 to 1. Send 8-bit pictures as uint8, or with the parameter",
                ),
                ([[[[-0.2, 0.5, 1]]]], {}, "values from -0.2 to 1: expected 0 to 1"),
                ([[[[0, 0, 0]]]], {"highest": 0}, "highest = 0: expected the value that is white"),
                ([[[[0, 0]]]], {}, "shape"),
            ):
                body = {"inputs": pictures, "params": params}
                got = requests.post(f"{address}/invocations", json=body, timeout=SOON)
                if isinstance(answer, str):
                    assert (got.status_code, answer in got.json()["message"]) == (400, True), got.text
                else:
                    np.testing.assert_allclose(got.json()["predictions"], answer, atol=1e-4)

    def test_programs_read_all_of_a_version_as_json(self, store: Store, version: Any) -> None:
        one = version(psnr="30.5", noise="gaussian 0.1")
        plain = one.as_dict()
        none = {"waiting": False, "promotion": None, "rollback": None}
        tags = {"noise": "gaussian 0.1", "sha256": one.run_id}
        assert list(plain["tags"]) == sorted(tags)
        assert plain == none | {
            "version": 1,
            "aliases": ["challenger"],
            "run_id": one.run_id,
            "created": one.created,
            "psnr": 30.5,
            "ssim": None,
            "tags": tags,
        }
        promote(store, one)
        promote(store, version())
        promotion.rollback(store, by="me", reason="bad")
        left = versions.find(store, "2").as_dict()
        for event, other, reason in (("promotion", "1", "a test"), ("rollback", "1", "bad")):
            assert (left[event]["other"], left[event]["reason"]) == (other, reason)
        json.dumps(left)

    def test_a_loaded_version_takes_pictures_of_8_and_16_bits_and_gives_the_same_back(
        self, store: Store, models: dict[str, Path]
    ) -> None:
        import mlflow

        run = store.client.create_run(store.experiment_id).info.run_id
        blur = load_model(models["blur"])
        versions.add(store, blur, sha256="1", run_id=run, tags={})
        loaded = mlflow.pyfunc.load_model("models:/svhn-denoiser/1")
        values = np.random.default_rng(1).random((2, 6, 9, 3))
        for kind in (np.uint8, np.uint16):
            white = np.iinfo(kind).max
            given = (values * white).astype(kind)
            clean = blur.predict_on_batch(given / np.float32(white)) * white
            for params in (None, {"highest": float(white)}):
                got = loaded.predict(given, params=params)
                assert got.dtype == kind
                np.testing.assert_allclose(got, clean, atol=0.51)
        as_numbers = loaded.predict(values.tolist())
        assert as_numbers.dtype == np.float32
        np.testing.assert_allclose(as_numbers, blur.predict_on_batch(np.float32(values)), atol=1e-6)
        for wrong, said in (
            (np.full((1, 4, 4, 3), 128), "values from 128 to 128: expected 0 to 1. Send 8-bit pictures as uint8"),
            (np.zeros((1, 3, 4, 4), np.uint8), r"shape \(1, 3, 4, 4\)"),
            (np.full((1, 4, 4, 3), np.nan), "values from nan to nan"),
            ([[[[0, 1, 0]], [[0]]]], "no array of numbers"),
            ("pictures", "no array of numbers"),
        ):
            with pytest.raises(MlflowException, match=said):
                loaded.predict(wrong)

    def test_the_same_bytes_make_one_version_whichever_run_made_them(
        self, store: Store, models: dict[str, Path]
    ) -> None:
        model = load_model(models["blur"])
        one, two = (store.client.create_run(store.experiment_id).info.run_id for _ in range(2))
        for run, sha256, psnr in ((one, "a", "1"), (one, "a", "2"), (two, "b", "4"), (two, "a", "3")):
            versions.add(store, model, sha256=sha256, run_id=run, tags={"psnr": psnr})
        found = [(v.number, v.run_id, v.tags["sha256"], v.score("psnr")) for v in versions.versions(store)]
        assert found == [(2, two, "b", 4.0), (1, one, "a", 2.0)]
        challenger = versions.find(store, "challenger")
        assert (challenger.number, challenger.tags["also_made_by"]) == (1, two)

    def test_an_interrupted_registration_is_completed_and_nothing_is_doubled(
        self, store: Store, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = load_model(models["blur"])
        run = store.client.create_run(store.experiment_id).info.run_id

        def stopped(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        for step in ("create_model_version", "set_registered_model_alias"):
            with monkeypatch.context() as patch:
                patch.setattr(store.client, step, stopped)
                with pytest.raises(KeyboardInterrupt):
                    versions.add(store, model, sha256="a", run_id=run, tags={})
        assert versions.add(store, model, sha256="a", run_id=run, tags={}).aliases == ("challenger",)
        assert len(versions.versions(store)) == 1
        assert len(store.client.search_logged_models([store.experiment_id])) == 1

    def test_a_version_is_found_by_number_and_alias_and_a_wrong_name_lists_what_there_is(
        self, store: Store, version: Any
    ) -> None:
        with pytest.raises(DenoiserError, match="no version of svhn-denoiser is registered yet"):
            versions.find(store, "champion")
        version()
        assert versions.find(store, "1") == versions.find(store, "challenger")
        for name in ("champion", "2", "v1", "0"):
            with pytest.raises(DenoiserError, match=f"no version '{name}'; there are challenger, 1"):
                versions.find(store, name)

    def test_all_versions_are_listed_page_after_page_and_of_this_model_alone(
        self, store: Store, version: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = version()
        source = store.client.get_model_version(versions.MODEL, "1").source
        store.client.create_registered_model("another")
        store.client.create_model_version("another", source, first.run_id, model_id=source.removeprefix("models:/"))
        version()
        version()
        search = store.client.search_model_versions
        monkeypatch.setattr(store.client, "search_model_versions", functools.partial(search, max_results=1))
        found = versions.versions(store)
        assert [(each.number, each.aliases) for each in found] == [(3, ("challenger",)), (2, ()), (1, ())]

    @pytest.mark.parametrize("asked", ["get_registered_model", "get_model_version"])
    def test_an_empty_answer_is_neither_a_version_nor_a_registry_without_champion(
        self, store: Store, version: Any, monkeypatch: pytest.MonkeyPatch, asked: str
    ) -> None:
        store.client.set_registered_model_alias(versions.MODEL, "champion", str(version().number))
        # as MLflow's client reads `{}`, and an answer without content
        empty = {
            "get_registered_model": RegisteredModel.from_proto(ProtoRegisteredModel()),
            "get_model_version": ModelVersion.from_proto(ProtoModelVersion()),
        }
        monkeypatch.setattr(store.client, asked, lambda *_: empty[asked])
        with pytest.raises(MlflowException, match="the answer was empty"):
            versions.champion(store)

    def test_a_model_that_is_not_there_cannot_be_fetched(
        self, store: Store, version: Any, tmp_path: Path, any_store: AnyStore
    ) -> None:
        version()
        # MLflow's accounts forbid a run that does not exist
        no_run = "may not do this: it needs READ" if any_store.team and any_store.team.accounts else "none"
        assert load_model(versions.fetch(store, "models:/svhn-denoiser@challenger", tmp_path / "a")) is not None
        for uri, why in (
            ("models:/svhn-denoiser@champion", "alias champion not found"),
            ("models:/other/1", "name=other"),
            ("runs:/none/denoiser", no_run),
        ):
            with pytest.raises(DenoiserError, match=f"{uri}: cannot be fetched from {store.name}: .*{why}"):
                versions.fetch(store, uri, tmp_path / "b")

    def test_a_model_is_fetched_from_the_store_that_is_asked_whichever_was_reached_last(
        self, store: Store, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import mlflow

        run = store.client.create_run(store.experiment_id).info.run_id
        shutil.copy(models["blur"], tmp_path / "model.keras")
        for name in ("model.keras", "note.txt"):
            (tmp_path / name).touch()
            store.client.log_artifact(run, str(tmp_path / name), name.partition(".")[0])
        mlflow.set_tracking_uri("http://127.0.0.1:9")
        assert load_model(versions.fetch(store, f"runs:/{run}/model", tmp_path / "a")) is not None
        with pytest.raises(DenoiserError, match=rf"runs:/{run}/note: holds no Keras model\. Name one that"):
            versions.fetch(store, f"runs:/{run}/note", tmp_path / "b")
        # where the package for a kind of artifacts is not installed, MLflow ends in an import
        elsewhere = dataclasses.replace(store, artifacts="gs://bucket/folder")
        monkeypatch.setattr(versions, "download_artifacts", lambda **_: importlib.import_module("google.cloud.storage"))
        with pytest.raises(DenoiserError, match=f"{store.name}: .*gs:.*google-cloud-storage"):
            versions.fetch(elsewhere, "models:/svhn-denoiser/1", tmp_path / "c")


class TestPromotion:
    def test_each_promotion_notes_who_it_replaced_and_rollbacks_go_back_one_by_one(
        self, store: Store, version: Any
    ) -> None:
        one, two, three = version(), version(), version()
        for each in (one, two, three):
            promote(store, each)
        promoted = versions.find(store, "champion").promotion
        assert promoted is not None
        assert (promoted.other, promoted.by, promoted.reason) == ("2", "somebody", "a test")
        left, back = promotion.rollback(store, by="me", reason="it blurs sevens")
        assert (left.number, back.number, champion_number(store)) == (3, 2, 2)
        assert left.rollback is not None
        assert (left.rollback.other, left.rollback.by, left.rollback.reason) == ("2", "me", "it blurs sevens")
        promotion.rollback(store, by="me", reason="it too")
        assert champion_number(store) == 1
        with pytest.raises(DenoiserError, match="version 1 is the first champion"):
            promotion.rollback(store, by="me", reason="all of them")
        assert champion_number(store) == 1

    def test_a_rollback_never_goes_to_a_version_that_was_itself_left(self, store: Store, version: Any) -> None:
        one, two = version(), version()
        promote(store, one)
        promote(store, two)
        promotion.rollback(store, by="me", reason="bad")
        promote(store, versions.find(store, "2"))  # second thoughts: forgives it
        assert versions.find(store, "2").rollback is None
        promotion.rollback(store, by="me", reason="bad after all")
        promote(store, version())
        assert champion_number(store) == 3
        promotion.rollback(store, by="me", reason="bad")
        versions.tag(store, 1, events.as_tag(events.PROMOTED, events.now("me", 2, "a test")))
        with pytest.raises(DenoiserError, match="version 2, which version 1 replaced, was itself rolled back"):
            promotion.rollback(store, by="me", reason="bad")

    def test_versions_with_the_tags_of_earlier_releases_go_on_working(self, store: Store, version: Any) -> None:
        what = {"psnr": "30", "noisy_psnr": "20", "network": "dncnn", "noise": "gaussian 0.1", "data_source": "svhn"}
        old = {"promoted_at": "2026-11-22T10:00:00+00:00", "promoted_by": "gate", "promotion_reason": "better"}
        version(**what, **old, promoted_over="none", gate="passed", gate_reason="better")
        version(**what, **old, promoted_over="1", gate="passed", gate_reason="better still")
        store.client.set_registered_model_alias(versions.MODEL, "champion", "2")
        left, back = promotion.rollback(store, by="me", reason="it blurs sevens")
        assert (left.number, back.number) == (2, 1)
        description = store.client.get_model_version(versions.MODEL, "2").description
        assert description == "30.00 dB (+10.0), dncnn, gaussian 0.1, official SVHN; was champion, rolled back to 1"
        traces = {"at": "2026-11-23T10:00:00+00:00", "by": "me", "to": "1", "reason": "too dark"}
        three = version(**old, promoted_over="1", **{f"rolled_back_{name}": text for name, text in traces.items()})
        assert three.rollback == events.Event(traces["at"], "me", "1", "too dark")
        assert getattr(judgement.best_left(store, "new"), "number", None) == 1, "the others were rolled back"
        promote(store, three)
        assert versions.find(store, "3").rollback is None
        assert replaced(store) == "1"

    @pytest.mark.parametrize("by", ["anna", "anna by night: or over", "b\n2", ""])
    def test_an_event_is_read_as_it_was_recorded(self, by: str) -> None:
        for kind, other in ((events.PROMOTED, None), (events.PROMOTED, 3), (events.ROLLED_BACK, 3)):
            event = events.now(by, other, "fewer: artefacts\nby over 2: no")
            assert events.read(kind, events.as_tag(kind, event)) == event

    def test_a_rollback_without_a_known_way_back_says_what_to_do(
        self, store: Store, version: Any, any_store: AnyStore
    ) -> None:
        one, two = version(), version()
        with pytest.raises(DenoiserError, match="no version 'champion'"):
            promotion.rollback(store, by="me", reason="bad")
        store.client.set_registered_model_alias(versions.MODEL, "champion", "2")  # as in MLflow's own pages
        with pytest.raises(DenoiserError, match=r"by other means.*registry promote VERSION"):
            promotion.rollback(store, by="me", reason="bad")
        promote(store, one)
        with any_store.by_hand():
            store.client.delete_model_version(versions.MODEL, str(two.number))
        with pytest.raises(DenoiserError, match="version 2, which version 1 replaced, was deleted"):
            promotion.rollback(store, by="me", reason="bad")

    @pytest.mark.parametrize("lost", ["alias", "version"])
    def test_a_rollback_tells_a_first_champion_from_one_whose_predecessor_was_deleted(
        self, store: Store, version: Any, any_store: AnyStore, lost: str
    ) -> None:
        version()
        promote(store, version())
        assert store.client.get_model_version(versions.MODEL, "2").description == "first champion"
        with pytest.raises(DenoiserError, match="version 2 is the first champion"):
            promotion.rollback(store, by="me", reason="bad")
        with any_store.by_hand():
            if lost == "alias":
                store.client.delete_registered_model_alias(versions.MODEL, "champion")
            else:
                store.client.delete_model_version(versions.MODEL, "2")
        promote(store, version())
        assert store.client.get_model_version(versions.MODEL, "3").description == "champion"
        with pytest.raises(DenoiserError, match=r"version \d replaced none: .* deleted\. Choose one of"):
            promotion.rollback(store, by="me", reason="bad")

    def test_also_where_the_first_version_was_the_champion_that_was_deleted(
        self, store: Store, version: Any, any_store: AnyStore
    ) -> None:
        promote(store, version())
        with any_store.by_hand():
            store.client.delete_model_version(versions.MODEL, "1")
        promote(store, version())
        assert store.client.get_model_version(versions.MODEL, "2").description == "champion"

    def test_who_was_compared_with_an_older_champion_is_not_promoted(self, store: Store, version: Any) -> None:
        one, two, three = version(), version(), version()
        promote(store, one)
        promote(store, two)
        for outdated in (one, None):
            with pytest.raises(promotion.ChampionChangedError):
                promotion.promote(store, three, over=outdated, by="gate", reason="better")
        assert champion_number(store) == 2
        assert versions.find(store, "3").promotion is None

    def test_of_two_that_beat_the_champion_at_once_one_replaces_it(self, store: Store, version: Any) -> None:
        one, two, three = version(), version(), version()
        promote(store, one)
        together = threading.Barrier(2)

        def go(challenger: Version) -> str:
            together.wait()
            try:
                promotion.promote(store, challenger, over=one, by="gate", reason="better")
            except promotion.ChampionChangedError:
                return "too late"
            return "promoted"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(go, (two, three))) == ["promoted", "too late"]
        assert replaced(store) == "1"

    def test_also_on_a_server_where_several_machines_promote(
        self, on_a_server: None, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = connect()
        model = load_model(models["blur"])
        challengers = []
        for number in range(4):
            run = store.client.create_run(store.experiment_id).info.run_id
            challengers.append(versions.add(store, model, sha256=f"race {number}", run_id=run, tags={}))
        over = versions.champion(store)
        set_alias, together = store.client.set_registered_model_alias, threading.Barrier(4)

        def slowly(*arguments: Any) -> None:
            time.sleep(0.3)
            set_alias(*arguments)

        monkeypatch.setattr(store.client, "set_registered_model_alias", slowly)

        def go(challenger: Version) -> str:
            together.wait()
            try:
                promotion.promote(store, challenger, over=over, by="gate", reason="better")
            except promotion.ChampionChangedError:
                return "too late"
            return f"version {challenger.number}"

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(go, challengers))
        assert outcomes.count("too late") == 3
        assert f"version {champion_number(store)}" in outcomes
        assert store.client.get_registered_model(versions.MODEL).tags == {}, "no claim is left"

    def test_two_machines_that_register_the_same_training_at_once_make_one_version(
        self, on_a_server: None, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = connect()
        model = load_model(models["blur"])
        run = store.client.create_run(store.experiment_id).info.run_id
        create, together = store.client.create_model_version, threading.Barrier(2)

        def at_once(*arguments: Any, **more: Any) -> Any:
            together.wait()
            return create(*arguments, **more)

        monkeypatch.setattr(store.client, "create_model_version", at_once)

        def go(_: int) -> int:
            return versions.add(store, model, sha256="twins", run_id=run, tags={}).number

        with ThreadPoolExecutor(2) as pool:
            numbers = list(pool.map(go, range(2)))
        (only,) = [version for version in versions.versions(store) if version.run_id == run]
        assert numbers == [only.number, only.number]
        assert versions.find(store, "challenger").number == only.number

    def test_of_several_that_wait_none_is_taken_for_the_one(self, store: Store, version: Any) -> None:
        with pytest.raises(DenoiserError) as none:
            promotion.the_waiting(store)
        name = "Name one: `svhn-denoiser registry promote VERSION`."
        assert str(none.value) == f"{store.name}: no version waits to be promoted. {name}"
        waits = {events.GATE: events.waits(None)}
        version(**waits)
        waiting = promotion.the_waiting(store)
        assert waiting.number == 1
        version(**waits)
        with pytest.raises(DenoiserError) as several:
            promotion.the_waiting(store)
        assert str(several.value) == f"{store.name}: the versions 2, 1 wait to be promoted. {name}"
        promote(store, waiting)
        assert [versions.find(store, number).tags[events.GATE] for number in "12"] == [
            events.PASSED,
            events.waits(None),
        ]

    def test_the_champion_is_not_promoted_over_itself(self, store: Store, version: Any) -> None:
        promote(store, version())
        promote(store, versions.find(store, "1"))
        assert replaced(store) == "none"


class TestRegistration:
    @pytest.fixture
    def stage(
        self, store: Store, settings: Params, models: dict[str, Path], test_pairs: Pairs, tmp_path: Path
    ) -> Iterator[Any]:
        """Runs what the register stage runs; each call another training, unless it names its run."""
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports/report.html").write_text("<p>")

        def go(
            model: str = "blur",
            source: str = "svhn",
            run_id: str | None = None,
            promotion: str = "automatic",
            **gate: float,
        ) -> dict[str, Any]:
            run_id = run_id or store.client.create_run(store.experiment_id).info.run_id
            params = with_gate(settings, promotion, **gate)
            trained = Trained(models[model], run_id, {"source": source}, _SCORES)
            return register(params, trained, test_pairs, tmp_path / "reports")

        return go

    @pytest.fixture
    def asked(self, settings: Params, models: dict[str, Path], test_pairs: Pairs) -> Any:
        """What the gate would decide."""

        def go(model: str, promotion: str = "automatic", **how: bool) -> dict[str, Any]:
            params = with_gate(settings, promotion)
            return would_decide(
                params, Trained(models[model], "f" * 32, {"source": "svhn"}, _SCORES), test_pairs, **how
            )

        return go

    def test_the_first_is_champion_and_a_better_one_replaces_it(self, stage: Any, store: Store) -> None:
        first, second = stage("blur"), stage("more blur")
        assert (first["version"], first["promoted"]) == (1, True)
        assert (first["champion_before"], first["champion_after"]) == (None, 1)
        assert (second["champion_before"], second["champion_after"], second["promoted"]) == (1, 2, True)
        assert 0 < second["psnr_gain_low"] < second["psnr_gain"] < second["psnr_gain_high"]
        assert second["pictures"] == 40
        champion = versions.find(store, "champion")
        assert champion.promotion is not None
        assert (champion.promotion.by, champion.promotion.other) == ("gate", "1")
        gain = "{psnr_gain:+.3f} dB, 95 % interval {psnr_gain_low:+.3f} to {psnr_gain_high:+.3f} dB".format(**second)
        assert champion.promotion.reason == gain
        assert (champion.score("psnr"), champion.tags["noise"]) == (30.5, "gaussian 0.1")
        assert champion.tags["data_source"] == "svhn"
        json.dumps(second, allow_nan=False)

    def test_a_version_has_few_tags_and_its_run_the_rest(self, stage: Any, store: Store) -> None:
        stage("blur")
        result = stage("more blur")
        champion = versions.find(store, "champion")
        assert sorted(champion.tags) == ["data_source", "gate", "noise", "promoted", "psnr", "sha256", "ssim"]
        run = store.client.get_run(champion.run_id).data
        assert run.tags["gate_reason"] == " ".join(result["reasons"])
        assert (run.tags["network"], run.tags["pictures"], len(run.tags["params_hash"])) == ("residual-unet", "40", 32)
        assert run.metrics["noisy.psnr"] == 30.5

    def test_a_line_says_what_a_version_is_and_what_became_of_it(self, stage: Any, store: Store) -> None:
        for model in ("blur", "more blur", "identity"):
            stage(model)

        def lines() -> list[str]:
            entries = (store.client.get_model_version(versions.MODEL, number) for number in "123")
            return [str(entry.description) for entry in entries]

        what = "30.50 dB (+0.0), residual-unet, gaussian 0.1, official SVHN"
        fates = ["first champion", "champion in place of 1", "refused by the gate"]
        assert lines() == [f"{what}; {fate}" for fate in fates]
        promotion.rollback(store, by="me", reason="it blurs sevens")
        assert lines()[1] == f"{what}; was champion, rolled back to 1"
        promote(store, versions.find(store, "3"))
        assert lines()[2] == f"{what}; champion in place of 1"

    def test_a_runs_page_leads_to_report_and_version_and_says_how_to_repeat_it(self, stage: Any, store: Store) -> None:
        tags = {"git_commit": "0123456789abcdef", "settings": "train.width=24 'download.path=my pictures'"}
        run = store.client.create_run(store.experiment_id, tags=tags).info.run_id
        stage(run_id=run)
        found = store.client.get_run(run).data.tags
        note = found["mlflow.note.content"].split("\n\n")
        # otherwise MLflow opens them as pages of language models
        kind = "workflowType=machine_learning"
        assert note == [
            "30.50 dB (+0.0), residual-unet, gaussian 0.1, official SVHN; first champion.",
            f"[Report](#/experiments/{store.experiment_id}/runs/{run}/artifacts/reports/report.html?{kind}) · "
            f"[version 1](#/models/svhn-denoiser/versions/1?{kind})",
            "To repeat it: `git checkout 0123456789 && dvc exp run -S train.width=24 -S 'download.path=my pictures'`",
        ]
        assert found["gate"] == "passed"

    def test_a_version_whose_run_was_deleted_is_still_described(
        self, version: Any, store: Store, any_store: AnyStore
    ) -> None:
        made = version(psnr="30", network="dncnn")
        with any_store.by_hand():
            store.client.delete_run(made.run_id)
        promote(store, made)
        assert store.client.get_model_version(versions.MODEL, "1").description == "30.00 dB, dncnn; first champion"

    def test_a_card_is_with_the_version_on_its_run_and_the_champions_on_the_models_page(
        self, stage: Any, store: Store, tmp_path: Path
    ) -> None:
        def page() -> str:
            return str(store.client.get_registered_model(versions.MODEL).description)

        for model in ("blur", "more blur", "identity"):
            stage(model)
        number, run_id = versions.find(store, "champion").number, versions.find(store, "champion").run_id
        card = Path(store.client.download_artifacts(run_id, card_file.FILE, str(tmp_path))).read_text()
        assert invoke("registry", "show", "champion", "--card") == card
        assert json.loads(invoke("registry", "show", "2", "--json"))["card"] == card
        assert f"# svhn-denoiser, version {number}\n" in card
        line = store.client.get_model_version(versions.MODEL, "2").description
        assert page().startswith(f"# svhn-denoiser, version 2\n\n{line}\n\nTakes noise")
        promotion.rollback(store, by="me", reason="it blurs sevens")
        assert page().startswith("# svhn-denoiser, version 1\n")
        store.client.update_registered_model(versions.MODEL, "Ask Anna before you use it.")
        promote(store, versions.find(store, "3"))
        assert page() == "Ask Anna before you use it."

    def test_a_version_of_an_earlier_release_has_no_card(self, version: Any, store: Store) -> None:
        promote(store, version(psnr="30"))
        assert card_file.read(store, versions.find(store, "1")) is None
        description = store.client.get_registered_model(versions.MODEL).description
        assert description == "# svhn-denoiser, version 1\n\n30.00 dB; first champion"
        with pytest.raises(DenoiserError, match="version 1: there is no card: an earlier release registered it"):
            invoke("registry", "show", "1", "--card")

    def test_people_read_who_is_champion_and_why(self, stage: Any) -> None:
        first, second = in_words(stage("blur")), in_words(stage("identity"))
        assert first.startswith("version 1 is champion:\n  PSNR is ")
        assert first.endswith("\n  There is no champion yet.")
        assert second.startswith("version 2 is no champion:\n  Refused: PSNR is ")

    def test_a_worse_one_stays_challenger(self, stage: Any, store: Store) -> None:
        stage("more blur")
        worse, useless = stage("blur"), stage("identity")
        assert not worse["promoted"]
        assert not useless["promoted"]
        assert champion_number(store) == 1
        assert "version 1) by -" in worse["reasons"][0]
        assert "+0.00 dB against the noisy pictures" in useless["reasons"][0]
        challenger = versions.find(store, "challenger")
        assert challenger.number == 3
        assert challenger.tags["gate"] == "refused"
        run = store.client.get_run(challenger.run_id).data
        assert run.tags["gate_reason"] == " ".join(useless["reasons"])

    def test_what_passes_the_gate_waits_where_a_person_is_to_be_asked(
        self, stage: Any, asked: Any, store: Store
    ) -> None:
        stage("blur")
        would = asked("more blur", promotion="ask")
        result, refused = stage("more blur", promotion="ask"), stage("identity", promotion="ask")
        assert (would["promoted"], would["waiting"]) == (result["promoted"], result["waiting"]) == (False, True)
        assert (result["champion_after"], refused["waiting"]) == (1, False)
        ask = "It waits for a person: `svhn-denoiser registry promote 2 --reason WHY`."
        assert result["reasons"] == (*would["reasons"], ask)
        assert in_words(result).startswith("version 2 passed the gate:\n  PSNR is ")
        waits = versions.find(store, "2")
        assert (waits.waiting, waits.tags["gate"]) == (True, "would be promoted over 1")
        assert store.client.get_run(waits.run_id).data.tags["gate"] == "would be promoted over 1"
        description = store.client.get_model_version(versions.MODEL, "2").description
        assert description.endswith("; would be promoted over 1")
        told = "version 2 passed the gate and waits: svhn-denoiser registry promote 2 --reason WHY"
        assert invoke("registry", "list").splitlines()[-1] == told
        assert "waiting            svhn-denoiser registry promote 2 --reason WHY" in invoke("registry", "show", "2")
        done = invoke("registry", "promote", "--reason", "looked at the sevens")
        assert done == "version 2 is now champion, in place of version 1\n"
        champion = versions.find(store, "champion")
        assert (champion.number, champion.waiting, champion.tags["gate"]) == (2, False, "passed")
        assert champion.promotion is not None
        assert (champion.promotion.by, champion.promotion.reason) == (person(), "looked at the sevens")
        promotion.rollback(store, by="me", reason="it blurs sevens")
        assert not versions.find(store, "2").waiting, "a verdict that was acted on is none any more"

    def test_of_several_that_wait_one_is_to_be_named_and_the_others_verdicts_end(
        self, stage: Any, store: Store
    ) -> None:
        with pytest.raises(DenoiserError, match="no version waits to be promoted"):
            promotion.the_waiting(store)
        stage("blur", promotion="ask")
        stage("more blur", promotion="ask")
        assert versions.find(store, "1").tags["gate"] == "would be promoted as the first"
        with pytest.raises(DenoiserError, match=r"the versions 2, 1 wait to be promoted\. Name one"):
            promotion.the_waiting(store)
        promote(store, versions.find(store, "1"))
        assert not any(version.waiting for version in versions.versions(store)), "2 was compared with no champion"
        again = stage("more blur", promotion="automatic")
        assert (again["version"], again["promoted"], champion_number(store)) == (2, True, 2)

    def test_the_same_training_registers_once_and_changes_nothing(self, stage: Any, store: Store) -> None:
        run = store.client.create_run(store.experiment_id).info.run_id
        first, again = stage(run_id=run), stage(run_id=run)
        assert first["promoted"]
        assert not again["promoted"]
        assert again["champion_after"] == again["version"] == 1
        assert again["reasons"] == ("It is the champion's model (version 1), byte for byte: there is nothing to do.",)
        assert len(versions.versions(store)) == 1
        assert versions.find(store, "1").tags["gate"] == "passed"

    def test_a_promotion_that_was_killed_before_its_note_is_completed(
        self, stage: Any, store: Store, any_store: AnyStore
    ) -> None:
        stage("blur")
        run = store.client.create_run(store.experiment_id).info.run_id
        first = stage("more blur", run_id=run)
        with any_store.by_hand():
            store.client.delete_model_version_tag(versions.MODEL, "2", "gate")
        again = stage("more blur", run_id=run)
        assert (again["promoted"], again["champion_before"], again["champion_after"]) == (True, 1, 2)
        assert again["reasons"] == (" ".join(first["reasons"]),)
        assert versions.find(store, "2").tags["gate"] == "passed"
        assert len(versions.versions(store)) == 2

    def test_what_the_gate_would_decide_can_be_asked_without_a_trace(
        self, stage: Any, asked: Any, store: Store
    ) -> None:
        assert asked("more blur")["promoted"]
        assert versions.versions(store) == []
        stage("blur")
        before = [version.as_dict() for version in versions.versions(store)]
        would, same = asked("more blur"), asked("blur")
        assert (would["promoted"], would["champion_before"], would["champion_after"]) == (True, 1, 1)
        assert would["psnr_gain_low"] > 0
        assert "byte for byte" in same["reasons"][0]
        assert not same["promoted"]
        assert [version.as_dict() for version in versions.versions(store)] == before
        really = stage("more blur")
        assert really["reasons"] == would["reasons"]

    def test_without_the_registry_it_decides_as_if_there_were_no_champion(
        self, stage: Any, asked: Any, store: Store
    ) -> None:
        stage("more blur")
        assert not asked("blur")["promoted"]
        answer = asked("blur", ask_registry=False)
        assert (answer["promoted"], answer["champion_before"]) == (True, None)

    def test_the_champions_bytes_from_another_training_do_not_replace_it(self, stage: Any, store: Store) -> None:
        stage()
        again = stage(min_psnr_gain=-1.0)
        assert (again["version"], again["promoted"], again["champion_after"]) == (1, False, 1)
        assert "byte for byte" in again["reasons"][0]
        assert len(versions.versions(store)) == 1

    @pytest.mark.parametrize("lost", ["alias", "version"])
    def test_without_its_champion_a_registry_compares_with_the_best_that_is_left(
        self, stage: Any, asked: Any, store: Store, any_store: AnyStore, lost: str
    ) -> None:
        stage("blur")
        if lost == "version":
            stage("more blur")
        with any_store.by_hand():
            if lost == "alias":
                store.client.delete_registered_model_alias(versions.MODEL, "champion")
            else:
                store.client.delete_model_version(versions.MODEL, "2")
        assert champion_number(store) is None
        gone = "There is no champion any more: its alias or its version was deleted. Version 1 is the one to beat"
        assert asked("more blur")["reasons"][0].startswith(gone)
        worse = stage("identity", min_psnr_over_noisy=-100.0)
        assert (worse["promoted"], worse["champion_after"]) == (False, None)
        assert worse["reasons"][0].startswith(gone)
        better = stage("more blur")
        assert (better["promoted"], better["champion_after"]) == (True, better["version"])
        assert better["reasons"][0].startswith(gone)

    def test_what_was_refused_or_left_is_compared_with_where_no_champion_of_old_is_left(
        self, store: Store, version: Any, any_store: AnyStore
    ) -> None:
        version(psnr="20")
        version(psnr="30")
        assert judgement.best_left(store, "new") is None, "none of them was ever champion"
        promote(store, version(psnr="25"))
        assert getattr(judgement.best_left(store, "new"), "number", None) == 3
        promote(store, version(psnr="21"))
        assert getattr(judgement.best_left(store, "new"), "number", None) == 4
        promotion.rollback(store, by="me", reason="bad")
        assert getattr(judgement.best_left(store, "new"), "number", None) == 3
        with any_store.by_hand():
            store.client.delete_model_version(versions.MODEL, "3")
        assert getattr(judgement.best_left(store, "new"), "number", None) == 2

    def test_a_demo_does_not_dethrone_a_real_champion(self, stage: Any, store: Store) -> None:
        stage("blur", "svhn")
        demo = stage("more blur", "synthetic")
        assert not demo["promoted"]
        assert "never replaces such a champion" in demo["reasons"][0]
        assert champion_number(store) == 1

    def test_what_was_rolled_back_does_not_come_back_by_itself(self, stage: Any, store: Store) -> None:
        stage("blur")
        stage("more blur")
        promotion.rollback(store, by="me", reason="it blurs sevens")
        again = stage("more blur")
        assert not again["promoted"]
        assert "was champion as version 2 and was rolled back on" in again["reasons"][0]
        assert "it blurs sevens" in again["reasons"][0]
        assert champion_number(store) == 1

    def test_a_champion_of_the_meantime_must_be_beaten_too(
        self, stage: Any, store: Store, version: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage("identity", min_psnr_over_noisy=-100.0)
        real, rivals = promotion.promote, []

        def promote_after_somebody_else(store: Store, challenger: Version, **how: Any) -> None:
            if not rivals:
                rivals.append(version(noise=challenger.tags["noise"], data_source="svhn"))
                real(store, rivals[0], over=how["over"], by="somebody", reason="faster")
            real(store, challenger, **how)

        monkeypatch.setattr(promotion, "promote", promote_after_somebody_else)
        result = stage("more blur")
        assert (result["champion_before"], result["champion_after"]) == (rivals[0].number, result["version"])
        assert replaced(store) == str(rivals[0].number)

    def test_two_trainings_that_end_at_once_make_two_versions_and_one_champion(
        self, stage: Any, store: Store, settings: Params, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        promote, together = promotion.promote, threading.Barrier(2)

        def at_once(store: Store, challenger: Version, *, over: Version | None, **how: Any) -> None:
            if over is None:  # compared with the same champion, none
                together.wait()
            promote(store, challenger, over=over, **how)

        monkeypatch.setattr(promotion, "promote", at_once)

        def go(model: str) -> dict[str, Any]:
            try:
                with training_run(settings) as run:
                    run.log_epoch(1, {"loss": 0.5})
                    together.wait()
                return stage(model, run_id=run.run_id)
            except BaseException:
                together.abort()  # the other waits for ever otherwise
                raise

        with ThreadPoolExecutor(2) as pool:
            first, late = sorted(pool.map(go, ("blur", "the same blur")), key=lambda result: not result["promoted"])
        assert (first["promoted"], first["champion_before"], first["champion_after"]) == (True, None, first["version"])
        assert (late["promoted"], late["champion_before"]) == (False, first["version"]), "it was compared again"
        assert late["reasons"][0].startswith("Refused: PSNR differs from the champion's")
        assert f"(version {first['version']})" in late["reasons"][0]
        assert [version.number for version in versions.versions(store)] == [2, 1]
        assert {version.run_id for version in versions.versions(store)} == {first["run_id"], late["run_id"]}
        assert champion_number(store) == first["version"]
        assert store.client.get_registered_model(versions.MODEL).tags == {}, "no claim is left"
        ends = {run.info.run_id: run.info.status for run in store.client.search_runs([store.experiment_id])}
        assert ends == dict.fromkeys((first["run_id"], late["run_id"]), "FINISHED")

    @pytest.mark.parametrize("any_store", ["embedded"], indirect=True)
    def test_a_champion_that_is_lost_is_said(self, stage: Any, repository: Path) -> None:
        stage("blur")
        shutil.rmtree(repository / "mlartifacts" / "models")
        with pytest.raises(DenoiserError, match=r"the champion \(version 1\) cannot be compared with"):
            stage("more blur")

    def test_scores_and_report_stand_in_the_run_also_where_it_was_restored(self, stage: Any, store: Store) -> None:
        elsewhere = "e" * 32
        results = [stage(run_id=elsewhere), stage(run_id=elsewhere)]
        run = store.client.get_run(results[0]["run_id"])
        assert results[0]["run_id"] == results[1]["run_id"] != elsewhere
        assert run.data.tags["restored_from"] == elsewhere
        assert run.data.metrics["denoised.psnr"] == 30.5
        assert store.client.list_artifacts(run.info.run_id, "reports")
        (only,) = versions.versions(store)
        assert only.run_id == run.info.run_id
        line = store.client.get_model_version(versions.MODEL, str(only.number)).description
        assert line == "30.50 dB (+0.0), residual-unet, gaussian 0.1, official SVHN; first champion"


def test_a_server_holds_versions_and_hands_their_files_out(
    repository: Path, on_a_server: None, models: dict[str, Path], tmp_path: Path
) -> None:
    store = connect()
    model = load_model(models["blur"])
    numbers = []
    for sha256 in ("a", "b"):
        run = store.client.create_run(store.experiment_id).info.run_id
        added = versions.add(store, model, sha256=sha256, run_id=run, tags={"psnr": "30"})
        promote(store, added)
        numbers.append(added.number)
    promotion.rollback(store, by="me", reason="a test")
    assert champion_number(store) == numbers[0]
    fetched = load_model(versions.fetch(store, "models:/svhn-denoiser@champion", tmp_path / "model"))
    pictures = np.random.default_rng(1).random((1, 8, 8, 3), dtype=np.float32)
    np.testing.assert_array_equal(fetched.predict_on_batch(pictures), model.predict_on_batch(pictures))
    assert [version.number for version in versions.versions(store)][:2] == numbers[::-1]
    assert not list(repository.glob("ml*"))
    assert store_exists()
