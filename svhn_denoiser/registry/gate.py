"""The gate: may a new model become champion? A pure function of scores and settings."""

from dataclasses import dataclass

import numpy as np

from svhn_denoiser.evaluation.scores import Scores, bootstrap_interval
from svhn_denoiser.params import GateSettings

# source of drawn house numbers, as params.yaml calls it
DRAWN = "synthetic"


@dataclass(frozen=True)
class Rival:
    """The present champion, scored on the same pictures.

    Attributes:
        version: its number in the registry.
        scores: of the same test pictures.
        data_source: what it was trained on: `svhn`, `mat`, `images`, `synthetic`; None where that is not known.
        noise: kind and strength of the noise it was trained for; None where that is not known.
    """

    version: int
    scores: Scores
    data_source: str | None
    noise: str | None


@dataclass(frozen=True)
class Decision:
    """Whether a model may become champion, and why.

    Attributes:
        promoted: whether it may.
        reasons: sentences with their figures: what spoke against it, or, where nothing did, all that was asked.
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
    or the champion has learnt from real pictures and the new model from drawn ones.
    A score that is not a number speaks against the new model.

    Args:
        settings: the thresholds.
        noisy: scores of the noisy pictures themselves.
        challenger: scores of the new model.
        data_source: what the new model was trained on.
        noise: kind and strength of the noise it was trained for.
        champion: the present one, if there is one.
        samples: bootstrap samples of the interval.
        seed: of the bootstrap.
    """
    over_noisy = float(np.mean(challenger.psnr) - np.mean(noisy.psnr))
    pictures = len(challenger.psnr)
    # each written so that a NaN fails it
    checks = [
        (
            over_noisy >= settings.min_psnr_over_noisy,
            f"PSNR is {np.mean(challenger.psnr):.2f} dB, {over_noisy:+.2f} dB against the noisy pictures; "
            f"at least {settings.min_psnr_over_noisy:+.2f} dB are asked for.",
        )
    ]
    if champion is None:
        checks.append((True, "There is no champion yet."))
        return Decision(*_verdict(checks), pictures, over_noisy)
    gains = challenger.psnr - champion.scores.psnr
    gain, ssim_gain = float(np.mean(gains)), float(np.mean(challenger.ssim - champion.scores.ssim))
    low, high = bootstrap_interval(gains, samples, seed)
    checks += [
        (
            low > settings.min_psnr_gain,
            f"PSNR differs from the champion's (version {champion.version}) by {gain:+.3f} dB, 95 % interval "
            f"{low:+.3f} to {high:+.3f} dB on {pictures:,} pictures; its lower end must exceed "
            f"{settings.min_psnr_gain:+.3f} dB.",
        ),
        (
            -ssim_gain <= settings.max_ssim_loss,
            f"SSIM differs from the champion's by {ssim_gain:+.4f}; it may fall by {settings.max_ssim_loss:.4f}.",
        ),
    ]
    if data_source == DRAWN and champion.data_source != DRAWN:
        checks.append(
            (
                False,
                f"It was trained on drawn numbers ({DRAWN}), the champion on real pictures ({champion.data_source}): "
                f"such a model never replaces such a champion.",
            )
        )
    if noise != champion.noise:
        checks.append(
            (
                False,
                f"It was trained for other noise ({noise}) than the champion ({champion.noise}), which these pictures "
                f"are no fair test of: only a person exchanges the one for the other, with "
                f"`svhn-denoiser registry promote`.",
            )
        )
    return Decision(*_verdict(checks), pictures, over_noisy, gain, low, high, ssim_gain)


def _verdict(checks: list[tuple[bool, str]]) -> tuple[bool, tuple[str, ...]]:
    against = tuple(sentence for passed, sentence in checks if not passed)
    return not against, against or tuple(sentence for _, sentence in checks)
