"""PSNR and SSIM of pictures in [0, 1]: the definitions, and nothing else."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

# An estimate that equals the clean picture has an infinite PSNR, and so would every mean. 100 dB is an error of
# 1e-5 of full scale, far below what 8 bits can hold (59 dB for rounding alone).
PSNR_CAP = 100.0

_SSIM_RADIUS = 5
_SSIM_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2


def mse(clean: NDArray[np.float32], estimate: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared error of each picture.

    Args:
        clean: (N, H, W, C) in [0, 1].
        estimate: the same shape.

    Returns:
        float64 (N,).
    """
    _check_shapes(clean, estimate)
    error = np.subtract(clean, estimate, dtype=np.float64)
    mean: NDArray[np.float64] = np.square(error, out=error).mean(axis=(1, 2, 3))
    return mean


def psnr(clean: NDArray[np.float32], estimate: NDArray[np.float32]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each picture in dB, 10 log10(1 / MSE), at most `PSNR_CAP`.

    Args:
        clean: (N, H, W, C) in [0, 1].
        estimate: the same shape.

    Returns:
        float64 (N,).
    """
    return psnr_of_mse(mse(clean, estimate))


def psnr_of_mse(error: NDArray[np.float64]) -> NDArray[np.float64]:
    """PSNR in dB of mean squared errors on the [0, 1] scale; the mean of several errors gives the pooled PSNR."""
    return -10 * np.log10(np.maximum(error, 10 ** (-PSNR_CAP / 10)))


def ssim(clean: NDArray[np.float32], estimate: NDArray[np.float32]) -> NDArray[np.float64]:
    """Structural similarity of each picture (Wang et al. 2004, "Image quality assessment").

    11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population variance, over the positions where the
    whole window lies in the picture; each channel by itself, then the mean. scikit-image's
    `structural_similarity` gives the same with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1, channel_axis=-1`; here a whole set goes through each filter at once.

    Args:
        clean: (N, H, W, C) in [0, 1], H and W at least 11.
        estimate: the same shape.

    Returns:
        float64 (N,).
    """
    _check_shapes(clean, estimate)
    if min(clean.shape[1:3]) < 2 * _SSIM_RADIUS + 1:
        raise ValueError(f"SSIM needs pictures of at least 11x11 pixels, not {clean.shape[1]}x{clean.shape[2]}")
    x, y = clean.astype(np.float64), estimate.astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    likeness /= (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    mean: NDArray[np.float64] = likeness.mean(axis=(1, 2, 3))
    return mean


def _window(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / _SSIM_SIGMA) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        pictures = correlate1d(pictures, weights, axis=axis)
    inside = slice(_SSIM_RADIUS, -_SSIM_RADIUS)
    return pictures[:, inside, inside]


def _check_shapes(clean: NDArray[np.float32], estimate: NDArray[np.float32]) -> None:
    if clean.shape != estimate.shape or clean.ndim != 4:
        raise ValueError(
            f"expected two sets of pictures of one shape (N, H, W, C), not {clean.shape}, {estimate.shape}"
        )
