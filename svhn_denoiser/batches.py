"""Batches for training: shuffled, mirrored, and with fresh noise each epoch."""

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.backend import keras
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.params import Params


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Noisy and clean batches, float32 (B, 32, 32, 3) each, of one epoch.

    Order, mirroring and noise depend on the seed and `epoch` alone. Keras draws a batch ahead in a thread of its own.
    Pictures that do not fill a last batch sit out that epoch.
    """

    def __init__(self, pairs: Pairs, params: Params) -> None:
        super().__init__()
        self.pairs = pairs
        self.params = params
        self.size = min(params.train.batch_size, len(pairs))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.pairs) // self.size

    @property
    def pictures(self) -> int:
        """Pictures an epoch."""
        return len(self) * self.size

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        order, mirrored = self._plan()
        chosen = order[index * self.size : (index + 1) * self.size]
        clean = as_float(self.pairs.clean[chosen])
        if self.params.train.fresh_noise:
            noisy = add_noise(
                clean,
                self.params.generate.noise,
                seed=self.params.seed,
                split="train",
                indices=chosen.tolist(),
                draw=self.epoch,
            )
        else:
            noisy = as_float(self.pairs.noisy[chosen])
        if self.params.train.flips:
            turned = mirrored[chosen]
            clean[turned], noisy[turned] = clean[turned, :, ::-1], noisy[turned, :, ::-1]
        return noisy, clean

    def _plan(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if getattr(self, "_planned", None) != self.epoch:
            rng = np.random.default_rng([self.params.seed, self.epoch])
            self._order = rng.permutation(len(self.pairs))
            self._mirrored = rng.random(len(self.pairs)) < 0.5
            self._planned = self.epoch
        return self._order, self._mirrored
