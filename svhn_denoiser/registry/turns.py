"""Turns at a registry that has no lock: of several processes that change the champion, one goes first.

An MLflow server orders single requests and offers nothing to tie two together, so "is it still the same champion? then
replace it" needs a turn. Each candidate is a version with a number of its own, and shows by a tag that it wants its
turn. It has it once its own tag stands and it then sees no other; of several, those with higher numbers step back
(after the one-bit algorithm: Lamport, The mutual exclusion problem, part II, J. ACM 33, 1986). Of two, the one that
wrote later reads later, and sees the other: so no two have their turn together, as long as the server shows a write to
all who read after it.

One gap remains: a process that is suspended for longer than `PATIENCE` in its turn, right after it checked that it
still has the turn.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

# a turn takes a second; a claim that stands still for so long, in seconds, belongs to a process that was killed
PATIENCE = 20.0
_PAUSE = 0.3


@dataclass(frozen=True)
class Claims:
    """The claims of all candidates, where all can see them.

    Attributes:
        read: gives them, by number.
        write: sets the claim of a number; None takes it away.
    """

    read: Callable[[], dict[int, str]]
    write: Callable[[int, str | None], None]


@contextmanager
def turn(claims: Claims, number: int) -> Iterator[Callable[[], bool]]:
    """Wait for the turn of a candidate, and keep it for the block.

    Args:
        claims: where claims are seen.
        number: of the candidate. Two processes that share it do not keep each other out.

    Yields:
        Says whether the turn still is ours: to be asked right before what must not be done twice.
    """
    mine = None
    seen: dict[int, tuple[str, float]] = {}
    try:
        while True:
            others = {other: claim for other, claim in claims.read().items() if other != number}
            if mine and not others:
                break
            if min(others, default=number) < number:
                mine = None
                claims.write(number, None)
            else:
                # a new value each time, so that others see this process is alive
                mine = uuid4().hex
                claims.write(number, mine)
            if others:
                _forget_the_dead(claims, others, seen)
                time.sleep(_PAUSE)
        yield lambda: claims.read().get(number) == mine
    finally:
        claims.write(number, None)


def _forget_the_dead(claims: Claims, others: dict[int, str], seen: dict[int, tuple[str, float]]) -> None:
    now = time.monotonic()
    for other, claim in others.items():
        if other not in seen or seen[other][0] != claim:
            seen[other] = claim, now
        elif now - seen[other][1] > PATIENCE:
            claims.write(other, None)
