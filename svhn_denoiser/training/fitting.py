"""Fit a network to noisy and clean pairs, and go on where an interrupted training stopped."""

import hashlib
import json
import math
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

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

_PROGRESS = "progress.json"

# the schedule ends at this share of its peak
_FINAL_LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Epoch:
    """What one epoch showed; a row of reports/history.csv."""

    epoch: int
    loss: float
    validation_psnr: float
    learning_rate: float


@dataclass
class Progress:
    """How far a training is: what a resumed one goes on from."""

    history: list[Epoch] = field(default_factory=list)
    best_psnr: float = -math.inf
    best_epoch: int = 0
    # MLflow's run, so that a resumed training goes on in it
    run_id: str | None = None

    @property
    def resumed(self) -> bool:
        """Whether earlier epochs were read from disk."""
        return bool(self.history)


class Training:
    """One training, from the settings and the pairs to the model that is published.

    Deterministic: order, mirroring and noise of epoch E depend on the seed and E alone, and the whole state (weights,
    optimiser, running average) is kept after each epoch, so that an interrupted training ends with the same weights as
    one that was not.

    Args:
        params: all settings.
        train: the pairs to learn from.
        validation: the pairs that choose the best epoch.
        device: where the network runs.
        states: folder in which states of unfinished trainings are kept, each in a folder of its own, named by a hash
            of everything the training depends on.
        build: makes the network, twice; benchmarks bring their own.
    """

    def __init__(
        self,
        params: Params,
        train: Pairs,
        validation: Pairs,
        device: Device,
        states: Path,
        build: Callable[[TrainSettings], keras.Model] = architectures.build,
    ) -> None:
        self.params = params
        self.train, self.validation = train, validation
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
        self.state = states / self._key()
        self.progress = Progress()
        self.best: list[NDArray[np.float32]] = self.model.get_weights()

    def run(self, on_epoch: Callable[[Epoch, float], None], on_batch: Callable[[int], None]) -> keras.Model:
        """Train all epochs that are left.

        Args:
            on_epoch: is called after each epoch with what it showed, and pictures a second.
            on_batch: is called after each batch with its number in the epoch.

        Returns:
            The model of the best validation PSNR, as it is published: float32, clipped to [0, 1], uncompiled.

        Raises:
            DenoiserError: the loss is no longer finite.
        """
        # one call for all epochs: at the end of `fit`, Keras overwrites the weights with their running average
        if not self.done():
            self.model.fit(
                self.batches,
                initial_epoch=len(self.progress.history),
                epochs=self.params.train.epochs,
                shuffle=False,
                verbose=0,
                callbacks=[_EveryEpoch(self, on_epoch, on_batch)],
            )
        return self.published()

    def published(self) -> keras.Model:
        """The best weights so far as the model that is published."""
        self.plain.set_weights(self.best)
        return export(self.plain)

    def resume(self) -> Progress:
        """Read the state of an unfinished training of the same settings, code, pairs and machine, if there is one.

        A state that cannot be read, as after a power cut, is deleted with a warning.
        """
        # a kill between the two renames of `keep` leaves the new one, complete, under its first name
        if not self.state.exists() and (self._beside(".new") / _PROGRESS).exists():
            self._beside(".new").rename(self.state)
        if not (self.state / _PROGRESS).exists():
            return self.progress
        fresh = self.model.get_weights()
        try:
            saved = json.loads((self.state / _PROGRESS).read_text())
            with np.load(self.state / "best.npz") as file:
                best = [file[name] for name in file.files]
            with self.device.scope():
                self.model.optimizer.build(self.model.trainable_variables)
                self.model.load_weights(self.state / "training.weights.h5")
            self.progress = Progress(**(saved | {"history": [Epoch(**row) for row in saved["history"]]}))
            self.best = best
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            warnings.warn(f"{self.state}: cannot be read ({error}); the training begins anew", stacklevel=2)
            self.model.set_weights(fresh)
            self.forget()
        return self.progress

    @property
    def lock_file(self) -> Path:
        """Two trainings of the same settings at once would overwrite each other's state; the second one waits."""
        return self._beside(".lock")

    def forget(self) -> None:
        """Delete the state of a training that has ended."""
        for folder in (self.state, self._beside(".new"), self._beside(".old")):
            shutil.rmtree(folder, ignore_errors=True)

    def finish_epoch(self, loss: float) -> Epoch:
        """Validate, and add the epoch to the history."""
        epoch = len(self.progress.history) + 1
        row = Epoch(epoch, loss, self._validate(epoch), float(self.model.optimizer.learning_rate))
        self.progress.history.append(row)
        return row

    def done(self) -> bool:
        """Whether all epochs are past, or the validation PSNR has not risen for too long."""
        patience = self.params.train.early_stopping
        past = len(self.progress.history)
        waited = past - self.progress.best_epoch
        return past >= self.params.train.epochs or (patience is not None and waited >= patience)

    def _beside(self, suffix: str) -> Path:
        return self.state.with_name(self.state.name + suffix)

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

    def _validate(self, epoch: int) -> float:
        # the averaged weights are what is validated and kept; training goes on from its own
        own = self.model.get_weights()
        if self.params.train.weight_averaging is not None:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        averaged = self.model.get_weights()
        self.model.set_weights(own)
        self.plain.set_weights(averaged)
        score = float(np.mean(validation_psnr(self.plain, self.validation)))
        if score > self.progress.best_psnr:
            self.progress.best_psnr, self.progress.best_epoch, self.best = score, epoch, averaged
        return score

    def keep(self) -> None:
        """Write the state, so that a later training goes on from here."""
        # a new folder beside the old one, complete once it has its progress.json; a kill at any moment leaves one whole
        new, old = self._beside(".new"), self._beside(".old")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        self.model.save_weights(new / "training.weights.h5")
        np.savez(new / "best.npz", *self.best)
        (new / _PROGRESS).write_text(json.dumps(asdict(self.progress)))
        shutil.rmtree(old, ignore_errors=True)
        if self.state.exists():
            self.state.rename(old)
        new.rename(self.state)
        shutil.rmtree(old, ignore_errors=True)

    def _key(self) -> str:
        digest = hashlib.sha256()
        settings = self.params.model_dump(include={"seed", "generate", "train"})
        for part in (settings, self.model.to_json(), keras.__version__, self.device.description):
            digest.update(json.dumps(part, sort_keys=True).encode())
        for source in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(source.read_bytes())
        for pairs in (self.train, self.validation):
            digest.update(pairs.clean.data)
            digest.update(pairs.noisy.data)
        return digest.hexdigest()[:16]


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
        on_epoch: Callable[[Epoch, float], None],
        on_batch: Callable[[int], None],
    ) -> None:
        super().__init__()
        self.training = training
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
        row = self.training.finish_epoch(float((logs or {})["loss"]))
        self.on_epoch(row, speed)
        self.training.keep()
        self.model.stop_training = self.training.done()
