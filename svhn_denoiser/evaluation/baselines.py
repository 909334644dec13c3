"""Classical denoisers to compare with.

Each is given the true standard deviation of the noise, which a user seldom knows: these are their best scores. The
parameters are the ones that gave the best PSNR on SVHN training crops at sigma 0.1, as multiples of sigma.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage import restoration

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.params import Baseline


def denoise(name: Baseline, noisy: FloatPictures, sigma: float) -> FloatPictures:
    """Denoise pictures with a classical method.

    Args:
        name: which one, as in `evaluate.baselines`.
        noisy: float32 (N, H, W, 3) in [0, 1].
        sigma: the noise's standard deviation on the same scale.

    Returns:
        float32 (N, H, W, 3), clipped to [0, 1].
    """
    return np.clip(_METHODS[name](noisy, sigma), 0, 1).astype(np.float32)


def _gaussian_blur(noisy: FloatPictures, sigma: float) -> FloatPictures:
    # one pixel suits sigma 0.1; less noise wants less blur
    width = min(2.0, (10 * sigma) ** 0.5)
    return np.asarray(ndimage.gaussian_filter(noisy, (0, width, width, 0)))


def _median(noisy: FloatPictures, _: float) -> FloatPictures:
    return np.asarray(ndimage.median_filter(noisy, (1, 3, 3, 1)))


def _total_variation(noisy: FloatPictures, sigma: float) -> FloatPictures:
    """Rudin, Osher and Fatemi 1992, by Chambolle's algorithm (2004)."""
    return _each(noisy, lambda picture: restoration.denoise_tv_chambolle(picture, weight=0.8 * sigma, channel_axis=-1))


def _non_local_means(noisy: FloatPictures, sigma: float) -> FloatPictures:
    """Buades, Coll and Morel 2005."""
    return _each(
        noisy,
        lambda picture: restoration.denoise_nl_means(
            picture, patch_size=5, patch_distance=6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
        ),
    )


def _wavelet(noisy: FloatPictures, sigma: float) -> FloatPictures:
    """BayesShrink (Chang, Yu and Vetterli 2000), in YCbCr."""
    return _each(
        noisy,
        lambda picture: restoration.denoise_wavelet(
            picture, sigma=sigma, method="BayesShrink", mode="soft", convert2ycbcr=True, channel_axis=-1
        ),
    )


def _each(noisy: FloatPictures, method: Callable[[FloatPictures], FloatPictures]) -> FloatPictures:
    return np.stack([method(picture) for picture in noisy])


_METHODS: dict[Baseline, Callable[[FloatPictures, float], FloatPictures]] = {
    "gaussian-blur": _gaussian_blur,
    "median": _median,
    "total-variation": _total_variation,
    "non-local-means": _non_local_means,
    "wavelet": _wavelet,
}
