"""The gate: decide whether a new model becomes champion. A pure function of scores and settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from svhn_denoiser.evaluation.scores import Difference, Scores, paired_difference
from svhn_denoiser.params import GateSettings

# source of drawn house numbers, as params.yaml calls it
DRAWN = "synthetic"


@dataclass(frozen=True)
class Rival:
    """What a new model has to beat, scored on the same pictures: the champion, or what is left where that is gone.

    Attributes:
        version: its number in the registry.
        scores: of the same test pictures.
        data_source: what it was trained on: `svhn`, `mat`, `images`, `synthetic`; None where that is not known.
        noise: all of the noise it was trained for, in words; None where that is not known.
        is_champion: whether it is the present champion.
    """

    version: int
    scores: Scores
    data_source: str | None
    noise: str | None
    is_champion: bool = True

    @property
    def name(self) -> str:
        """What to call it."""
        return "the champion" if self.is_champion else f"version {self.version}"


@dataclass(frozen=True)
class Decision:
    """Whether a model may become champion, and why.

    Attributes:
        promoted: whether it may.
        reasons: sentences with figures: the conditions that failed, or all conditions if none did.
        pictures: how many were scored.
        psnr_over_noisy: mean PSNR of the model less that of the noisy pictures, dB.
        psnr_gain: mean of the paired PSNR differences to the champion, dB; None without a champion.
        psnr_gain_low: lower end of the 95 % interval of that mean.
        psnr_gain_high: upper end.
        ssim_gain: mean of the paired SSIM differences to the champion.
    """

    promoted: bool
    reasons: tuple[str, ...]
    pictures: int
    psnr_over_noisy: float
    psnr_gain: float | None = None
    psnr_gain_low: float | None = None
    psnr_gain_high: float | None = None
    ssim_gain: float | None = None

    @property
    def in_short(self) -> str:
        """The figure that decided, for a line: "+0.487 dB, 95 % interval +0.477 to +0.497 dB"."""
        if self.psnr_gain is None:
            return f"{self.psnr_over_noisy:+.2f} dB over the noisy pictures"
        return f"{self.psnr_gain:+.3f} dB, 95 % interval {self.psnr_gain_low:+.3f} to {self.psnr_gain_high:+.3f} dB"


class _Check(NamedTuple):
    """One question that the gate asks, answered."""

    passed: bool
    sentence: str


def decide(
    settings: GateSettings,
    *,
    noisy: Scores,
    challenger: Scores,
    data_source: str,
    noise: str,
    champion: Rival | None,
    samples: int,
    seed: int,
) -> Decision:
    """Compare a new model with the noisy pictures and with the champion.

    It is refused if it does not denoise well enough (`min_psnr_over_noisy`), or if there is a champion and
    the lower end of the interval of the paired PSNR difference does not exceed `min_psnr_gain`,
    or SSIM falls by more than `max_ssim_loss`,
    or the champion was trained on real pictures and the new model on drawn ones,
    or they were trained for different noise.
    A score that is not a number counts against the new model.

    Args:
        settings: the thresholds.
        noisy: scores of the noisy pictures themselves.
        challenger: scores of the new model.
        data_source: what the new model was trained on.
        noise: all of the noise it was trained for, in words.
        champion: the present one, or the one to beat in its place; None where there never was one.
        samples: bootstrap samples of the interval.
        seed: of the bootstrap.
    """
    over_noisy = float(np.mean(challenger.psnr) - np.mean(noisy.psnr))
    pictures = len(challenger.psnr)
    checks = [_denoises(settings, challenger, over_noisy)]
    if champion is None:
        checks.append(_Check(True, "There is no champion yet."))
        return Decision(*_verdict(checks), pictures, over_noisy)
    gain = paired_difference(champion.scores.psnr, challenger.psnr, samples, seed)
    ssim_gain = float(np.mean(challenger.ssim - champion.scores.ssim))
    checks += [
        _is_better(settings, gain, champion, pictures),
        _keeps_ssim(settings, ssim_gain, champion),
        *_of_the_same_data(data_source, champion),
        *_of_the_same_noise(noise, champion),
    ]
    promoted, reasons = _verdict(checks)
    if not champion.is_champion:
        gone = "There is no champion any more: its alias or its version was deleted."
        reasons = (f"{gone} Version {champion.version} is the one to beat in its place.", *reasons)
    return Decision(promoted, reasons, pictures, over_noisy, gain.mean, gain.low, gain.high, ssim_gain)


# each comparison is written so that a NaN fails it


def _denoises(settings: GateSettings, challenger: Scores, over_noisy: float) -> _Check:
    return _Check(
        over_noisy >= settings.min_psnr_over_noisy,
        f"PSNR is {np.mean(challenger.psnr):.2f} dB, {over_noisy:+.2f} dB against the noisy pictures; "
        f"at least {settings.min_psnr_over_noisy:+.2f} dB is required.",
    )


def _is_better(settings: GateSettings, gain: Difference, champion: Rival, pictures: int) -> _Check:
    number = f" (version {champion.version})" if champion.is_champion else ""
    return _Check(
        gain.low > settings.min_psnr_gain,
        f"PSNR differs from {champion.name}'s{number} by {gain.mean:+.3f} dB, 95 % interval "
        f"{gain.low:+.3f} to {gain.high:+.3f} dB on {pictures:,} pictures; its lower end must exceed "
        f"{settings.min_psnr_gain:+.3f} dB.",
    )


def _keeps_ssim(settings: GateSettings, ssim_gain: float, champion: Rival) -> _Check:
    return _Check(
        -ssim_gain <= settings.max_ssim_loss,
        f"SSIM differs from {champion.name}'s by {ssim_gain:+.4f}; "
        f"it may drop by at most {settings.max_ssim_loss:.4f}.",
    )


def _of_the_same_data(data_source: str, champion: Rival) -> Iterator[_Check]:
    # a demo, on drawn numbers, must not replace what was trained on real pictures
    if data_source != DRAWN or champion.data_source == DRAWN:
        return
    drawn = f"It was trained on drawn numbers ({DRAWN})"
    if champion.data_source is None:
        remedy = "only a person replaces the one by the other, with `svhn-denoiser registry promote`"
        yield _Check(False, f"{drawn}. What {champion.name} was trained on is not known: {remedy}.")
    else:
        real = f"{champion.name} on real pictures ({champion.data_source})"
        yield _Check(False, f"{drawn}, {real}: such a model never replaces such a champion.")


def _of_the_same_noise(noise: str, champion: Rival) -> Iterator[_Check]:
    # the test pictures have the noise that the new model was trained for
    if noise != champion.noise:
        other = champion.noise or "which is not known"
        yield _Check(
            False,
            f"It was trained for other noise ({noise}) than {champion.name} ({other}), for which these pictures "
            f"are no fair test: only a person replaces the one by the other, with `svhn-denoiser registry promote`.",
        )


def _verdict(checks: list[_Check]) -> tuple[bool, tuple[str, ...]]:
    against = tuple(f"Refused: {check.sentence}" for check in checks if not check.passed)
    return not against, against or tuple(check.sentence for check in checks)
