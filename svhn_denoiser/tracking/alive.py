"""Whether a run's training lives: one that was killed on the spot could not say so, and the next command does.

A training holds a lock, an empty file beside the outboxes, that ends with its process. Where such a file is there and
nobody holds it, the training is gone.
"""

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from svhn_denoiser.paths import OUTBOX
from svhn_denoiser.tracking.location import repository_root

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Sign:
    """The sign of life of a training.

    Args:
        run_id: of its run.
        store: the public address of the store that the run is in.
    """

    def __init__(self, run_id: str, store: str) -> None:
        self.run_id = run_id
        self.file = repository_root() / OUTBOX / f"{run_id}{_ending(store)}"
        self.lock = FileLock(self.file)

    def begin(self) -> None:
        """Say that the training lives, from now on."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.lock.acquire()

    def beat(self) -> None:
        """Say that it lives still."""
        with suppress(OSError):
            os.utime(self.file)

    def end(self) -> None:
        """Say nothing any more: how it ended is known."""
        self.file.unlink(missing_ok=True)
        self.lock.release()


def left(store: str) -> list[Sign]:
    """The signs of trainings in this repository, of runs in that store, that have not ended, or were killed."""
    ending = _ending(store)
    found = sorted((repository_root() / OUTBOX).glob(f"*{ending}"))
    return [Sign(file.name.removesuffix(ending), store) for file in found]


def end_if_dead(sign: Sign, client: "MlflowClient") -> bool:
    """Mark a run KILLED, as of the last sign of life, if its training is gone and could not end it.

    Returns:
        Whether it was marked.

    Raises:
        MlflowException, RequestException, OSError: the store refuses, or is away; the sign stays.
    """
    from mlflow.exceptions import MlflowException

    try:
        # before the lock is taken, which touches the file
        last = sign.file.stat().st_mtime
        sign.lock.acquire(timeout=0)
    except (FileNotFoundError, PermissionError, Timeout):  # the lock may be of another user
        return False
    try:
        try:
            run = client.get_run(sign.run_id).info
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            sign.end()
            return False
        dead = bool(run.status == "RUNNING" and run.lifecycle_stage == "active")
        if dead:
            client.set_terminated(sign.run_id, "KILLED", int(last * 1000))
        sign.end()
        return dead
    finally:
        # the next try is to find the last sign of life as it was
        with suppress(OSError):
            os.utime(sign.file, (last, last))
        sign.lock.release()


def _ending(store: str) -> str:
    return f".{hashlib.sha256(store.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.alive"
