"""Which pictures a report shows, with their captions."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.report.pictures import comparison


def sheet(pairs: Pairs, chosen: list[int], denoiser: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> bytes:
    """Some pictures of a split as a PNG: clean, noisy and denoised, each with its PSNR.

    Args:
        pairs: the split.
        chosen: which of its pictures.
        denoiser: float32 (N, H, W, 3) in [0, 1] to the same.
    """
    some = pairs[chosen]
    clean, noisy = as_float(some.clean), as_float(some.noisy)
    denoised = denoiser(noisy)
    scores = zip(psnr(clean, noisy).tolist(), psnr(clean, denoised).tolist(), strict=True)
    return comparison(clean, noisy, denoised, [f"picture {index}" for index in chosen], list(scores))
