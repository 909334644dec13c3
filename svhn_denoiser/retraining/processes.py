"""End the processes that a retraining started."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_PATIENCE = 30  # seconds


@contextmanager
def none_outlives() -> Iterator[None]:
    """At the end of the block, end the processes started in it: the stages of a retraining that was stopped."""
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
