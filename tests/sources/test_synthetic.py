"""Drawn house numbers: repeatable, varied, centred on their digit, and close to SVHN in numbers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.restoration import estimate_sigma

from svhn_denoiser import mat_format
from svhn_denoiser.sources.synthetic import draw
from tests.example_settings import ROOT

REAL = Path(os.environ.get("SVHN_DENOISER_REAL", ROOT.parent / "shared" / "svhn")) / "train_32x32.mat"
COUNT = 1000


@pytest.fixture(scope="module")
def drawn():
    return draw(COUNT, seed=2021, split="train")


def test_pictures_and_digits_have_svhns_shape_and_type(drawn):
    pictures, digits = drawn
    assert (pictures.dtype, pictures.shape) == (np.uint8, (COUNT, 32, 32, 3))
    assert (digits.dtype, digits.shape) == (np.uint8, (COUNT,))


def test_no_pictures_are_asked_for_and_none_come():
    pictures, digits = draw(0, seed=1, split="train")
    assert pictures.shape == (0, 32, 32, 3)
    assert digits.shape == (0,)


def test_another_process_draws_the_same_bytes(drawn):
    code = (
        "import sys; from svhn_denoiser.sources.synthetic import draw;"
        "pictures, digits = draw(40, 2021, 'train');"
        "sys.stdout.buffer.write(pictures.tobytes() + digits.tobytes())"
    )
    # another hash seed: nothing may hang on the order of a set or on hash()
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    theirs = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    pictures, digits = drawn
    assert theirs.stdout == pictures[:40].tobytes() + digits[:40].tobytes()


def test_fewer_pictures_are_the_first_of_more(drawn):
    pictures, digits = draw(25, seed=2021, split="train")
    np.testing.assert_array_equal(pictures, drawn[0][:25])
    np.testing.assert_array_equal(digits, drawn[1][:25])


@pytest.mark.parametrize(("seed", "split"), [(2022, "train"), (2021, "test")])
def test_another_seed_or_split_draws_other_pictures(drawn, seed, split):
    pictures, _ = draw(100, seed, split)
    together = np.concatenate([drawn[0][:100], pictures])
    assert len(np.unique(together, axis=0)) == 200


def test_the_largest_seed_that_settings_allow_can_be_drawn():
    pictures, _ = draw(1, seed=2**32 - 1, split="train")
    assert pictures.std() > 0


def test_every_digit_comes_about_equally_often(drawn):
    counts = np.bincount(drawn[1], minlength=10)
    assert len(counts) == 10
    # binomial: 100 expected, deviation 9.5
    assert counts.min() > 65
    assert counts.max() < 135


def test_the_digit_at_the_centre_is_the_one_the_label_names(drawn):
    """A linear classifier learns digits from the middle of 800 crops and reads half of 200 others; chance reads 20."""
    pictures, digits = drawn
    middle = pictures[:, 2:30, 8:24].mean(-1)
    middle = np.abs(middle - np.median(middle, axis=(1, 2), keepdims=True))  # light on dark and dark on light alike
    middle /= middle.std((1, 2), keepdims=True)
    coarse = middle.reshape(COUNT, 14, 2, 8, 2).mean((2, 4)).reshape(COUNT, -1)
    features = np.hstack([coarse, np.ones((COUNT, 1))])
    known, asked = features[:800], features[800:]
    weights = np.linalg.solve(known.T @ known + 6 * np.eye(features.shape[1]), known.T @ np.eye(10)[digits[:800]])
    read = np.argmax(asked @ weights, axis=1)
    assert (read == digits[800:]).mean() > 0.4


def test_no_two_pictures_are_nearly_the_same(drawn):
    flat = drawn[0].reshape(COUNT, -1).astype(np.float64)
    energy = (flat**2).sum(1)
    distance = np.sqrt(np.maximum(energy[:, None] + energy - 2 * flat @ flat.T, 0) / flat.shape[1])
    np.fill_diagonal(distance, np.inf)
    # in grey levels; the two nearest of as many real crops are 12 apart
    assert distance.min() > 6


# --- likeness: bounds are about SVHN's own mean, 20 % either way ----------------------------------------------------


def _statistics(pictures):
    colours = pictures / 255
    grey = colours @ (0.299, 0.587, 0.114)
    slopes = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2)]
    return {
        "brightness": grey.mean(),
        "spread of brightness": grey.mean((1, 2)).std(),
        "contrast": grey.std((1, 2)).mean(),
        "spread of contrast": grey.std((1, 2)).std(),
        "saturation": (np.ptp(colours, axis=-1) / np.maximum(colours.max(-1), 1 / 255)).mean(),
        "gradient": np.mean(slopes),
        "noise": np.mean([estimate_sigma(p, channel_axis=-1, average_sigmas=True) for p in colours[:400]]),
    }


# measured on the 8,841 crops at the beginning of SVHN's training file
_SVHN = {
    "brightness": 0.450,
    "spread of brightness": 0.154,
    "contrast": 0.119,
    "spread of contrast": 0.044,
    "saturation": 0.191,
    "gradient": 0.0303,
    "noise": 0.0033,
}


def test_drawn_pictures_measure_like_svhn(drawn):
    assert _statistics(drawn[0]) == {name: pytest.approx(value, rel=0.22) for name, value in _SVHN.items()}


@pytest.mark.skipif(not REAL.is_file(), reason=f"needs real SVHN pictures at {REAL}, or SVHN_DENOISER_REAL")
def test_what_is_said_of_svhn_is_so():
    pictures, _ = mat_format.read(REAL)
    measured = _statistics(pictures[::5])
    assert measured == {name: pytest.approx(value, rel=0.05) for name, value in _SVHN.items()}
