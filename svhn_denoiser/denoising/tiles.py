"""A picture of any size through a network: a large one is cut into tiles, so that memory does not grow with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

Denoise = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# A large picture is denoised in pieces of 832 pixels a side, each with a margin of its neighbours, so that no seam
# shows: a pixel of the residual U-Net's output depends on 29 pixels to each side, on 92 with the settings of the
# recipe `blind`. Both are multiples of 8, for the halvings.
_TILE = 832
MARGIN = 96
# up to here a picture goes through the network whole; that takes 250 MB for the default network, as a piece does
_WHOLE = (_TILE + 2 * MARGIN) ** 2


def with_model(model: "keras.Model") -> Denoise:
    """A network as a function of one picture: float32 (H, W, 3) in [0, 1] to the same, large ones in pieces."""
    from svhn_denoiser.networks import inference

    def denoise(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = inference.denoise(model, picture[None])[0]
        return result

    return lambda picture: denoise(picture) if picture.size <= 3 * _WHOLE else in_tiles(picture, denoise)


def in_tiles(picture: NDArray[np.float32], denoise: Denoise) -> NDArray[np.float32]:
    """Denoise a picture piece by piece, so that memory does not grow with it.

    Each piece is seen with a margin of its neighbours, beyond the picture's edge with its mirror image. All pieces are
    of one size: TensorFlow prepares itself for a new size for a second.

    Args:
        picture: float32 (H, W, 3).
        denoise: is called with float32 (1024, 1024, 3).
    """
    height, width = picture.shape[:2]
    padding = [(MARGIN, MARGIN + -size % _TILE) for size in (height, width)]
    padded = np.pad(picture, (*padding, (0, 0)), mode="symmetric")
    result = np.empty_like(padded[MARGIN:-MARGIN, MARGIN:-MARGIN])
    for y in range(0, height, _TILE):
        for x in range(0, width, _TILE):
            piece = denoise(padded[y : y + _TILE + 2 * MARGIN, x : x + _TILE + 2 * MARGIN])
            result[y : y + _TILE, x : x + _TILE] = piece[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return result[:height, :width]
