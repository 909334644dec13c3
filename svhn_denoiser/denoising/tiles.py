"""Large pictures in pieces, so that memory does not grow with the picture and no seam shows."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

Denoise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_Value = TypeVar("_Value", bound=np.generic)

# A large picture is denoised in pieces of up to 832 pixels a side, each with a margin of its neighbours, so that no
# seam shows: a pixel of the residual U-Net's output depends on 29 pixels to each side, on 92 with the settings of the
# recipe `blind`.
_TILE = 832
MARGIN = 96
# up to here a picture goes through the network whole; that takes 250 MB for the default network, as a piece does
WHOLE = (_TILE + 2 * MARGIN) ** 2
# Pieces begin and end at multiples of what the deepest network halves to, so that its grid lies as on the whole picture
_GRID = 8


def with_model(model: "keras.Model") -> Denoise:
    """Make a network a function of one picture: float32 (H, W, 3) in [0, 1] to the same, large ones in pieces."""
    from svhn_denoiser.networks import inference

    def denoise(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = inference.denoise(model, picture[None])[0]
        return result

    return lambda picture: in_tiles(picture, denoise)


def in_tiles(
    picture: NDArray[_Value], denoise: Callable[[NDArray[_Value]], NDArray[_Value]], *, whole: int = WHOLE
) -> NDArray[_Value]:
    """Denoise a picture piece by piece, if it is large.

    Each piece is seen with a margin of its neighbours, and ends where the picture ends: the result is that of the whole
    picture. All pieces of a picture are of one size, since runtimes prepare themselves for each new one.

    Args:
        picture: (H, W, C) of any type.
        denoise: is called with pieces, and returns the same shape and type.
        whole: a picture of up to so many pixels is one piece.

    Returns:
        The same shape and type.
    """
    height, width = picture.shape[:2]
    if height * width <= whole:
        return denoise(picture)
    result = np.empty_like(picture)
    for rows in _pieces(height):
        for columns in _pieces(width):
            seen = picture[_mirrored(rows[0], height)][:, _mirrored(columns[0], width)]
            piece = denoise(seen)
            (top, bottom), (left, right) = rows[1], columns[1]
            y, x = top - rows[0].start, left - columns[0].start
            result[top:bottom, left:right] = piece[y : y + bottom - top, x : x + right - left]
    return result


def _pieces(size: int) -> Iterator[tuple[range, tuple[int, int]]]:
    """Along one side: the pixels that a piece sees, and the first and last of those that are taken from it."""
    count = -(-size // _TILE)
    step = _up(-(-size // count))
    # what the network itself would mirror beyond the end
    end = _up(size)
    seen = min(step + 2 * MARGIN, end)
    for start in range(0, size, step):
        first = min(max(start - MARGIN, 0), end - seen)
        yield range(first, first + seen), (start, min(start + step, size))


def _mirrored(pixels: range, size: int) -> Any:
    if pixels.stop <= size:
        return slice(pixels.start, pixels.stop)
    turned = np.arange(pixels.start, pixels.stop) % (2 * size)
    return np.minimum(turned, 2 * size - 1 - turned)


def _up(pixels: int) -> int:
    return -(-pixels // _GRID) * _GRID
