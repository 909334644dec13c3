"""How alike neighbours are, and so how many independent pictures they are worth.

Neighbours are crops of one house number, or of one picture, and alike: N of them tell as much as N / d independent
ones, where d is the design effect (Kish 1965). It is measured by batch means: how much more do the sums over blocks of
neighbours vary than they would if all pictures were independent? Incoming pictures are taken to be as much alike as
the training pictures at least, because an order by chance would hide it.
"""

import numpy as np
from numpy.typing import NDArray

# pictures that the crops come from, at the least
FEWEST_ORIGINS = 10
# Neighbours a block. Measured on SVHN's training file: features are correlated up to three pictures apart (0.5, 0.15,
# 0.03), and the design effect is 2.1 with blocks of 16, 2.3 with 64
_NEIGHBOURS = 16


def blocks_of(origins: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which block of neighbours each crop belongs to.

    Args:
        origins: integers (N,), ascending: crops of one picture have the same.

    Returns:
        Numbers (N,) from 0 on. Blocks are of 16 crops or more, of fewer where there are few, and no picture is in two.
    """
    size = int(np.clip(len(origins) // FEWEST_ORIGINS, 1, _NEIGHBOURS))
    counts = np.unique(origins, return_counts=True)[1]
    block, held, numbers = -1, size, []
    for count in counts:
        if held >= size or count >= size:
            block, held = block + 1, 0
        held += count
        numbers.append(block)
    return np.repeat(np.array(numbers, np.intp), counts)


def design_effect(values: NDArray[np.float64], blocks: NDArray[np.intp]) -> float:
    """How many crops carry as much information as one independent picture: 1 or more.

    Args:
        values: what was measured of each crop, (N,).
        blocks: which block each belongs to, (N,).
    """
    centred = values - values.mean()
    expected = np.square(centred).sum()
    sums = np.bincount(np.unique(blocks, return_inverse=True)[1], weights=centred)
    if expected == 0:  # all alike: no more than one a block
        return len(values) / len(sums)
    return float(max(1.0, np.square(sums).sum() / expected * len(sums) / (len(sums) - 1)))
