"""What is said of the worst pictures: what they have in common, and nothing where they have nothing in common."""

import numpy as np
import pytest

from svhn_denoiser.evaluation.traits import measure, of_the_worst

COUNT = 600
CHANCE = np.random.default_rng(3).permutation(COUNT).astype(float)
DIGITS = (np.arange(COUNT) % 10).astype(np.uint8)


@pytest.fixture(scope="module")
def varied(pictures):
    rng = np.random.default_rng(5)
    return (np.resize(pictures, (COUNT, 32, 32, 3)) * rng.uniform(0.5, 1, (COUNT, 1, 1, 1))).astype(np.uint8)


def test_where_the_worst_are_any_pictures_nothing_stands_out(varied):
    said = of_the_worst(varied, DIGITS, CHANCE)
    assert said == (
        "The worst 5 % (30 of 600 pictures, up to 29.00 dB) have nothing in common that stands out: in brightness, "
        "contrast, texture, sharpness, colour and digit they are like the others."
    )


@pytest.mark.parametrize(
    ("column", "sign", "words"),
    [
        (0, 1, "darker than"),
        (0, -1, "brighter than"),
        (1, -1, "higher in contrast than"),
        (2, -1, "richer in fine detail than"),
        (3, 1, "blurrier than"),
        (4, 1, "poorer in colours than"),
    ],
)
def test_what_the_worst_have_more_or_less_of_is_said_with_its_median(varied, column, sign, words):
    values = measure(varied)[:, column]
    order = np.argsort(sign * values)
    middles = f"{np.median(values[order[:30]]):.3f}, of all {np.median(values):.3f}"
    said = of_the_worst(varied, DIGITS, sign * values)
    assert words in said
    assert middles in said
    share = round(100 * np.mean(sign * values > sign * np.median(values[order[:30]])))
    assert f"{words} {share} % of all" in said


def test_a_digit_that_is_often_among_the_worst_is_said_with_its_shares(varied):
    psnr = np.where(DIGITS == 4, CHANCE, CHANCE + 200)
    said = of_the_worst(varied, DIGITS, psnr)
    assert "% of them are a 4, of all 10 %." in said
    assert "nothing" not in said


def test_of_few_pictures_nothing_is_said(varied):
    assert of_the_worst(varied[:380], DIGITS[:380], CHANCE[:380]) == ""


def test_pictures_of_one_colour_are_measured_too():
    assert np.isfinite(measure(np.zeros((3, 32, 32, 3), np.uint8))).all()
