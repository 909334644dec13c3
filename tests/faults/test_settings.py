"""Settings drawn at random: each is refused by its name, or it runs."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svhn_denoiser import generation, mat_format, pairs, params
from svhn_denoiser.dotted import flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation import suite
from tests.example_settings import EXAMPLE
from tests.faults.tally import FOLDER

TRIES = 1000 if FOLDER else 120
QUIET = {"database": None, "deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

SCALARS = st.one_of(
    st.integers(-3, 70),
    st.sampled_from([0.0, 0.001, 0.02, 0.1, 0.5, 1.0, 1.5, -0.1, 2**32, 10**12, 1e300, float("nan"), float("inf")]),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["gaussian", "jpeg", "sensor", "mixed", "median", "wavelet", "adamw", "l1", "dncnn", "synthetic"]),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)


@lru_cache
def own() -> params.Params:
    return params.load(EXAMPLE)


def keys(section: str = "") -> list[str]:
    return [key for key in flat(own().model_dump(by_alias=True)) if key.startswith(section)]


def tried(changes: dict[str, Any]) -> params.Params | None:
    """The settings with these changes; None where they are refused, which has to name one of them."""
    try:
        return params.changed(own(), changes)
    except DenoiserError as error:
        if not any(key in str(error) for key in changes):
            raise AssertionError(f"{changes}: {error}") from error
        return None


def test_settings_are_accepted_or_refused_by_name(tallying):
    row = tallying("settings drawn at random, read")

    @settings(max_examples=TRIES, **QUIET)
    @given(st.dictionaries(st.sampled_from(keys()), VALUES, min_size=1, max_size=3))
    def each(changes):
        tried(changes)
        row.count(str(changes), right=True)

    each()


NOISE = st.fixed_dictionaries(
    {},
    optional={
        "generate.noise.kind": st.sampled_from(
            ["gaussian", "poisson", "salt-and-pepper", "speckle", "poisson-gaussian", "jpeg", "sensor", "mixed"]
        ),
        "generate.noise.strength": st.sampled_from([0.001, 0.02, 1, 1.0, [0.001, 1], [0.1, 0.1], [0.3, 0.2], []]),
        "generate.noise.read_sigma": st.sampled_from([0.001, 1, 0]),
        "generate.validation_fraction": st.floats(0, 0.6),
        "seed": st.integers(-1, 2**32),
    },
)
SCORING = st.fixed_dictionaries(
    {"evaluate.bootstrap_samples": st.just(100)},
    optional={
        "evaluate.noise_levels": st.lists(st.sampled_from([0.001, 0.1, 1, 1.1]), max_size=3),
        "evaluate.noise_level_pictures": st.integers(0, 40),
        "evaluate.noise_kinds": st.lists(st.sampled_from(["gaussian", "jpeg", "mixed"]), max_size=2),
        "evaluate.noise_kind_pictures": st.integers(0, 40),
        "evaluate.self_ensemble": st.booleans(),
        "evaluate.baselines": st.lists(st.sampled_from(["median", "total-variation", "wavelet", "bm3d"]), max_size=2),
        "evaluate.baseline_pictures": st.integers(0, 40),
        "evaluate.shown_pictures": st.integers(0, 33),
    },
)


def test_what_is_accepted_generates_and_is_scored(tallying, tmp_path_factory, pictures, monkeypatch):
    from svhn_denoiser.report import folder

    row = tallying("settings drawn at random, `generate` and `evaluate` run with them")
    raw = tmp_path_factory.mktemp("raw")
    for name in ("train", "test"):
        mat_format.write(raw / f"{name}_32x32.mat", pictures[:10], np.arange(10) % 10)
    place = tmp_path_factory.mktemp("run")
    monkeypatch.chdir(place)
    (place / "reports").mkdir()
    (place / "data/raw").mkdir(parents=True)
    (place / "reports/history.csv").write_text("epoch,loss,validation_psnr,learning_rate\n1,-20,20,0.1\n")
    (place / "reports/run.json").write_text('{"run_id": "0", "store": "mlflow.db"}')
    (place / "data/raw/source.json").write_text('{"source": "synthetic"}')

    @settings(max_examples=TRIES // 10, **QUIET)
    @given(NOISE, SCORING)
    def each(noise, scoring):
        chosen = tried(noise | scoring)
        if chosen is None:
            row.count(str(noise), right=True)
            return
        try:
            generation.write(raw, place / "noisy", chosen.generate, chosen.seed, lambda _: None)
        except DenoiserError as error:
            # no picture would be left
            row.count(str(noise), right="generate.validation_fraction" in str(error), said=str(error))
            return
        test = pairs.read(place / "noisy", "test")
        assert test.noisy.shape == test.clean.shape
        folder.write(suite.evaluate(chosen, test, lambda noisy: noisy), {})
        row.count(str(noise | scoring), right=(place / "reports/noise_kinds.csv").exists())

    each()


TRAINING = [
    {"train.network": "dncnn"},
    {"train.network": "autoencoder-2021", "train.optimizer": "adamw"},
    {"train.width": 8, "train.blocks": 2, "train.noise_map": True, "generate.noise.strength": [0.02, 0.2]},
    {"train.batch_size": 65536, "train.loss": "l1"},
    {"train.batch_size": 1, "train.epochs": 1, "train.loss": "charbonnier"},
    {"train.warmup_fraction": 0.0, "train.weight_decay": 0.0, "train.gradient_clip": None, "train.loss": "mse"},
    {"train.warmup_fraction": 0.99, "train.weight_averaging": None, "train.flips": False},
    {"train.weight_averaging": 0.99, "train.early_stopping": 1, "train.fresh_noise": False},
    {"train.learning_rate": 1.0, "train.gradient_clip": 1e-9},
    {"train.precision": "float32", "train.deterministic": False},
    {"generate.noise.kind": "mixed", "generate.noise.strength": [0.001, 0.99]},
    {"generate.noise.kind": "jpeg", "train.early_stopping": None},
]


@pytest.mark.faults
@pytest.mark.parametrize("changes", TRAINING, ids=str)
def test_what_is_accepted_trains(workplace, tallying, changes):
    row = tallying("settings at their ends, `train` runs with them")
    workplace.put_back("before-train")
    path = workplace.folder / "params.yaml"
    from ruamel.yaml import YAML

    yaml = YAML()
    tree = yaml.load(path)
    for key, value in changes.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node[section]
        node[name] = value
    yaml.dump(tree, path)
    assert params.load(path)
    done = workplace.stage("train")
    right = done.code == 0 and (workplace.folder / "models/denoiser.keras").exists()
    # a training that comes to no number ends with a word
    right = right or (done.code == 1 and "train." in done.output)
    row.count(str(changes), right=right, traceback=done.traceback, said=done.output)
