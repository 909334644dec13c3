"""Methods without training: those of the pipeline's reports, and the best known of two packages.

All but the median are told the noise's standard deviation, which a user seldom knows: they are shown at their best.
"""

from collections.abc import Callable
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side.measuring import Method
from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation import baselines
from svhn_denoiser.evaluation.scores import Denoiser
from svhn_denoiser.pairs import as_bytes, as_float
from svhn_denoiser.params import Baseline

BM3D = "bm3d"
NOISY = "noisy"

# the filters work on whole sets, the others picture by picture; a call takes between 10 ms and some seconds
_FILTERS = ("gaussian-blur", "median")


def methods(sigma: float) -> list[Method]:
    """All of them, told the standard deviation of the noise on the [0, 1] scale."""
    names: tuple[Baseline, ...] = get_args(Baseline)
    return [
        Method(NOISY, lambda: _unchanged, timed=False),
        *(Method(name, _baseline(name, sigma), at_once=256 if name in _FILTERS else 32) for name in names),
        Method("opencv-non-local-means", lambda: _opencv(sigma), at_once=32),
        Method(BM3D, lambda: _bm3d(sigma), at_once=4, rarely=True),
    ]


def _unchanged(noisy: FloatPictures) -> FloatPictures:
    return noisy


def _baseline(name: Baseline, sigma: float) -> Callable[[], Denoiser]:
    return lambda: lambda noisy: baselines.denoise(name, noisy, sigma)


def _opencv(sigma: float) -> Denoiser:
    """Buades, Coll and Morel 2005, in Lab: OpenCV's `fastNlMeansDenoisingColored`.

    Its own defaults are made for less noise. On 64 SVHN training crops at sigma 0.1, these settings gave 27.9 dB;
    patches of 7 and a window of 21 pixels, the default, 26.6 dB at their best.
    """
    import cv2

    strength = 0.75 * sigma * 255

    def denoiser(noisy: FloatPictures) -> FloatPictures:
        # OpenCV's colours are blue, green, red
        pictures = [
            cv2.fastNlMeansDenoisingColored(
                np.ascontiguousarray(picture[..., ::-1]),
                h=strength,
                hColor=strength,
                templateWindowSize=3,
                searchWindowSize=11,
            )[..., ::-1]
            for picture in as_bytes(noisy)
        ]
        return as_float(np.stack(pictures))

    return denoiser


def _bm3d(sigma: float) -> Denoiser:
    """Dabov et al. 2007 in Mäkinen et al.'s version (2020), colour, as its authors' package comes."""
    import bm3d

    def denoiser(noisy: FloatPictures) -> FloatPictures:
        estimate: NDArray[np.float64] = np.stack([bm3d.bm3d_rgb(picture, sigma) for picture in noisy])
        return np.clip(estimate, 0, 1).astype(np.float32)

    return denoiser
