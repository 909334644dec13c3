"""Folders for files that are being written, each beside what it is to become."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_PREFIX = ".unfinished-"
# where this process has looked for what a killed one left
_cleared: set[Path] = set()


@contextmanager
def within(parent: Path) -> Iterator[Path]:
    """A folder of its own in a folder, for the block: another call may be writing a file of the same name.

    The first one in a folder clears away what a call that was killed there left.

    Args:
        parent: the folder, which exists.

    Raises:
        OSError: it may not be written to, or the disk is full.
    """
    with _in_use(parent), TemporaryDirectory(prefix=_PREFIX, dir=parent) as folder:
        yield Path(folder)


@contextmanager
def _in_use(parent: Path) -> Iterator[None]:
    # who writes into a folder shares a lock on it, which ends with the process: what lies where nobody has it was left
    try:
        import fcntl

        held = os.open(parent, os.O_RDONLY)
    except (ImportError, OSError):  # Windows has none; and a folder may be one to write into, not to read
        yield
        return
    try:
        with suppress(OSError):  # a disk in the network may have none either
            if parent not in _cleared:
                _cleared.add(parent)
                with suppress(BlockingIOError):
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _clear(parent)
            fcntl.flock(held, fcntl.LOCK_SH)
        yield
    finally:
        os.close(held)


def _clear(parent: Path) -> None:
    for left in parent.glob(f"{_PREFIX}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
