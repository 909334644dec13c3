"""The features of a picture: light, colours, detail, noise, and what the model removes.

Where noise would hide what is measured (the extremes, the colours, the edges), the picture is smoothed a little first,
so that the same measure serves clean and noisy pictures.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import kurtosis
from skimage.restoration import estimate_sigma

from svhn_denoiser.pairs import as_float


@dataclass(frozen=True)
class Feature:
    """One number of a picture.

    Attributes:
        name: as tables and JSON call it.
        meaning: what it measures, for people.
        less: what pictures with less of it are, such as "darker".
        more: what pictures with more of it are.
    """

    name: str
    meaning: str
    less: str
    more: str


FEATURES = (
    Feature("brightness", "mean luma, from 0 to 1", "darker", "brighter"),
    Feature("contrast", "standard deviation of the luma", "lower in contrast", "higher in contrast"),
    Feature("shadows", "luma that 2 % of a picture is below", "deeper in the shadows", "paler in the shadows"),
    Feature("highlights", "luma that 2 % of a picture is above", "duller in the lights", "whiter in the lights"),
    Feature("colour range", "how far the colours of a picture spread", "poorer in colours", "richer in colours"),
    Feature("warmth", "mean red less mean blue", "bluer", "redder"),
    Feature("tint", "mean green less the mean of red and blue", "more magenta", "greener"),
    Feature("sharpness", "fine detail beside coarse detail, noise taken off", "blurrier", "sharper"),
    Feature("edges", "how much of the detail is in few hard edges", "softer in their edges", "harder in their edges"),
    Feature("noise", "estimated standard deviation of the noise", "less noisy", "noisier"),
)

RESIDUALS = (
    Feature(
        "residual",
        "root mean square of what the model takes away",
        "less changed by the model",
        "more changed by the model",
    ),
    Feature(
        "lost structure",
        "likeness of neighbouring pixels in what the model takes away",
        "robbed of less structure",
        "robbed of more structure",
    ),
)

# Rec. 601, as JPEG's
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# pixels; leaves 0.04 of noise of sigma 0.1. Measured on noisy crops: a classifier tells drawn house numbers from
# photographed ones with an AUC of 0.83, without the smoothing 0.77
_SMOOTHING = 0.7
_BLOCK = 512


def measure(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measure `FEATURES` of each picture, in blocks of bounded memory.

    Sharpness: the spread of the details between 1 and 2 pixels of blur over that between 2 and 4, both without what
    the noise adds. Noise: the wavelet estimate of Donoho and Johnstone 1994, which
    texture raises. Colour range: the spread in Hasler and Süsstrunk's colourfulness (2003). Edges: the logarithm of
    the kurtosis of the differences of neighbours.

    Args:
        pictures: uint8 (N, 32, 32, 3).

    Returns:
        float64 (N, 10), all finite: what a picture of one colour has none of is 0.
    """
    blocks = [_measure(as_float(pictures[start : start + _BLOCK])) for start in range(0, len(pictures), _BLOCK)]
    return np.concatenate(blocks)


def measure_residuals(pictures: NDArray[np.uint8], denoised: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure `RESIDUALS` of each picture: how much the model takes away, and whether it looks like noise.

    Args:
        pictures: uint8 (N, H, W, 3), what the model was given.
        denoised: float32 (N, H, W, 3) in [0, 1], what it made of them.

    Returns:
        float64 (N, 2), all finite.
    """
    taken = as_float(pictures) - denoised
    power = np.square(taken).mean((1, 2, 3), dtype=np.float64)
    # near 0 for noise that is independent from pixel to pixel, near 1 for lines and areas
    neighbours = (taken[:, :, 1:] * taken[:, :, :-1]).mean((1, 2, 3), dtype=np.float64)
    return np.stack([np.sqrt(power), neighbours / np.maximum(power, 1e-12)], axis=1)


def _measure(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    luma = pictures @ _LUMA
    red, green, blue = pictures.mean((1, 2), dtype=np.float64).T
    smooth = gaussian_filter(pictures, (0, _SMOOTHING, _SMOOTHING, 0))
    smooth_luma = smooth @ _LUMA
    shadows, highlights = np.percentile(smooth_luma, (2, 98), axis=(1, 2))
    red_green = smooth[..., 0] - smooth[..., 1]
    yellow_blue = smooth[..., :2].mean(3) - smooth[..., 2]
    with warnings.catch_warnings():
        # pictures of one colour divide zero by zero here
        warnings.simplefilter("ignore", RuntimeWarning)
        steps = np.diff(smooth_luma, axis=2).reshape(len(luma), -1).astype(np.float64)
        edges = np.log(kurtosis(steps, axis=1, fisher=False))
        noise = [estimate_sigma(picture, channel_axis=-1, average_sigmas=True) for picture in pictures]
        luma_noise = np.nan_to_num([estimate_sigma(picture) for picture in luma])
    columns = (
        luma.mean((1, 2)),
        luma.std((1, 2)),
        shadows,
        highlights,
        np.hypot(red_green.std((1, 2)), yellow_blue.std((1, 2))),
        red - blue,
        green - (red + blue) / 2,
        _sharpness(luma, luma_noise),
        edges,
        noise,
    )
    return np.nan_to_num(np.stack(columns, axis=1).astype(np.float64), posinf=0, neginf=0)


def _sharpness(luma: NDArray[np.float32], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    # Measured on SVHN's crops, blurred by 1 pixel more: the distribution differs by 0.33 where they are clean and by
    # 0.34 under noise of sigma 0.1, where noise that is not taken off would make blurred pictures look sharper
    fine, coarse = (
        np.maximum(found - gain * np.square(noise), 0) for found, gain in zip(_bands(luma), _noise_gains(), strict=True)
    )
    return np.sqrt(fine / (coarse + 1e-6))


def _bands(luma: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Variances of the details that a blur of 1 pixel leaves and one of 2 does not, and of those from 2 to 4: (N,)."""
    blurred = [gaussian_filter(luma, (0, sigma, sigma)) for sigma in (1, 2, 4)]
    return [(less - more).var((1, 2), dtype=np.float64) for less, more in pairwise(blurred)]


@cache
def _noise_gains() -> list[float]:
    """The same of independent noise of variance 1."""
    point = np.zeros((1, 65, 65), np.float32)
    point[0, 32, 32] = 1
    return [float(variance[0] * point.size) for variance in _bands(point)]
