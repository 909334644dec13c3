"""Noise: the right strength, and the same for a picture whatever else is drawn."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import as_bytes
from svhn_denoiser.params import NoiseSettings

MIXES = ["sensor", "mixed"]
KINDS = ["gaussian", "poisson", "salt-and-pepper", "speckle", "poisson-gaussian", "jpeg", *MIXES]


def noise(kind: str, strength: float | list[float] = 0.1, read_sigma: float = 0.02) -> NoiseSettings:
    return NoiseSettings(kind=kind, strength=strength, read_sigma=read_sigma)


def flat_pictures(value: float, count: int = 60) -> np.ndarray:
    return np.full((count, 32, 32, 3), value, np.float32)


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_keeps_shape_and_dtype_and_stays_in_range(self, kind, pictures):
        clean = pictures.astype(np.float32) / 255
        noisy = add_noise(clean, noise(kind, 0.4), seed=1, split="train", indices=range(len(clean)))
        assert noisy.shape == clean.shape
        assert noisy.dtype == np.float32
        assert noisy.min() >= 0
        assert noisy.max() <= 1
        assert np.abs(noisy - clean).mean() > 0.005

    def test_a_picture_is_noised_the_same_whatever_else_is_drawn(self, kind, pictures):
        clean = pictures[:40].astype(np.float32) / 255
        settings = noise(kind, [0.1, 0.3])
        together = add_noise(clean, settings, seed=1, split="test", indices=range(40))
        chosen = [31, 2, 17]
        alone = add_noise(clean[chosen], settings, seed=1, split="test", indices=chosen)
        np.testing.assert_array_equal(together[chosen], alone)

    def test_stronger_is_noisier(self, kind, pictures):
        clean = pictures[:40].astype(np.float32) / 255
        errors = [
            np.square(add_noise(clean, noise(kind, s), seed=1, split="test", indices=range(40)) - clean).mean()
            for s in (0.05, 0.2, 0.6)
        ]
        assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"jpeg", "mixed"}])
@pytest.mark.parametrize("change", [{"seed": 2}, {"split": "train"}, {"draw": 1}, {"indices": range(1, 11)}])
def test_seed_split_index_and_draw_each_give_other_noise(kind, change):
    clean = flat_pictures(0.5, 10)
    how = {"seed": 1, "split": "test", "indices": range(10), "draw": 0}
    one = add_noise(clean, noise(kind), **how)
    other = add_noise(clean, noise(kind), **(how | change))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# sums of the 8-bit values of four noisy pictures, by kind: noise that changes would change every result without a word
KNOWN = {
    "gaussian": (1682395943, 2256283041),
    "poisson": (1584274258, 229096432),
    "salt-and-pepper": (4029523664, 1944236455),
    "speckle": (3272637188, 1139100208),
    "poisson-gaussian": (1740045549, 1810711978),
    "sensor": (1798475670, 347209607),
}


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("strength", [0.2, [0.05, 0.6]], ids=str)
def test_the_noise_of_a_picture_is_what_it_has_always_been(kind, strength):
    clean = np.linspace(0, 1, 4 * 32 * 32 * 3, dtype=np.float32).reshape(4, 32, 32, 3)
    noisy = as_bytes(add_noise(clean, noise(kind, strength), seed=5, split="validation", indices=range(7, 11)))
    assert zlib.crc32(noisy.tobytes()) == KNOWN[kind][isinstance(strength, list)]


def test_what_is_not_said_to_be_another_draw_is_the_fixed_noise_that_is_scored():
    how = {"seed": 1, "split": "test", "indices": range(3)}
    clean = flat_pictures(0.5, 3)
    one, other = (add_noise(clean, noise("gaussian"), **how, **more) for more in ({}, {"draw": 0}))
    np.testing.assert_array_equal(one, other)


def test_jpeg_noise_is_pillows_jpeg_of_that_quality_with_colour_at_half_resolution(pictures):
    file = io.BytesIO()
    Image.fromarray(pictures[0]).save(file, "JPEG", quality=70, subsampling=2)
    clean = pictures[:1].astype(np.float32) / 255
    noisy = add_noise(clean, noise("jpeg", 0.3), seed=1, split="test", indices=[0])
    np.testing.assert_array_equal(as_bytes(noisy)[0], np.asarray(Image.open(file)))


def test_sensor_noise_depends_on_brightness_and_leaves_no_black_or_white_dots():
    noisy = add_noise(flat_pictures(0.5, 200), noise("sensor"), seed=1, split="train", indices=range(200))
    deviations = (noisy - 0.5).std(axis=(1, 2, 3))
    # 0.1 for Gaussian, 0.07 for Poisson with and without read noise, 0.05 for speckle
    shares = np.histogram(deviations, [0.04, 0.06, 0.085, 0.12])[0] / 200
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.1)
    assert ((noisy == 0) | (noisy == 1)).mean() < 0.001


def test_the_mix_of_all_has_every_kind_equally_often():
    noisy = add_noise(flat_pictures(0.5, 600), noise("mixed"), seed=1, split="train", indices=range(600))
    dots = ((noisy == 0) | (noisy == 1)).mean(axis=(1, 2, 3)) > 0.05
    flat = (noisy - 0.5).std(axis=(1, 2, 3)) < 0.01  # what JPEG makes of a flat picture
    assert dots.mean() == pytest.approx(1 / 6, abs=0.05)
    assert flat.mean() == pytest.approx(1 / 6, abs=0.05)


def test_no_two_pictures_share_a_noise_field():
    noisy = add_noise(flat_pictures(0.5), noise("gaussian"), seed=1, split="train", indices=range(60))
    fields = (noisy - 0.5).reshape(60, -1)
    likeness = np.abs(np.corrcoef(fields) - np.eye(60))
    assert likeness.max() < 0.1  # 3,072 independent values: standard deviation 0.018


class TestStrength:
    """What a strength measures, as params.yaml and the docs say."""

    @staticmethod
    def deviation(kind: str, value: float, strength: float, read_sigma: float = 0.02) -> float:
        clean = flat_pictures(value, 300)
        settings = noise(kind, strength, read_sigma)
        return float((add_noise(clean, settings, seed=3, split="train", indices=range(300)) - clean).std())

    def test_gaussian_is_the_standard_deviation(self):
        assert self.deviation("gaussian", 0.5, 0.1) == pytest.approx(0.1, rel=0.01)

    def test_poisson_is_the_deviation_at_white_and_falls_with_the_root_of_brightness(self):
        assert self.deviation("poisson", 0.25, 0.1) == pytest.approx(0.05, rel=0.02)

    def test_speckle_grows_with_brightness(self):
        assert self.deviation("speckle", 0.5, 0.2) == pytest.approx(0.1, rel=0.01)

    def test_poisson_gaussian_adds_the_read_noise(self):
        assert self.deviation("poisson-gaussian", 0.25, 0.1, 0.05) == pytest.approx(np.hypot(0.05, 0.05), rel=0.02)

    def test_salt_and_pepper_is_the_share_of_replaced_values(self):
        noisy = add_noise(
            flat_pictures(0.5, 300), noise("salt-and-pepper", 0.2), seed=3, split="train", indices=range(300)
        )
        assert (noisy == 0).mean() == pytest.approx(0.1, rel=0.02)
        assert (noisy == 1).mean() == pytest.approx(0.1, rel=0.02)

    def test_a_range_draws_a_strength_for_each_picture(self):
        noisy = add_noise(
            flat_pictures(0.5, 400), noise("gaussian", [0.02, 0.12]), seed=3, split="train", indices=range(400)
        )
        deviations = (noisy - 0.5).std(axis=(1, 2, 3))
        assert deviations.min() == pytest.approx(0.02, abs=0.003)
        assert deviations.max() == pytest.approx(0.12, abs=0.005)
        # weak noise more often than evenly, and a quarter of all on the outer seventh at either end of the roots
        roots = (deviations**0.5 - 0.02**0.5) / (0.12**0.5 - 0.02**0.5)
        assert np.quantile(roots, [0.25, 0.5, 0.75]) == pytest.approx([0.146, 0.5, 0.854], abs=0.05)


def test_the_default_noise_scores_what_was_measured_on_real_svhn(real_svhn, settings):
    from svhn_denoiser import mat_format
    from svhn_denoiser.evaluation.metrics import psnr, ssim

    pictures, _ = mat_format.read(real_svhn / "test_32x32.mat")
    clean = pictures.astype(np.float32) / 255
    noisy = add_noise(clean, settings.generate.noise, seed=settings.seed, split="test", indices=range(len(clean)))
    assert psnr(clean, noisy).mean() == pytest.approx(20.2, abs=0.1)
    assert ssim(clean, noisy).mean() == pytest.approx(0.47, abs=0.01)
