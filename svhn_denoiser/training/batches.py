"""Batches for training: shuffled, mirrored, and with fresh noise each epoch."""

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.params import Params


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Noisy and clean batches, float32 (B, 32, 32, 3) each, of one epoch.

    Order, mirroring and noise depend on the seed and `epoch` alone. Keras draws some batches ahead, in threads.
    Pictures that do not fill a last batch sit out that epoch. A batch is shared evenly by the replicas of the network,
    one a GPU, and so may be a little smaller than asked for.
    """

    def __init__(self, pairs: Pairs, params: Params, replicas: int = 1) -> None:
        # With one worker, prefetching is left to tf.data, whose autotuning delays the end of an epoch:
        # sometimes by half a minute in which nothing is computed. Two workers use Keras's own queue.
        super().__init__(workers=2)
        self.pairs = pairs
        self.params = params
        self.size = min(params.train.batch_size, len(pairs)) // replicas * replicas
        if self.size == 0:
            raise DenoiserError(
                f"train.batch_size = {params.train.batch_size}: with {len(pairs)} pictures to learn from, some of the "
                f"{replicas} GPUs would get none. Raise it, give more pictures, or set train.device to cpu."
            )
        self.epoch = 0
        self._plan: tuple[int, NDArray[np.int64], NDArray[np.bool_]] | None = None

    def __len__(self) -> int:
        return len(self.pairs) // self.size

    @property
    def pictures(self) -> int:
        """Pictures an epoch."""
        return len(self) * self.size

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        order, mirrored = self._planned(self.epoch)
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

    def _planned(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        # kept whole in one assignment: Keras may ask from another thread
        plan = self._plan
        if plan is None or plan[0] != epoch:
            rng = np.random.default_rng([self.params.seed, epoch])
            plan = epoch, rng.permutation(len(self.pairs)), rng.random(len(self.pairs)) < 0.5
            self._plan = plan
        return plan[1], plan[2]
