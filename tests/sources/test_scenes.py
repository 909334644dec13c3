"""Drawn pictures of everything: the same everywhere, each on its own, and like photographs in their statistics."""

import os
import subprocess
import sys

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.sources import dead_leaves, lens, lettering, photographs, synthetic, textures, walls
from svhn_denoiser.sources.scenes import draw
from tests.example_settings import ROOT

COUNT = 400


@pytest.fixture(scope="module")
def drawn():
    return draw(COUNT, seed=2021, split="train")


def test_pictures_have_svhns_shape_and_digits(drawn):
    pictures, digits = drawn
    assert (pictures.shape, pictures.dtype) == ((COUNT, 32, 32, 3), np.uint8)
    assert (digits.shape, digits.dtype) == ((COUNT,), np.uint8)
    assert set(digits) == set(range(10))


def test_another_process_draws_the_same_bytes(drawn):
    code = (
        "import sys; from svhn_denoiser.sources.scenes import draw;"
        "sys.stdout.buffer.write(draw(60, 2021, 'train')[0].tobytes())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    theirs = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert theirs.stdout == drawn[0][:60].tobytes()


def test_fewer_pictures_are_the_first_of_more(drawn):
    np.testing.assert_array_equal(draw(25, seed=2021, split="train")[0], drawn[0][:25])


@pytest.mark.parametrize(("seed", "split"), [(2022, "train"), (2021, "test"), (2**32 - 1, "train")])
def test_another_seed_or_split_draws_other_pictures(drawn, seed, split):
    pictures, _ = draw(60, seed, split)
    same = (pictures == drawn[0][:60]).all(axis=(1, 2, 3))
    assert not same.any()


def test_house_numbers_are_drawn_as_before_where_no_other_scenes_are_asked_for():
    """The first picture of the default settings, which trained models and DVC's caches depend on."""
    pictures, digits = synthetic.draw(1, seed=2021, split="train")
    assert digits[0] == 4
    assert pictures[0].mean() == pytest.approx(82.869140625)


@pytest.mark.parametrize("painter", [dead_leaves.paint, photographs.cut, lettering.paint, walls.paint])
def test_every_painter_fills_its_canvas_with_light(painter):
    for seed in range(12):
        canvas = painter(np.random.default_rng(seed))
        assert (canvas.shape, canvas.dtype) == ((96, 96, 3), np.float32)
        assert np.isfinite(canvas).all()
        assert 0 <= canvas.min() <= canvas.max() <= 1


@pytest.mark.parametrize("seed", range(9))
def test_a_relief_is_centred_and_of_deviation_one(seed):
    relief = textures.relief(np.random.default_rng(seed))
    assert (relief.shape, relief.dtype) == ((96, 96), np.float32)
    assert abs(relief.mean()) < 0.5
    assert 0.3 < relief.std() < 1.5


def test_the_lens_takes_a_plain_canvas_without_a_pattern():
    """Grain and compression alone may disturb it: 2.5 levels and JPEG's rounding."""
    for seed in range(20):
        taken = lens.take(np.full((96, 96, 3), 0.5, np.float32), np.random.default_rng(seed))
        assert taken.dtype == np.uint8
        assert taken.std(axis=(0, 1)).max() < 5


# --- likeness: between flat walls and foliage, as real photographs are -----------------------------------------------


def gradients(pictures):
    return np.abs(np.diff(pictures.astype(np.float32) / 255, axis=2)).mean(axis=(1, 2, 3))


def test_some_pictures_are_flat_and_some_are_busy(drawn):
    quiet, middle, busy = np.percentile(gradients(drawn[0]), (10, 50, 90))
    # of 32x32 cuts of the official photographs: 0.002, 0.009, 0.022; of the crops: 0.016, 0.028, 0.055
    assert quiet < 0.008
    assert 0.009 < middle < 0.04
    assert 0.03 < busy < 0.09


def test_both_sharp_and_soft_pictures_are_drawn(drawn):
    pictures = drawn[0].astype(np.float32)
    fine = np.abs(np.diff(pictures, 2, axis=2)).mean(axis=(1, 2, 3))
    ratio = fine / (255 * gradients(drawn[0]) + 0.05)
    low, high = np.percentile(ratio, (5, 95))
    assert low < 0.7
    assert high > 1.1


def test_every_photograph_is_there_and_names_its_terms():
    terms = photographs.credits()
    assert len(terms) == len(photographs.COLOUR) + len(photographs.GREY)
    assert all("public domain" in line or "CC0" in line or "CC BY 2.0, " in line for line in terms)
    for photograph in (*photographs.COLOUR, *photographs.GREY):
        assert min(photographs._read(photograph, "RGB").size) > 200


def test_a_package_that_is_not_installed_is_named():
    missing = photographs.Photograph("no_such_package", "photo.png", "CC0")
    with pytest.raises(DenoiserError, match=r"no_such_package.*make setup"):
        photographs._read(missing, "RGB")


def test_a_photograph_that_is_not_there_is_named():
    missing = photographs.Photograph("skimage", "data/no_such.png", "CC0")
    with pytest.raises(DenoiserError, match=r"no_such.png: cannot be read"):
        photographs._read(missing, "RGB")
