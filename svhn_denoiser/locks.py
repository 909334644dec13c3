"""Locks between processes of one machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def waiting(lock_file: Path, say: Callable[[], object]) -> Iterator[None]:
    """Hold a lock for the block, waiting as long as another process has it.

    Args:
        lock_file: made if missing, with its folder; it is not deleted.
        say: is called once, before waiting, if another process has the lock.
    """
    # not there where the package only denoises
    from filelock import FileLock, Timeout

    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
