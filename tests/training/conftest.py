"""Pairs to learn from in seconds, and the settings of a small network."""

import numpy as np
import pytest

from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from tests.example_settings import changed


@pytest.fixture(scope="session")
def pairs(pictures, settings):
    """200 pairs to learn from and 40 to validate."""

    def noised(clean, split):
        noisy = add_noise(
            as_float(clean), settings.generate.noise, seed=settings.seed, split=split, indices=range(len(clean))
        )
        return Pairs(as_bytes(noisy), clean, np.zeros(len(clean), np.uint8))

    return noised(pictures[:200], "train"), noised(pictures[200:], "validation")


@pytest.fixture(scope="session")
def small(settings):
    """A small network, trained for a few steps."""
    return changed(settings, train__width=8, train__epochs=4, train__batch_size=20, train__learning_rate=0.005)
