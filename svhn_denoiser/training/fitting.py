"""Fit a network to noisy and clean pairs: the epochs, their validation, and the best weights."""

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.networks import architectures
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import export
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from svhn_denoiser.params import Params, TrainSettings
from svhn_denoiser.training import optimizers
from svhn_denoiser.training.batches import Batches
from svhn_denoiser.training.device import Device
from svhn_denoiser.training.losses import LOSSES
from svhn_denoiser.training.resuming import Epoch, State

# the schedule ends at this share of its peak
_FINAL_LEARNING_RATE = 0.01


class Training:
    """One training, from the settings and the pairs to the model that is published.

    Deterministic: order, mirroring and noise of epoch E depend on the seed and E alone, and a checkpoint after an epoch
    can hold all the rest (weights, optimiser, running average), so that an interrupted training ends with the same
    weights as one that was not.

    Args:
        params: all settings.
        train: the pairs to learn from.
        validation: the pairs that choose the best epoch.
        device: where the network runs.
        build: makes the network, twice; benchmarks bring their own.
    """

    def __init__(
        self,
        params: Params,
        train: Pairs,
        validation: Pairs,
        device: Device,
        build: Callable[[TrainSettings], keras.Model] = architectures.build,
    ) -> None:
        self.params = params
        self.validation = validation
        self.device = device
        settings = params.train
        keras.backend.clear_session()
        keras.utils.set_random_seed(params.seed)
        device.configure(settings)
        self.batches = Batches(train, params, device.replicas)
        # on one device and in float32 whatever the training's precision: what is validated is what is published
        with device.float32():
            self.plain = build(settings)
        with device.scope():
            self.model = build(settings)
            self.model.compile(optimizer=self._optimizer(), loss=LOSSES[settings.loss], jit_compile=device.jit_compile)

    def identity(self) -> dict[str, Any]:
        """What the result depends on beside code and data, for JSON: settings, network, libraries, device."""
        backend = keras.backend.backend()
        return {
            "settings": self.params.model_dump(include={"seed": True, "generate": {"noise"}, "train": True}),
            "network": self.model.to_json(),
            "libraries": {
                "keras": keras.__version__,
                "numpy": np.__version__,
                backend: importlib.import_module(backend).__version__,
            },
            "device": self.device.description,
        }

    def begin(self) -> State:
        """The state before the first epoch."""
        return State(self.model.get_weights())

    def save(self, file: Path) -> None:
        """Write weights and optimiser to a `.weights.h5` file."""
        self.model.save_weights(file)

    def load(self, file: Path) -> None:
        """Read what `save` wrote; where that fails, weights and optimiser stay as they were."""
        with self.device.scope():
            self.model.optimizer.build(self.model.trainable_variables)
            variables = [*self.model.variables, *self.model.optimizer.variables]
            before = [keras.ops.convert_to_numpy(variable) for variable in variables]
            try:
                self.model.load_weights(file)
            except BaseException:
                for variable, value in zip(variables, before, strict=True):
                    variable.assign(value)
                raise

    def run(self, state: State, on_epoch: Callable[[State, float], None], on_batch: Callable[[int], None]) -> State:
        """Train all epochs that are left.

        Args:
            state: from `begin`, or from a checkpoint whose weights and optimiser were loaded.
            on_epoch: is called after each epoch with the state, whose last row is that epoch, and pictures a second.
            on_batch: is called after each batch with its number in the epoch.

        Returns:
            The state after the last epoch.

        Raises:
            DenoiserError: the loss is no longer finite.
        """
        if self.done(state):
            return state
        every_epoch = _EveryEpoch(self, state, on_epoch, on_batch)
        # one call for all epochs: at the end of `fit`, Keras overwrites the weights with their running average
        self.model.fit(
            self.batches,
            initial_epoch=len(state.history),
            epochs=self.params.train.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[every_epoch],
        )
        return every_epoch.state

    def published(self, state: State) -> keras.Model:
        """The model of the best validation PSNR, as it is published: float32, clipped to [0, 1], uncompiled."""
        self.plain.set_weights(state.best)
        return export(self.plain)

    def validated(self, state: State, loss: float) -> State:
        """The state with one more epoch, whose training loss is given and whose weights are the network's now."""
        # the averaged weights are validated and kept; training continues with its own
        own = self.model.get_weights()
        if self.params.train.weight_averaging is not None:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        averaged = self.model.get_weights()
        self.model.set_weights(own)
        self.plain.set_weights(averaged)
        score = float(np.mean(validation_psnr(self.plain, self.validation)))
        epoch = len(state.history) + 1
        row = Epoch(epoch, loss, score, float(self.model.optimizer.learning_rate))
        state = replace(state, history=(*state.history, row))
        return replace(state, best=averaged, best_psnr=score, best_epoch=epoch) if score > state.best_psnr else state

    def done(self, state: State) -> bool:
        """Whether all epochs are past, or the validation PSNR has not risen for too long."""
        patience = self.params.train.early_stopping
        past = len(state.history)
        waited = past - state.best_epoch
        return past >= self.params.train.epochs or (patience is not None and waited >= patience)

    def _optimizer(self) -> keras.Optimizer:
        settings = self.params.train
        total = len(self.batches) * settings.epochs
        warmup = min(round(total * settings.warmup_fraction), total - 1)
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else settings.learning_rate,
            decay_steps=total - warmup,
            alpha=_FINAL_LEARNING_RATE,
            warmup_target=settings.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
        return optimizers.build(settings, schedule, _momentum(settings.weight_averaging or 0.0, total))


def validation_psnr(model: keras.Model, pairs: Pairs, block: int = 1024) -> NDArray[np.float64]:
    """PSNR of each denoised picture of a split in dB, float64 (N,), in blocks of bounded memory."""
    scores = []
    for start in range(0, len(pairs), block):
        noisy, clean = (as_float(a[start : start + block]) for a in (pairs.noisy, pairs.clean))
        scores.append(psnr(clean, denoise(model, noisy)))
    return np.concatenate(scores)


def _momentum(share: float, steps: int) -> float:
    # a running average over a share of the training, so that a short training is not averaged with its own beginning
    return max(0.0, 1 - 1 / max(1.0, share * steps))


def samples(model: keras.Model, pairs: Pairs, count: int = 8, zoom: int = 4) -> NDArray[np.uint8]:
    """The first pictures of a split in columns: clean above noisy above denoised, enlarged; uint8 (H, W, 3)."""
    some = pairs[:count]
    denoised = as_bytes(denoise(model, as_float(some.noisy)))
    rows = [np.concatenate(pictures, axis=1) for pictures in (some.clean, some.noisy, denoised)]
    return np.concatenate(rows).repeat(zoom, axis=0).repeat(zoom, axis=1)


class _EveryEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Ties a training to Keras's loop, and stops it when it has diverged."""

    def __init__(
        self,
        training: Training,
        state: State,
        on_epoch: Callable[[State, float], None],
        on_batch: Callable[[int], None],
    ) -> None:
        super().__init__()
        self.training = training
        self.state = state
        self.on_epoch = on_epoch
        self.on_batch = on_batch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.training.batches.epoch = epoch + 1
        self.began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_batch(batch + 1)
        # the running mean of the epoch: one bad batch makes it bad
        if logs and not math.isfinite(logs["loss"]):
            raise DenoiserError(
                f"train: the loss is {logs['loss']} in epoch {self.training.batches.epoch}, batch {batch + 1}: the "
                "training has diverged. Lower train.learning_rate, set train.gradient_clip to 1.0, or choose another "
                "train.precision."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        speed = self.training.batches.pictures / (time.monotonic() - self.began)
        self.state = self.training.validated(self.state, float((logs or {})["loss"]))
        self.on_epoch(self.state, speed)
        self.model.stop_training = self.training.done(self.state)
