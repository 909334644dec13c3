"""How noisy a picture is, judged from the picture alone: quickly, and roughly."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Squares that are looked at: so many pixels a side, and at most so many down and across a picture
_SIDE, _COUNT = 32, 16
# Most squares of a photograph hold texture, which looks like noise: of all squares the quietest quarter decides. On 40
# photographs with noise added, this reads 0.010 (0.0098 to 0.0124) for 0.01, 0.096 (0.086 to 0.099) for 0.1 and 0.25
# (0.20 to 0.28) for 0.3, where much of the noise is cut off at black and white.
_QUIETEST = 25
# values so near to black or white are likely cut off, and a square with more of them than this share says little
_END, _MOST_CUT_OFF = 1 / 255, 0.1

# Below, a picture has next to no noise: those 40 as they are read 0.002, with noise of 0.005 added at least 0.0052.
NEXT_TO_NONE = 0.004


def noise_level(values: NDArray[Any]) -> float:
    """Standard deviation of a picture's noise, as Immerkaer (1996) estimates it, in its quiet parts.

    Meant for noise that differs from pixel to pixel. Fine texture everywhere is taken for noise; noise that was blurred
    or went through JPEG is read too low, and so is noise that is cut off at black or white.

    Args:
        values: (H, W) or (H, W, C), uint8, uint16 or float in [0, 1]; without alpha.

    Returns:
        In units of white: 0.1 is a tenth of the way from black to white. 0 for a picture of less than 3x3 pixels.
    """
    if min(values.shape[:2]) < 3:
        return 0.0
    estimates, cut_off = np.array(list(_of_squares(values))).T
    clear = estimates[cut_off <= _MOST_CUT_OFF]
    return float(np.percentile(clear if clear.size else estimates, _QUIETEST))


def _of_squares(values: NDArray[Any]) -> Iterator[tuple[float, float]]:
    """Of each square, the noise and the share of values that may be cut off."""
    white = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    height, width = values.shape[:2]
    for top in _starts(height):
        for left in _starts(width):
            square = values[top : top + _SIDE, left : left + _SIDE].astype(np.float32) / np.float32(white)
            # blind to surfaces and straight edges
            down = square[:-2] - 2 * square[1:-1] + square[2:]
            grain = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
            # the root makes a mean of absolute values a standard deviation
            estimate = np.abs(grain).mean() * np.sqrt(np.pi / 2) / 6
            yield float(estimate), float(((square <= _END) | (square >= 1 - _END)).mean())


def _starts(length: int) -> NDArray[np.int_]:
    count = int(np.clip(length // _SIDE, 1, _COUNT))
    return np.linspace(0, max(length - _SIDE, 0), count).astype(int)
