"""Evaluation: intervals, tables, what is shown, and bounded blocks."""

import numpy as np
import pytest

from svhn_denoiser.evaluation import baselines, scores
from svhn_denoiser.evaluation.metrics import psnr, ssim
from svhn_denoiser.evaluation.scores import Scores, bootstrap_interval, score, score_pairs
from svhn_denoiser.evaluation.suite import evaluate, kept, self_ensemble, showcase
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from tests.example_settings import changed


@pytest.fixture(scope="module")
def test_split(pictures, settings) -> Pairs:
    clean = pictures[:60]
    noisy = add_noise(as_float(clean), settings.generate.noise, seed=1, split="test", indices=range(60))
    return Pairs(as_bytes(noisy), clean, (np.arange(60) % 3).astype(np.uint8))


def blur(noisy: np.ndarray) -> np.ndarray:
    return baselines.denoise("gaussian-blur", noisy, 0.1)


def to_the_left(noisy: np.ndarray) -> np.ndarray:
    """A denoiser that moves what it blurs by a pixel: its errors of eight flips and turns largely cancel out."""
    return np.roll(blur(noisy), -1, axis=2)


class TestInterval:
    def test_it_covers_the_true_mean_as_often_as_it_says(self):
        rng = np.random.default_rng(0)
        hits = 0
        for trial in range(300):
            low, high = bootstrap_interval(rng.normal(3, 1, 80), samples=400, seed=trial)
            hits += low <= 3 <= high
        assert 0.91 < hits / 300 < 0.985

    def test_it_narrows_with_the_root_of_the_number_of_pictures(self):
        rng = np.random.default_rng(0)
        widths = [np.diff(bootstrap_interval(rng.normal(0, 1, n), 1000, 1))[0] for n in (100, 10_000)]
        assert widths[0] / widths[1] == pytest.approx(10, rel=0.3)

    def test_the_same_seed_gives_the_same_interval(self):
        values = np.random.default_rng(0).normal(size=50)
        assert bootstrap_interval(values, 200, 4) == bootstrap_interval(values, 200, 4)
        assert bootstrap_interval(values, 200, 4) != bootstrap_interval(values, 200, 5)

    def test_one_picture_has_no_width(self):
        assert bootstrap_interval(np.array([7.0]), 100, 0) == (7.0, 7.0)


def test_scores_do_not_depend_on_the_size_of_blocks(test_split, monkeypatch):
    whole = score_pairs(test_split, blur)
    monkeypatch.setattr(scores, "BLOCK", 7)
    for one, other in zip(whole, score_pairs(test_split, blur), strict=True):
        np.testing.assert_allclose(one.mse, other.mse)
        np.testing.assert_allclose(one.ssim, other.ssim)


def test_scores_are_the_metrics_of_each_picture(test_split):
    noisy, denoised = score_pairs(test_split, blur)
    clean = as_float(test_split.clean)
    np.testing.assert_allclose(noisy.psnr, psnr(clean, as_float(test_split.noisy)))
    np.testing.assert_allclose(denoised.ssim, ssim(clean, blur(as_float(test_split.noisy))))


@pytest.fixture(scope="module")
def evaluated(settings, test_split):
    few = changed(
        settings,
        evaluate__noise_level_pictures=20,
        evaluate__noise_kind_pictures=10,
        evaluate__noise_kinds=["speckle", "jpeg"],
        evaluate__baseline_pictures=15,
        evaluate__bootstrap_samples=200,
        evaluate__shown_pictures=3,
    )
    return evaluate(few, test_split, blur)


class TestEvaluate:
    def test_metrics_are_means_over_all_test_pictures(self, evaluated, test_split):
        clean = as_float(test_split.clean)
        noisy = evaluated.metrics["noisy"]
        assert noisy["psnr"] == pytest.approx(psnr(clean, as_float(test_split.noisy)).mean())
        assert noisy["psnr_pooled"] < noisy["psnr"]
        assert noisy["psnr_low"] < noisy["psnr"] < noisy["psnr_high"]
        assert evaluated.metrics["gain"]["psnr"] == pytest.approx(evaluated.metrics["denoised"]["psnr"] - noisy["psnr"])

    def test_digits_have_a_row_each_and_add_up_to_all(self, evaluated):
        rows = evaluated.tables["digits"]
        assert [row["digit"] for row in rows] == [0, 1, 2]
        assert sum(row["pictures"] for row in rows) == 60
        mean = sum(row["pictures"] * row["denoised_psnr"] for row in rows) / 60
        assert mean == pytest.approx(evaluated.metrics["denoised"]["psnr"])

    def test_noise_levels_have_a_row_each_and_noisier_scores_lower(self, evaluated, settings):
        rows = evaluated.tables["noise_levels"]
        assert [row["strength"] for row in rows] == settings.evaluate.noise_levels
        scores = [row["noisy_psnr"] for row in rows]
        assert scores == sorted(scores, reverse=True)

    def test_kinds_of_noise_have_a_row_a_strength(self, evaluated, settings):
        rows = evaluated.tables["noise_kinds"]
        levels = settings.evaluate.noise_levels
        assert [(row["kind"], row["strength"]) for row in rows] == [
            (kind, level) for kind in ("speckle", "jpeg") for level in levels
        ]
        speckle, jpeg = ([row["noisy_psnr"] for row in rows if row["kind"] == kind] for kind in ("speckle", "jpeg"))
        assert speckle == sorted(speckle, reverse=True)
        assert speckle != pytest.approx(jpeg, abs=1)

    def test_pictures_without_noise_are_scored_too(self, evaluated, test_split):
        clean = as_float(test_split.clean[:20])
        assert evaluated.metrics["clean"]["psnr"] == pytest.approx(psnr(clean, blur(clean)).mean())
        assert kept(test_split.clean, lambda noisy: noisy)["psnr"] == 100

    def test_the_self_ensemble_is_scored_where_it_is_asked_for_and_never_in_the_headline(
        self, evaluated, settings, test_split
    ):
        assert "self_ensemble" not in evaluated.metrics
        few = changed(
            settings,
            evaluate__self_ensemble=True,
            evaluate__noise_levels=[0.1],
            evaluate__noise_kinds=[],
            evaluate__baselines=[],
            evaluate__bootstrap_samples=200,
        )
        metrics = evaluate(few, test_split, to_the_left).metrics
        assert metrics["denoised"]["psnr"] == pytest.approx(score_pairs(test_split, to_the_left)[1].means()["psnr"])
        assert metrics["self_ensemble"]["psnr"] > metrics["denoised"]["psnr"] + 0.5

    def test_all_methods_are_scored_on_the_same_pictures(self, evaluated, test_split, settings):
        rows = {row["method"]: row for row in evaluated.tables["baselines"]}
        assert set(rows) == {"noisy", settings.train.network, *settings.evaluate.baselines}
        # the "network" here is the Gaussian blur, up to the width it is told
        assert rows[settings.train.network]["psnr"] == pytest.approx(rows["gaussian-blur"]["psnr"], abs=0.3)
        first = as_float(test_split.noisy[:15])
        assert rows["noisy"]["psnr"] == pytest.approx(psnr(as_float(test_split.clean[:15]), first).mean())


def test_the_showcase_has_the_best_the_middle_and_the_worst():
    errors = np.linspace(0.001, 0.1, 21)[::-1]
    shown = showcase(Scores(errors, np.ones(21)), 3)
    assert shown == {"best": [20, 19, 18], "median": [11, 10, 9], "worst": [2, 1, 0]}


def test_a_showcase_of_few_pictures_shows_what_there_is():
    assert showcase(Scores(np.array([0.1, 0.2]), np.ones(2)), 4)["worst"] == [0, 1]


def test_the_self_ensemble_turns_every_estimate_back():
    noisy = np.random.default_rng(3).random((2, 5, 7, 3)).astype(np.float32)
    seen = []

    def unchanged(turned: np.ndarray) -> np.ndarray:
        seen.append(turned)
        return turned

    np.testing.assert_allclose(self_ensemble(unchanged)(noisy), noisy, rtol=1e-6)
    assert len({turned.tobytes() for turned in seen}) == 8


@pytest.mark.parametrize("name", ["gaussian-blur", "median", "total-variation", "non-local-means", "wavelet"])
def test_every_classical_denoiser_removes_noise_and_keeps_shape_and_range(name, test_split):
    clean, noisy = as_float(test_split.clean[:6]), as_float(test_split.noisy[:6])
    denoised = baselines.denoise(name, noisy, 0.1)
    assert denoised.shape == clean.shape
    assert denoised.dtype == np.float32
    assert 0 <= denoised.min() <= denoised.max() <= 1
    assert score(clean, denoised).psnr.mean() > score(clean, noisy).psnr.mean() + 3


def test_the_classical_denoisers_reach_on_real_svhn_what_was_measured(real_svhn, settings):
    from svhn_denoiser import mat_format

    pictures, _ = mat_format.read(real_svhn / "test_32x32.mat")
    clean = pictures[:200].astype(np.float32) / 255
    noisy = add_noise(clean, settings.generate.noise, seed=1, split="test", indices=range(200))
    expected = {"gaussian-blur": 28.7, "median": 26.6, "total-variation": 28.2, "wavelet": 27.7}
    for name, figure in expected.items():
        assert score(clean, baselines.denoise(name, noisy, 0.1)).psnr.mean() == pytest.approx(figure, abs=0.35), name
