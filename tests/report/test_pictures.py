"""Sheets of clean, noisy and denoised pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser.report.pictures import comparison


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 2, 32, 32, 3), dtype=np.uint8)


def sheet(three, titles=("picture 3, digit 7", "picture 9, digit 0"), scores=((20.1, 33.4), (19.9, 31.0)), **options):
    clean, noisy, denoised = three
    return comparison(clean, noisy, denoised, titles, scores, **options)


def opened(file):
    return np.asarray(Image.open(io.BytesIO(file)))


def found(picture, pixels):
    """Whether an enlarged picture stands somewhere in an image."""
    height, width = picture.shape[:2]
    corners = np.argwhere((pixels == picture[0, 0]).all(-1))
    return any(np.array_equal(pixels[y : y + height, x : x + width], picture) for y, x in corners)


@pytest.mark.parametrize("zoom", [1, 5])
def test_every_pixel_of_every_picture_is_shown_enlarged(three, zoom):
    pixels = opened(sheet(three, zoom=zoom))
    for picture in three.reshape(-1, 32, 32, 3):
        assert found(picture.repeat(zoom, 0).repeat(zoom, 1), pixels)


def test_a_row_reads_clean_noisy_denoised():
    grey = np.array([0, 128, 255], np.uint8)
    clean, noisy, denoised = (np.full((1, 8, 8, 3), value) for value in grey)
    pixels = opened(comparison(clean, noisy, denoised, ["x"], [(1, 2)], zoom=9))
    across = [np.argwhere((pixels == value).all(-1))[:, 1].mean() for value in grey[:2]]
    # white is the text's colour as well: look at the middle row of the pictures alone
    middle = pixels[int(np.argwhere((pixels == 0).all(-1))[:, 0].mean())]
    across.append(np.argwhere((middle == 255).all(-1)).mean())
    assert across == sorted(across)


def test_floating_point_pictures_show_as_their_8_bit_copies(three):
    assert sheet(three / np.float32(255)) == sheet(three)


def test_values_out_of_range_are_clipped_not_wrapped(three):
    wild = three.astype(np.float32) / 255
    wild[2] = 1.2
    assert sheet(wild) == sheet([*three[:2], np.full_like(three[2], 255)])


def test_the_same_pictures_give_the_same_bytes(three):
    assert sheet(three) == sheet(three)


def test_captions_show_both_scores(three):
    plain = sheet(three)
    assert sheet(three, scores=((20.2, 33.4), (19.9, 31.0))) != plain
    assert sheet(three, scores=((20.1, 33.5), (19.9, 31.0))) != plain
    assert sheet(three, titles=("picture 4, digit 7", "picture 9, digit 0")) != plain


def test_an_endless_score_and_a_long_title_do_no_harm(three):
    plain = opened(sheet(three))
    odd = opened(sheet(three, titles=("a very long title " * 20, ""), scores=((20.1, np.inf), (19.9, 31.0))))
    assert odd.shape == plain.shape
    # the long title ends before the noisy picture's caption begins
    np.testing.assert_array_equal(odd[190:216, 184:330], plain[190:216, 184:330])


def test_pictures_of_other_sizes_are_shown():
    pictures = np.zeros((1, 20, 48, 3), np.uint8)
    assert opened(comparison(pictures, pictures, pictures, ["wide"], [(1.0, 2.0)])).shape[1] > 3 * 48 * 5


def test_a_missing_title_is_refused(three):
    with pytest.raises(ValueError, match="shorter"):
        sheet(three, titles=("only one",))
