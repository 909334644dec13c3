"""Pictures of everything: what photographs of all kinds have, rather than house numbers alone.

A denoiser learns from the crops of `synthetic` what house numbers look like. These are for one that is given any
photograph: dead leaves, signs, walls, cuts of photographs and house numbers, each picture a scene of its own.
"""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.sources import camera, dead_leaves, drawing, lens, lettering, photographs, walls
from svhn_denoiser.sources.drawing import Scene

_PAINTERS: tuple[tuple[float, Callable[[np.random.Generator], Scene]], ...] = (
    (0.37, dead_leaves.paint),
    (0.65, photographs.cut),
    (0.72, lettering.paint),
    (0.87, walls.paint),
)


def draw(count: int, seed: int, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw pictures of everything; picture i depends on the seed, the split and i alone.

    Args:
        count: how many pictures, N.
        seed: the project's seed, from 0 up to 2**64 - 1.
        split: name of the split the pictures are for; another name gives other pictures.

    Returns:
        The pictures, uint8 (N, 32, 32, 3), and uint8 (N,): the digit at the centre of a house number, 0 for all else.
    """
    pictures = np.empty((count, 32, 32, 3), np.uint8)
    digits = np.zeros(count, np.uint8)
    for index in range(count):
        rng = _generator(seed, split, index)
        lot = rng.random()
        painter = next((painter for bound, painter in _PAINTERS if lot < bound), None)
        if painter is not None:
            pictures[index] = lens.take(painter(rng), rng)
            continue
        digits[index] = rng.integers(10)
        scene = drawing.paint(int(digits[index]), rng)
        pictures[index] = camera.photograph(scene, rng) if rng.random() < 0.7 else lens.take(scene, rng)
    return pictures, digits


def _generator(seed: int, split: str, index: int) -> np.random.Generator:
    # a word of its own, as in `synthetic`
    word = int.from_bytes(blake2b(f"scenes/{split}".encode(), digest_size=8).digest(), "little")
    return np.random.Generator(np.random.Philox(key=[seed, word], counter=[0, 0, 0, index]))
