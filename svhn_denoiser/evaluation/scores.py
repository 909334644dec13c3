"""Scores of a denoiser on pictures: each picture's, their means, and how sure the means are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation.metrics import mse, psnr_of_mse, ssim
from svhn_denoiser.pairs import Pairs, as_float

Denoiser = Callable[[FloatPictures], FloatPictures]

# pictures in memory at a time: with SSIM's copies in float64, 50 MB
BLOCK = 256


@dataclass(frozen=True)
class Scores:
    """Each picture's mean squared error and SSIM, float64 (N,)."""

    mse: NDArray[np.float64]
    ssim: NDArray[np.float64]

    @property
    def psnr(self) -> NDArray[np.float64]:
        """Each picture's PSNR in dB, float64 (N,)."""
        return psnr_of_mse(self.mse)

    @property
    def psnr_pooled(self) -> float:
        """PSNR in dB of the mean squared error of all pictures together; never above the mean of `psnr`."""
        return float(psnr_of_mse(self.mse.mean(keepdims=True))[0])

    def __getitem__(self, chosen: Any) -> "Scores":
        return Scores(self.mse[chosen], self.ssim[chosen])

    def means(self) -> dict[str, float]:
        """Mean PSNR in dB and mean SSIM."""
        return {"psnr": float(self.psnr.mean()), "ssim": float(self.ssim.mean())}


def score(clean: FloatPictures, estimate: FloatPictures) -> Scores:
    """Score estimates against clean pictures, float32 (N, H, W, 3) in [0, 1]."""
    return Scores(mse(clean, estimate), ssim(clean, estimate))


def score_pairs(pairs: Pairs, denoiser: Denoiser) -> tuple[Scores, Scores]:
    """Scores of a split's noisy pictures, and of the denoised ones."""
    return score_denoised(pairs, lambda noisy: noisy), score_denoised(pairs, denoiser)


def score_denoised(pairs: Pairs, denoiser: Denoiser) -> Scores:
    """Scores of a split's denoised pictures, in blocks of bounded memory."""
    parts = []
    for start in range(0, len(pairs), BLOCK):
        block = pairs[start : start + BLOCK]
        parts.append(score(as_float(block.clean), denoiser(as_float(block.noisy))))
    return joined(parts)


def summary(scores: Scores, samples: int, seed: int) -> dict[str, float]:
    """Means with their 95 % bootstrap intervals, and the pooled PSNR: one method's part of reports/metrics.json."""
    psnr_low, psnr_high = bootstrap_interval(scores.psnr, samples, seed)
    ssim_low, ssim_high = bootstrap_interval(scores.ssim, samples, seed)
    return {
        **scores.means(),
        "psnr_low": psnr_low,
        "psnr_high": psnr_high,
        "psnr_pooled": scores.psnr_pooled,
        "ssim_low": ssim_low,
        "ssim_high": ssim_high,
    }


def bootstrap_interval(values: NDArray[np.float64], samples: int, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean (Efron 1979).

    Args:
        values: (N,), one a picture; for a paired comparison, the differences.
        samples: bootstrap samples.
        seed: of the draws.

    Returns:
        Lower and upper end; equal where there is but one value.
    """
    if len(values) < 2:
        return float(values[0]), float(values[0])
    # few samples at a time: all indices of 2,000 samples of 26,000 pictures would take 400 MB
    batch = max(1, 2_000_000 // len(values))
    rng = np.random.default_rng(seed)
    interval = stats.bootstrap(
        (values,), np.mean, n_resamples=samples, batch=batch, method="percentile", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)


class Difference(NamedTuple):
    """Mean of paired differences, with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_difference(before: NDArray[np.float64], after: NDArray[np.float64], samples: int, seed: int) -> Difference:
    """How much more the second of two methods has on the same pictures, and how sure that is.

    Args:
        before: (N,), the first one's score of each picture.
        after: (N,), the second one's.
        samples: bootstrap samples.
        seed: of the draws.
    """
    gains = after - before
    return Difference(float(np.mean(gains)), *bootstrap_interval(gains, samples, seed))


def joined(parts: list[Scores]) -> Scores:
    """The scores of several sets as those of one."""
    return Scores(np.concatenate([part.mse for part in parts]), np.concatenate([part.ssim for part in parts]))
