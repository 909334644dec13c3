"""Drawn house numbers: clean pictures that need no download.

Crops of 32x32 pixels that are centred on one digit of a house number, as SVHN's are: after SYN NUMBERS (Ganin and
Lempitsky 2015, "Unsupervised domain adaptation by backpropagation", section 4.1), with the grounds, plates, light and
cameras that make a denoiser trained on them see what photographs hold. `drawing` paints the scene, `camera`
photographs it.
"""

from hashlib import blake2b

import numpy as np

from svhn_denoiser.crops import SIDE, Digits, Pictures
from svhn_denoiser.sources.camera import photograph
from svhn_denoiser.sources.drawing import paint


def draw(count: int, seed: int, split: str) -> tuple[Pictures, Digits]:
    """Draw house numbers; picture i depends on the seed, the split and i alone.

    Args:
        count: how many pictures, N.
        seed: the project's seed, from 0 up to 2**64 - 1.
        split: name of the split the pictures are for; another name gives other pictures.

    Returns:
        The pictures, uint8 (N, 32, 32, 3), and the digit at the centre of each, uint8 (N,) from 0 to 9.
    """
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    digits = np.empty(count, np.uint8)
    for index in range(count):
        rng = _generator(seed, split, index)
        digits[index] = rng.integers(10)
        pictures[index] = photograph(paint(int(digits[index]), rng), rng)
    return pictures, digits


def _generator(seed: int, split: str, index: int) -> np.random.Generator:
    # hashed with a word of our own, so that no picture shares its numbers with the noise that is added to it later
    word = int.from_bytes(blake2b(f"house numbers/{split}".encode(), digest_size=8).digest(), "little")
    return np.random.Generator(np.random.Philox(key=[seed, word], counter=[0, 0, 0, index]))
