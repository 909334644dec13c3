"""Training losses, by the names of `train.loss`."""

from collections.abc import Callable
from typing import Any

from svhn_denoiser.networks.backend import keras
from svhn_denoiser.params import LossName

_ops = keras.ops


def psnr_loss(clean: Any, denoised: Any) -> Any:
    """The negative PSNR of each picture in dB: the score itself (as NAFNet uses it; Chen et al. 2022).

    A picture that is nearly clean counts as much as one that is not, where the mean squared error would all but
    ignore it. The constant is an error of 60 dB: beyond it nothing is left to gain.
    """
    error = _ops.mean(_ops.square(clean - denoised), axis=(1, 2, 3))
    return 10 * _ops.log10(error + 1e-6)


def charbonnier(clean: Any, denoised: Any) -> Any:
    """sqrt(e² + 0.001²), a smooth L1 (Charbonnier et al. 1994), the mean of each picture."""
    return _ops.mean(_ops.sqrt(_ops.square(clean - denoised) + 1e-6), axis=(1, 2, 3))


LOSSES: dict[LossName, str | Callable[[Any, Any], Any]] = {
    "mse": "mean_squared_error",
    "l1": "mean_absolute_error",
    "charbonnier": charbonnier,
    "psnr": psnr_loss,
}
