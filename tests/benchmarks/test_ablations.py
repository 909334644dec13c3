"""The trainings behind the documentation's figures, small: what is trained, on what, and what is recorded of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import sample
from benchmarks.ablations import command as train
from benchmarks.ablations.candidates import CANDIDATES
from benchmarks.ablations.trials import CANDIDATE_NAMES, TRIALS, Trial
from benchmarks.blind import command as blind
from benchmarks.side_by_side import command as methods
from svhn_denoiser import mat_format, params
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import as_float
from svhn_denoiser.params import Params
from svhn_denoiser.sources.synthetic import draw
from tests.benchmarks.pages import tables
from tests.example_settings import changed


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    mat_format.write(folder / "train_32x32.mat", *draw(60, 1, "train"))
    mat_format.write(folder / "test_32x32.mat", *draw(12, 1, "test"))
    return folder


@pytest.fixture(scope="module")
def small(settings) -> Params:
    return changed(settings, train__width=4, train__epochs=2, train__batch_size=10, train__precision="float32")


@pytest.fixture
def trained(raw, small, tmp_path, monkeypatch):
    """Trains a trial; its record, and what was fitted in order: epochs and pictures."""
    fitted = []
    fit = train._fit

    def noticed(settings, trial, pairs, *others):
        fitted.append((settings.train.epochs, len(pairs)))
        return fit(settings, trial, pairs, *others)

    monkeypatch.setattr(train, "_fit", noticed)
    return lambda trial, name="one": (train.train(name, trial, raw, small, tmp_path), fitted)


def test_a_trial_leaves_a_model_and_a_record_of_what_it_took(trained, tmp_path):
    record, fitted = trained(Trial({"train.loss": "l1"}))
    assert json.loads((tmp_path / "one.json").read_text()) == record
    assert fitted == [(2, 54)]
    assert (record["epochs"], record["pictures"], record["changes"]["train.loss"]) == (2, 54, "l1")
    assert record["seconds"] > 0
    noisy = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    assert denoise(load_model(tmp_path / "one.keras"), noisy).shape == noisy.shape


@pytest.mark.parametrize(
    ("data", "expected"),
    [("half", [(2, 27)]), ("drawn besides", [(2, 108)]), ("drawn first", [(1, 54), (1, 54)])],
)
def test_a_trial_learns_from_the_pictures_that_it_names(trained, data, expected):
    assert trained(Trial(data=data))[1] == expected


def test_a_trial_that_goes_on_from_drawn_numbers_starts_where_they_ended(trained, monkeypatch):
    starts: list[Any] = []
    training = train._training
    monkeypatch.setattr(train, "_training", lambda *a: starts.append(training(*a)) or starts[-1])
    monkeypatch.setattr(
        "svhn_denoiser.training.fitting.Training.run",
        lambda self, state, *_: setattr(self, "seen", self.model.get_weights()) or state,
    )
    trained(Trial(data="drawn first"))
    for before, after in zip(starts[0].seen, starts[1].seen, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_trial_may_take_as_long_as_another(trained, tmp_path):
    with pytest.raises(DenoiserError, match=r"other\.json: no such file. Train other before"):
        trained(Trial(as_long_as="other"))
    (tmp_path / "other.json").write_text('{"seconds": 0.0001}')
    assert trained(Trial(as_long_as="other"))[0]["epochs"] == 1


@pytest.mark.parametrize(("seconds", "epochs"), [(0.1, 1), (99, 1), (260, 3), (1000, 10)])
def test_so_many_seconds_are_so_many_epochs(seconds, epochs):
    assert train.epochs_in(seconds, pictures=5000, pictures_per_second=50.0) == epochs


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_is_a_denoiser_that_starts_near_its_input(name):
    noisy = np.random.default_rng(0).random((2, 16, 24, 3), np.float32)
    network = CANDIDATES[name](8)
    np.testing.assert_allclose(np.asarray(network(noisy)), noisy, atol=1e-6)
    assert network.count_params() > 1000


def test_every_candidate_has_a_trial():
    assert list(CANDIDATES) == list(CANDIDATE_NAMES)


@pytest.mark.parametrize("name", TRIALS)
def test_every_trial_has_good_settings(name, settings):
    made = train._settings(TRIALS[name], settings)
    assert made.train.early_stopping is None
    assert TRIALS[name].network is None or TRIALS[name].network in CANDIDATES
    assert TRIALS[name].as_long_as is None or TRIALS[name].as_long_as in TRIALS


def test_the_table_compares_with_the_first(tmp_path):
    for name, score in (("first", 30.0), ("second", 30.25)):
        record = {"validation_psnr": score, "epochs": 5, "seconds": 61.4, "cores": 2, "parameters": 1234}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    rows = train.table({"first": Trial(), "never trained": Trial(), "second": Trial()}, tmp_path).splitlines()
    assert rows[2:] == [
        "| first | 30.00 | +0.00 | 5 | 61 | 2 | 1,234 |",
        "| second | 30.25 | +0.25 | 5 | 61 | 2 | 1,234 |",
    ]


@pytest.mark.parametrize("arguments", [["--data", "x"], ["residual-unet"], ["--data", "x", "resnet"]])
def test_without_pictures_or_with_an_unknown_trial_nothing_is_trained(arguments, capsys):
    with pytest.raises(SystemExit):
        train.main(arguments)
    assert "no trial resnet" in capsys.readouterr().err or "resnet" not in arguments


@pytest.fixture(scope="module")
def page(raw, settings, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    small = changed(settings, train__width=4, train__epochs=1, train__batch_size=10, train__precision="float32")
    for name, trial in (("blind", TRIALS["blind-small"]), ("residual-unet", Trial())):
        train.train(name, trial, raw, small, models)
    blind.main(["--data", str(raw), "--models", str(models), "--output", str(models / "page.md")])
    return models, tables((models / "page.md").read_text())


class TestBlindPage:
    def test_each_strength_compares_with_the_network_that_was_trained_for_it(self, page, raw, settings):
        rows = page[1]["Over strengths of Gaussian noise"]
        assert rows["0.02"][-2:] == ["–", "–"]
        models = [load_model(page[0] / f"{name}.keras") for name in ("blind", "residual-unet")]
        given = sample.read(raw, None, 0.1, settings)
        clean, noisy = as_float(given.pairs.clean), as_float(given.pairs.noisy)
        ours, theirs = (psnr(clean, denoise(model, noisy)) for model in models)
        assert rows["0.1"][:3] == [f"{v.mean():.2f}" for v in (psnr(clean, noisy), ours, theirs)]
        assert rows["0.1"][3].startswith(f"{(ours - theirs).mean():+.2f} (")

    def test_clean_pictures_and_every_kind_are_scored(self, page):
        assert float(page[1]["Pictures without noise"]["blind"][0]) > 10
        assert {"gaussian", "jpeg", "salt-and-pepper"} <= set(page[1]["Over kinds of noise"])

    def test_without_a_blind_network_it_says_how_to_make_one(self, tmp_path, raw):
        with pytest.raises(DenoiserError, match=r"blind\.keras: no such file\. `python -m benchmarks\.ablations"):
            blind.main(["--data", str(raw), "--models", str(tmp_path), "--output", str(tmp_path / "page.md")])


def test_the_benchmark_finds_what_was_trained_for_it_and_how_long_that_took(raw, small, tmp_path, monkeypatch):
    monkeypatch.setattr(methods, "TRAINED", tmp_path)
    record = train.train("residual-unet-quick", Trial(), raw, small, tmp_path)
    methods.main(["--data", str(raw), "--output", str(tmp_path / "page.md"), "--only", "noisy,residual-unet-quick"])
    row = tables((tmp_path / "page.md").read_text())["Denoisers side by side"]["residual-unet-quick"]
    assert row[-1] == f"{record['seconds'] / 60:.1f} x {record['cores']}"


def test_the_trials_are_those_of_the_settings_file(settings):
    assert params.changed(settings, {}) == settings
    assert train._settings(TRIALS["residual-unet"], settings).train.epochs == settings.train.epochs
