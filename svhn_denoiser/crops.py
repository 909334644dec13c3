"""Crops as SVHN has them: their side, and the types of many of them."""

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels, across and down

# (N, 32, 32, 3) as in files, or of another size (N, H, W, 3) where a function says so
Pictures = NDArray[np.uint8]
# the same in [0, 1], as in networks and scores
FloatPictures = NDArray[np.float32]
Digits = NDArray[np.uint8]
