"""The processes that a retraining starts: none of them outlives it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_PATIENCE = 30  # seconds


@contextmanager
def none_outlives() -> Iterator[None]:
    """End what was started in this block and still runs at its end: a stage whose retraining was stopped."""
    before = set(psutil.Process().children(recursive=True))
    try:
        yield
    finally:
        children = [child for child in psutil.Process().children(recursive=True) if child not in before]
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.terminate()
        for child in psutil.wait_procs(children, timeout=_PATIENCE)[1]:
            with suppress(psutil.NoSuchProcess):
                child.kill()
