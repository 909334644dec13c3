"""Damaged copies of a file."""

import random
from collections.abc import Iterator


def damaged(content: bytes, tries: int, begin: int) -> Iterator[tuple[str, bytes]]:
    """Copies of a file: of three, two with a bit flipped, half of them in its first bytes, and one cut off."""
    rng = random.Random(begin)
    for number in range(tries):
        if number % 3 == 2:
            end = rng.randrange(len(content))
            yield f"cut off at {end}", content[:end]
            continue
        within = min(len(content), 256) if number % 2 else len(content)
        place, bit = rng.randrange(within), rng.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place} flipped", bytes(changed)
