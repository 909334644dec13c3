"""Where a training is resumed: its state on disk after each epoch, a checkpoint.

A checkpoint outlives the training. When the stage ends, DVC has yet to record the result, and a kill in between must
not cost the training: the next `dvc repro` then finds a checkpoint that is complete, and publishes it. It is deleted
when `dvc.lock` is seen to hold its result, or when a later training has ended.
"""

import hashlib
import json
import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from svhn_denoiser.files import md5_of, write_json
from svhn_denoiser.locks import waiting

_STATE = "state.json"
_BEST = "best.npz"
_WEIGHTS = "training.weights.h5"
_PUBLISHED = "published.json"

# seconds after which nobody will resume a training that was interrupted: 60 days
_ABANDONED = 60 * 24 * 3600

# part of every key: a checkpoint of another layout is another training's
_LAYOUT = 2


@dataclass(frozen=True)
class Epoch:
    """What one epoch showed; a row of reports/history.csv."""

    epoch: int
    loss: float
    validation_psnr: float
    learning_rate: float

    def curves(self) -> dict[str, float]:
        """What it adds to the curves of a run, by their names."""
        return {name: value for name, value in asdict(self).items() if name != "epoch"}


@dataclass(frozen=True)
class State:
    """How far a training is, beside the weights and the optimiser that the network holds.

    Attributes:
        best: the weights of the best epoch; those it began with where there was none.
        history: the epochs that are past.
        best_psnr: of the best epoch on the validation pairs, in dB.
        best_epoch: its number, from 1; 0 where there was none.
        run_id: MLflow's run, so that a resumed training continues it.
    """

    best: Sequence[NDArray[np.float32]]
    history: tuple[Epoch, ...] = ()
    best_psnr: float = -math.inf
    best_epoch: int = 0
    run_id: str | None = None

    @property
    def resumed(self) -> bool:
        """Whether there are epochs that are past."""
        return bool(self.history)


def key(*parts: Any) -> str:
    """What a checkpoint is found by: a hash of all that its training depends on, 16 hex digits.

    Args:
        parts: anything that JSON can hold: settings, versions, device, hashes of code and data.
    """
    text = json.dumps([_LAYOUT, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Checkpoint:
    """The state of one training on disk.

    Args:
        folder: where checkpoints are kept, each in a folder of its own.
        name: of this one, from `key`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.path = folder / name
        self.began = time.time()

    @contextmanager
    def alone(self, say: Callable[[str], object]) -> Iterator[None]:
        """In this block no other training of the same kind touches the checkpoint: the second one waits.

        It then finds what the first one reached, and has nothing left to train.
        """
        lock_file = _lock_file(self.path)
        with waiting(lock_file, lambda: say("another training of the same settings is running: waiting for it")):
            yield
            # only after success: what was interrupted is resumed under the same lock. FileLock notices that the file
            # it waited for is gone, and makes it anew
            lock_file.unlink(missing_ok=True)

    def read(self, fresh: State, load: Callable[[Path], None], say: Callable[[str], object]) -> State:
        """Where an earlier training of the same settings, code, data and device stopped.

        A checkpoint that cannot be read, as after a power cut, is deleted with a warning.

        Args:
            fresh: the state to begin with where there is no checkpoint.
            load: loads weights and optimiser from a file, or leaves them as they were and raises.
            say: is told what is resumed, if anything is.
        """
        # a kill between the two renames of `write` leaves the new one, complete, under its first name
        new = _beside(self.path, ".new")
        if not self.path.exists() and (new / _STATE).exists():
            new.rename(self.path)
        # a training that is resumed after its last epoch writes none, and would leave these
        _clear_beside(self.path)
        if not (self.path / _STATE).exists():
            return fresh
        try:
            saved = _verified(self.path)
            with np.load(self.path / _BEST) as file:
                best = [file[name] for name in file.files]
            state = State(best, tuple(Epoch(**row) for row in saved.pop("history")), **saved)
            load(self.path / _WEIGHTS)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            warnings.warn(f"{self.path}: cannot be read ({error}); the training starts again", stacklevel=2)
            _delete(self.path)
            return fresh
        if (self.path / _PUBLISHED).exists():
            say("this training has ended before, and its result was not recorded: writing it again")
        else:
            say(f"resuming after epoch {len(state.history)}, where an earlier training was interrupted")
        return state

    def write(self, state: State, save: Callable[[Path], None]) -> None:
        """Replace the checkpoint. A kill at any moment leaves the old one or the new one, whole.

        Args:
            state: how far the training is.
            save: saves weights and optimiser to a file.
        """
        new, old = _beside(self.path, ".new"), _beside(self.path, ".old")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        save(new / _WEIGHTS)
        np.savez(new / _BEST, *state.best)
        content = asdict(replace(state, best=()))
        del content["best"]
        sums = {name: _sum((new / name).read_bytes()) for name in (_WEIGHTS, _BEST)}
        text = json.dumps({"state": content, "sums": sums})
        # last: with it the checkpoint is complete
        (new / _STATE).write_text(f"{_sum(text.encode())}\n{text}\n", encoding="utf-8")
        shutil.rmtree(old, ignore_errors=True)
        if self.path.exists():
            self.path.rename(old)
        new.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)

    def published(self, result: Path) -> None:
        """The training has ended and its outputs are written, `result` among them, a file that no other one writes.

        The checkpoint stays until that file is known to be recorded: `delete_recorded`. Those of trainings that
        had ended before this one began are deleted, and those that were left for 60 days.
        """
        write_json(self.path / _PUBLISHED, {"md5": md5_of(result)})
        for state in self.folder.glob(f"*/{_STATE}"):
            if state.stat().st_mtime < self.began - _ABANDONED:
                _delete_if_idle(state.parent)
        for other in _published(self.folder):
            if other != self.path and (other / _PUBLISHED).stat().st_mtime < self.began:
                _delete_if_idle(other)
        for file in self.folder.glob("*.lock"):
            if file != _lock_file(self.path):
                _delete_idle_lock(file)


def delete_recorded(folder: Path, md5: str | None) -> None:
    """Delete the checkpoint whose result is recorded.

    Args:
        folder: where checkpoints are kept.
        md5: what `dvc.lock` holds for the file that was given to `Checkpoint.published`.
    """
    for path in _published(folder):
        with suppress(OSError, ValueError, KeyError):
            if json.loads((path / _PUBLISHED).read_text(encoding="utf-8"))["md5"] == md5:
                _delete_if_idle(path)


def _published(folder: Path) -> list[Path]:
    return [file.parent for file in folder.glob(f"*/{_PUBLISHED}")]


def _delete_if_idle(path: Path) -> None:
    with suppress(Timeout), FileLock(_lock_file(path), timeout=0):
        _delete(path)
        _lock_file(path).unlink(missing_ok=True)


def _delete_idle_lock(file: Path) -> None:
    # a training that was killed in its first epoch leaves a lock without a checkpoint
    with suppress(Timeout, OSError), FileLock(file, timeout=0):
        if not file.with_suffix("").exists():
            file.unlink(missing_ok=True)


def _delete(path: Path) -> None:
    # renamed first: a kill meanwhile leaves no checkpoint that looks whole
    old = _beside(path, ".old")
    _clear_beside(path)
    if path.exists():
        path.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _clear_beside(path: Path) -> None:
    # what a kill left in the middle of a change
    for suffix in (".new", ".old"):
        shutil.rmtree(_beside(path, suffix), ignore_errors=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _lock_file(path: Path) -> Path:
    return _beside(path, ".lock")


def _verified(path: Path) -> dict[str, Any]:
    # a flipped bit in the weights would make another model without a word
    recorded, _, text = (path / _STATE).read_text(encoding="utf-8").strip().partition("\n")
    if _sum(text.encode()) != recorded:
        raise ValueError(f"{_STATE} is damaged")
    content = json.loads(text)
    for name, recorded in content["sums"].items():
        if _sum((path / name).read_bytes()) != recorded:
            raise ValueError(f"{name} is damaged")
    state: dict[str, Any] = content["state"]
    return state


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
