"""Optimisers, by the names of `train.optimizer`."""

import math
from typing import Any

from svhn_denoiser.networks.backend import keras
from svhn_denoiser.params import TrainSettings

_ops = keras.ops


def build(settings: TrainSettings, schedule: Any, averaging_momentum: float) -> keras.Optimizer:
    """The optimiser of `train.optimizer`.

    Args:
        settings: weight decay, clipping, and whether weights are averaged.
        schedule: the learning rate over the steps.
        averaging_momentum: of the running average of the weights.
    """
    shared = {
        "weight_decay": settings.weight_decay,
        "global_clipnorm": settings.gradient_clip,
        "use_ema": settings.weight_averaging is not None,
        "ema_momentum": averaging_momentum,
    }
    if settings.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, **shared)
    return ConvolutionMuon(schedule, adam_weight_decay=settings.weight_decay, **shared)


class ConvolutionMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Keras's Muon, also for convolutions: a kernel (H, W, I, O) is treated as the matrix (H W I, O).

    Momentum whose matrix is made orthogonal, so that a step moves all directions of a layer alike (Jordan et al. 2024,
    "Muon: an optimizer for hidden layers in neural networks"; its scale, with which AdamW's learning rates fit,
    after Liu et al. 2025). Keras itself gives all but plain matrices to AdamW. As the authors advise, so are biases and
    the first and the last layer here.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) != 4 or min(variable.shape[-2:]) <= 3

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, _ops.add(gradient, m * (self.momentum - 1)))
        direction = _ops.add(gradient, self.momentum * m)
        matrix = _ops.reshape(direction, (math.prod(variable.shape[:-1]), variable.shape[-1]))
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, _ops.cast(lr, variable.dtype) * _ops.reshape(step, variable.shape))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Keras's five steps of Newton and Schulz, taken on X'X alone: the same matrix at a third of the work.

        Each step multiplies X with a polynomial of X'X, a square of the shorter side. The products of the polynomials
        are made first, and X is multiplied once, at the end.
        """
        rows, columns = x.shape
        wide = x if rows <= columns else _ops.transpose(x)
        wide = wide / (_ops.norm(wide) + 1e-7)
        identity = _ops.eye(min(rows, columns), dtype=x.dtype)
        gram, product = wide @ _ops.transpose(wide), identity
        for _ in range(steps):
            factor = self.muon_a * identity + self.muon_b * gram + self.muon_c * gram @ gram
            product = factor @ product
            gram = factor @ gram @ factor
        wide = product @ wide
        return wide if rows <= columns else _ops.transpose(wide)
