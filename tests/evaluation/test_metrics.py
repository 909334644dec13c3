"""PSNR and SSIM against scikit-image, and at their edges."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from svhn_denoiser.evaluation.metrics import PSNR_CAP, mse, psnr, psnr_of_mse, ssim


@pytest.fixture(scope="module")
def pair(pictures):
    rng = np.random.default_rng(0)
    clean = pictures[:30].astype(np.float32) / 255
    strength = np.linspace(0.01, 0.4, 30, dtype=np.float32)[:, None, None, None]
    return clean, np.clip(clean + strength * rng.standard_normal(clean.shape, dtype=np.float32), 0, 1)


def test_psnr_agrees_with_scikit_image(pair):
    clean, noisy = pair
    expected = [peak_signal_noise_ratio(c, n, data_range=1) for c, n in zip(clean, noisy, strict=True)]
    np.testing.assert_allclose(psnr(clean, noisy), expected, rtol=1e-5)


def test_ssim_agrees_with_scikit_image_under_wangs_settings(pair):
    clean, noisy = pair
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1, "channel_axis": -1}
    expected = [structural_similarity(c, n, **wang) for c, n in zip(clean, noisy, strict=True)]
    np.testing.assert_allclose(ssim(clean, noisy), expected, atol=1e-6)


def test_ssim_agrees_on_pictures_that_are_not_square(pair):
    clean, noisy = (p[:3, :20] for p in pair)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1, "channel_axis": -1}
    expected = [structural_similarity(c, n, **wang) for c, n in zip(clean, noisy, strict=True)]
    np.testing.assert_allclose(ssim(clean, noisy), expected, atol=1e-6)


def test_an_identical_picture_scores_the_cap_and_one(pair):
    clean, _ = pair
    assert np.all(psnr(clean, clean) == PSNR_CAP)
    np.testing.assert_allclose(ssim(clean, clean), 1)


def test_psnr_of_a_known_error():
    clean = np.zeros((1, 16, 16, 3), np.float32)
    assert psnr(clean, clean + np.float32(0.1))[0] == pytest.approx(20, abs=1e-5)


def test_pooled_psnr_is_never_above_the_mean(pair):
    assert psnr_of_mse(mse(*pair).mean()) < psnr(*pair).mean()


@pytest.mark.parametrize("function", [psnr, ssim, mse])
def test_shapes_that_differ_are_refused(function, pair):
    clean, noisy = pair
    with pytest.raises(ValueError, match="one shape"):
        function(clean, noisy[:-1])


def test_ssim_takes_a_picture_of_the_size_of_its_window():
    picture = np.random.default_rng(0).random((1, 11, 11, 3), np.float32)
    assert ssim(picture, picture) == pytest.approx(1)


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="11x11"):
        ssim(np.zeros((1, 10, 32, 3), np.float32), np.zeros((1, 10, 32, 3), np.float32))
