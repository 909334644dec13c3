"""Whether a run's training lives: one that was killed on the spot could not say so, and the next command does.

A training keeps a note with the outboxes, and a lock on it that ends with the process. Where the lock of a note is
free, its training is gone.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json, write_json
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
        self.run_id, self.store = run_id, store
        self.note = repository_root() / OUTBOX / f"{run_id}.alive"
        self.lock = FileLock(f"{self.note}.lock")

    def begin(self) -> None:
        """Say that the training lives, from now on."""
        self.note.parent.mkdir(parents=True, exist_ok=True)
        self.lock.acquire()
        write_json(self.note, {"run_id": self.run_id, "store": self.store})

    def beat(self) -> None:
        """Say that it lives still."""
        with suppress(OSError):
            os.utime(self.note)

    def end(self) -> None:
        """Say nothing any more: how it ended is known."""
        self.note.unlink(missing_ok=True)
        with suppress(OSError):
            Path(self.lock.lock_file).unlink()
        self.lock.release()


def left(store: str) -> list[Sign]:
    """The signs of trainings in this repository, of runs in that store, that have not ended, or were killed."""
    found = []
    for note in sorted((repository_root() / OUTBOX).glob("*.alive")):
        with suppress(DenoiserError, OSError):  # of another user, say
            known = read_json(note, {"run_id": str, "store": str})
            if known["store"] == store:
                found.append(Sign(known["run_id"], store))
    return found


def end_if_dead(sign: Sign, client: "MlflowClient") -> bool:
    """Mark a run KILLED, as of the last sign of life, if its training is gone and could not end it.

    Returns:
        Whether it was marked.

    Raises:
        MlflowException, RequestException, OSError: the store refuses, or is away; the sign stays.
    """
    from mlflow.exceptions import MlflowException

    try:
        sign.lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        if not sign.note.exists():
            return False
        try:
            run = client.get_run(sign.run_id).info
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            sign.end()
            return False
        dead = bool(run.status == "RUNNING" and run.lifecycle_stage == "active")
        if dead:
            client.set_terminated(sign.run_id, "KILLED", int(sign.note.stat().st_mtime * 1000))
        sign.end()
        return dead
    finally:
        sign.lock.release()
