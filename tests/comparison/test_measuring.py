"""What is measured of two models beside their scores: how fast the one is against the other."""

import time

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.comparison.measuring import measure
from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params


def test_a_few_pictures_tell_which_is_faster(settings: Params, pictures: NDArray[np.uint8]) -> None:
    few = {"noise_levels": [0.1], "noise_level_pictures": 1, "noise_kinds": [], "bootstrap_samples": 100}
    params = settings.model_copy(update={"evaluate": settings.evaluate.model_copy(update=few)})
    calls = []

    def takes(seconds: float, noisy: FloatPictures) -> FloatPictures:
        calls.append(seconds)
        time.sleep(seconds)
        return noisy

    test = Pairs(pictures[:2], pictures[2:4], np.arange(2, dtype=np.uint8))
    measured = measure(params, test, lambda noisy: takes(0.01, noisy), lambda noisy: takes(0.04, noisy))
    # one pair of times would have no interval
    assert 0 < measured.speed.low < measured.speed.mean < measured.speed.high < 1
    assert calls.count(0.01) == calls.count(0.04) >= 8
