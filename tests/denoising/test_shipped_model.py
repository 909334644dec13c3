"""The model that comes with the package: what its card promises, and no pattern where there is nothing to denoise."""

import hashlib
import tomllib

import numpy as np
import pytest

from svhn_denoiser.denoising.models import SHIPPED_NOISE
from svhn_denoiser.denoising.runtime import FastNetwork, computes_in_bfloat16
from svhn_denoiser.denoising.trained_noise import parse
from svhn_denoiser.denoising.twins import beside
from svhn_denoiser.evaluation.metrics import psnr, ssim
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import as_bytes, as_float
from svhn_denoiser.params import NoiseSettings
from svhn_denoiser.recipes import applied
from svhn_denoiser.sources import photographs, scenes, synthetic
from tests.example_settings import ROOT

FOLDER = ROOT / "svhn_denoiser/denoising/shipped"
MODEL = FOLDER / "denoiser.keras"


@pytest.fixture(scope="module")
def model():
    return load_model(MODEL)


@pytest.fixture(scope="module")
def everything():
    return as_float(scenes.draw(60, 5, "test")[0])


def noisy(clean, sigma):
    noise = NoiseSettings(kind="gaussian", strength=sigma, read_sigma=0.02)
    return as_float(as_bytes(add_noise(clean, noise, seed=3, split="test", indices=range(len(clean)))))


def test_it_is_small_enough_for_git_and_goes_into_the_wheel():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 8e6
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "denoising/shipped/*" in packaged["svhn_denoiser"]


def test_the_card_is_that_of_this_file_and_credits_every_photograph():
    card = (FOLDER / "MODEL_CARD.md").read_text()
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() in card
    assert all(photograph.terms in card for photograph in (*photographs.COLOUR, *photographs.GREY))
    assert "Apache-2.0" in card


def test_the_noise_that_it_is_said_to_be_for_is_that_of_its_recipe(settings):
    said, noise = parse(SHIPPED_NOISE), applied(settings, "shipped", ROOT / "recipes.yaml").generate.noise
    assert (said.kind, said.high) == (noise.kind, noise.bounds[1])
    # down to none: it is tuned as for its weakest noise there, and keeps clean pictures (below)
    assert said.low == 0 < noise.bounds[0] <= 0.01


def test_its_twin_is_made_from_it_with_the_same_weights_at_half_the_size(model):
    twin = beside(MODEL)
    assert twin.of(MODEL)
    assert twin.network.with_suffix(".bin").stat().st_size < 2.1 * model.count_params()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_its_twin_denoises_alike(model, everything, precision):
    if precision == "bfloat16" and not computes_in_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    network = FastNetwork(beside(MODEL).network, bfloat16=precision == "bfloat16")
    for sigma in (0.02, 0.05, 0.1, 0.3):
        given = noisy(everything, sigma)
        lost = psnr(everything, denoise(model, given)) - psnr(everything, network(given))
        assert lost.mean() < (0.0005 if precision == "float32" else 0.005)
    assert psnr(everything, network(everything)).mean() > 45


@pytest.mark.parametrize(("sigma", "gain"), [(0.02, 5), (0.05, 8), (0.1, 10), (0.2, 12), (0.3, 12)])
def test_it_denoises_every_strength_that_it_is_for_without_being_told(model, everything, sigma, gain):
    given = noisy(everything, sigma)
    denoised = denoise(model, given)
    assert psnr(everything, denoised).mean() > psnr(everything, given).mean() + gain
    assert ssim(everything, denoised).mean() > ssim(everything, given).mean()


def test_it_denoises_house_numbers(model):
    clean = as_float(synthetic.draw(60, 5, "test")[0])
    given = noisy(clean, 0.1)
    assert psnr(clean, denoise(model, given)).mean() > psnr(clean, given).mean() + 11


def test_a_picture_without_noise_is_kept(model, everything):
    assert psnr(everything, denoise(model, everything)).mean() > 45


@pytest.mark.parametrize("colour", [(0.5, 0.5, 0.5), (0.1, 0.1, 0.1), (0.9, 0.9, 0.88), (0.6, 0.3, 0.2)])
def test_a_plain_picture_without_noise_gets_no_pattern(model, colour):
    """In 8 bits no two neighbouring pixels away from the border may differ: the grid of 2x2 convolutions would."""
    plain = np.full((1, 96, 96, 3), colour, np.float32)
    for answer in (denoise(model, plain), FastNetwork(beside(MODEL).network, bfloat16=True)(plain)):
        inside = answer[0, 16:-16, 16:-16] * 255
        assert np.ptp(inside - inside.mean(axis=(0, 1)), axis=(0, 1)).max() < 1
        assert inside.std(axis=(0, 1)).max() < 0.25


@pytest.mark.parametrize("shape", [(1, 8, 8, 3), (2, 33, 50, 3), (1, 7, 129, 3)])
def test_any_size_is_taken_and_kept(model, shape):
    picture = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert denoise(model, picture).shape == shape
