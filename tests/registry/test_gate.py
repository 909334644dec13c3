"""Each rule of the gate, with scores that it lets through and scores that it stops."""

from dataclasses import replace

import numpy as np
import pytest

from svhn_denoiser.evaluation.scores import Scores
from svhn_denoiser.params import GateSettings
from svhn_denoiser.registry.gate import Decision, Rival, decide

SETTINGS = GateSettings(min_psnr_gain=0.0, max_ssim_loss=0.001, min_psnr_over_noisy=3.0)
_RNG = np.random.default_rng(5)
# pictures differ by far more than models do: only the paired difference shows which is better
_HARDNESS = _RNG.normal(0, 3, 200)
_LUCK = _RNG.normal(0, 0.1, 200)


def scores(psnr: float, ssim: float = 0.95, luck: float = 1.0) -> Scores:
    return Scores(mse=10 ** (-(psnr + _HARDNESS + luck * _LUCK) / 10), ssim=np.full(200, ssim))


NOISY = scores(20.2, 0.47, luck=0)
CHAMPION = Rival(version=3, scores=scores(33.0, luck=0), data_source="svhn", noise="gaussian 0.1")


def judge(
    challenger: Scores,
    champion: Rival | None = CHAMPION,
    data_source: str = "svhn",
    settings: GateSettings = SETTINGS,
    noise: str = "gaussian 0.1",
) -> Decision:
    return decide(
        settings,
        noisy=NOISY,
        challenger=challenger,
        data_source=data_source,
        noise=noise,
        champion=champion,
        samples=500,
        seed=1,
    )


def test_the_first_model_that_denoises_is_promoted() -> None:
    decision = judge(scores(33.0), champion=None)
    assert decision.promoted
    assert decision.psnr_gain is None
    assert "There is no champion yet." in decision.reasons


@pytest.mark.parametrize(("psnr", "promoted"), [(23.3, True), (23.1, False), (19.0, False)])
def test_no_model_is_promoted_that_hardly_denoises(psnr: float, promoted: bool) -> None:
    decision = judge(scores(psnr), champion=None)
    assert decision.promoted is promoted
    assert decision.psnr_over_noisy == pytest.approx(psnr - 20.2, abs=0.03)
    assert any("at least +3.00 dB is required" in reason for reason in decision.reasons)


def test_a_model_that_wins_on_nearly_every_picture_is_promoted_though_pictures_differ_much_more() -> None:
    decision = judge(scores(33.1))
    assert decision.promoted
    assert decision.psnr_gain == pytest.approx(0.1, abs=0.03)
    assert decision.psnr_gain is not None
    assert decision.psnr_gain_low is not None
    assert decision.psnr_gain_high is not None
    assert 0 < decision.psnr_gain_low < decision.psnr_gain < decision.psnr_gain_high < 0.15
    assert len(decision.reasons) == 3


def test_a_win_within_the_noise_of_the_comparison_is_none() -> None:
    decision = judge(scores(33.0 - float(_LUCK.mean()) + 0.005))
    assert decision.psnr_gain == pytest.approx(0.005, abs=1e-6)
    assert not decision.promoted
    (reason,) = decision.reasons
    assert "(version 3) by +0.005 dB, 95 % interval -0.0" in reason
    assert "on 200 pictures" in reason


def test_a_worse_model_is_refused() -> None:
    assert not judge(scores(32.5)).promoted


@pytest.mark.parametrize(("asked", "promoted"), [(0.05, True), (0.2, False), (-1.0, True)])
def test_the_interval_must_exceed_the_gain_that_is_asked_for(asked: float, promoted: bool) -> None:
    settings = SETTINGS.model_copy(update={"min_psnr_gain": asked})
    assert judge(scores(33.1), settings=settings).promoted is promoted


def test_a_model_that_is_worse_may_pass_a_gate_that_asks_only_for_hardly_worse() -> None:
    settings = SETTINGS.model_copy(update={"min_psnr_gain": -0.5})
    assert judge(scores(32.8), settings=settings).promoted
    assert not judge(scores(32.4), settings=settings).promoted


@pytest.mark.parametrize(("ssim", "promoted"), [(0.9495, True), (0.9485, False), (0.97, True)])
def test_a_higher_psnr_does_not_pay_for_lost_structure(ssim: float, promoted: bool) -> None:
    decision = judge(scores(34.0, ssim))
    assert decision.promoted is promoted
    assert decision.ssim_gain == pytest.approx(ssim - 0.95)
    assert any("it may drop by at most 0.0010" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("challenger", "champion", "promoted"),
    [
        ("synthetic", "svhn", False),
        ("synthetic", "mat", False),
        ("synthetic", "images", False),
        ("synthetic", "synthetic", True),
        ("svhn", "synthetic", True),
        ("mat", "svhn", True),
    ],
)
def test_drawn_numbers_never_dethrone_a_champion_of_real_pictures(
    challenger: str, champion: str, promoted: bool
) -> None:
    decision = judge(scores(40.0), replace(CHAMPION, data_source=champion), challenger)
    assert decision.promoted is promoted
    if not promoted:
        assert decision.reasons == (
            f"Refused: It was trained on drawn numbers (synthetic), the champion on real pictures ({champion}): "
            "such a model never replaces such a champion.",
        )


@pytest.mark.filterwarnings("ignore:The BCa confidence interval")  # of numbers that are none
def test_a_score_that_is_no_number_speaks_against_the_model() -> None:
    broken = scores(34.0)
    broken.mse[7] = np.nan
    assert not judge(broken, champion=None).promoted
    assert len(judge(broken).reasons) == 2
    unstructured = scores(34.0)
    unstructured.ssim[7] = np.nan
    assert not judge(unstructured).promoted


def test_the_same_seed_gives_the_same_decision() -> None:
    assert judge(scores(33.1)) == judge(scores(33.1))


def test_a_model_for_other_noise_never_replaces_the_champion_by_itself() -> None:
    decision = judge(scores(40.0), noise="poisson [0.05, 0.2]")
    assert not decision.promoted
    assert "trained for other noise (poisson [0.05, 0.2]) than the champion (gaussian 0.1)" in " ".join(
        decision.reasons
    )
    assert judge(scores(40.0), noise="poisson 0.1", champion=None).promoted


def test_read_noise_counts_as_noise() -> None:
    champion = replace(CHAMPION, noise="poisson-gaussian 0.1, read noise 0.02")
    assert judge(scores(40.0), champion, noise="poisson-gaussian 0.1, read noise 0.02").promoted
    for other in ("poisson-gaussian 0.1, read noise 0.1", "poisson-gaussian 0.1"):
        assert not judge(scores(40.0), champion, noise=other).promoted


@pytest.mark.parametrize("source", ["svhn", "mat"])
def test_a_champion_of_unknown_source_is_not_called_real_pictures(source: str) -> None:
    unknown = replace(CHAMPION, data_source=None)
    assert judge(scores(40.0), unknown, source).promoted
    (reason,) = judge(scores(40.0), unknown, "synthetic").reasons
    assert "What the champion was trained on is not known: only a person replaces" in reason
    assert "real" not in reason


@pytest.mark.parametrize(("psnr", "promoted"), [(33.1, True), (32.9, False)])
def test_where_the_champion_is_gone_the_best_that_is_left_is_to_be_beaten(psnr: float, promoted: bool) -> None:
    decision = judge(scores(psnr), replace(CHAMPION, is_champion=False))
    assert decision.promoted is promoted
    assert decision.reasons[0] == (
        "There is no champion any more: its alias or its version was deleted. "
        "Version 3 is the one to beat in its place."
    )
    assert "differs from version 3's by" in " ".join(decision.reasons)
    assert "champion's" not in " ".join(decision.reasons)
