"""What may happen to pictures on their way: each alteration at several strengths, on uint8 pictures (N, H, W, 3)."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from svhn_denoiser.crops import Pictures
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import as_bytes, as_float
from svhn_denoiser.params import NoiseKind, NoiseSettings

# one that no pair of the pipeline has
_DRAW = 1_000_000


@dataclass(frozen=True)
class Alteration:
    """One change.

    Attributes:
        name: what changes, and what the strengths are.
        strengths: from little to much.
        change: pictures and strength to pictures.
    """

    name: str
    strengths: tuple[float, ...]
    change: Callable[[Pictures, float], Pictures]


def noisy(pictures: Pictures, strength: float, kind: NoiseKind = "gaussian") -> Pictures:
    """With noise of the pipeline's own kinds, drawn anew."""
    settings = NoiseSettings(kind=kind, strength=strength, read_sigma=0.001)
    indices = range(len(pictures))
    return as_bytes(add_noise(as_float(pictures), settings, seed=0, split="test", indices=indices, draw=_DRAW))


def darker(pictures: Pictures, factor: float) -> Pictures:
    """All values by a factor."""
    return as_bytes(as_float(pictures) * np.float32(factor))


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    """Gaussian blur, sigma in pixels."""
    return as_bytes(gaussian_filter(as_float(pictures), (0, sigma, sigma, 0)))


def other_camera(pictures: Pictures, strength: float) -> Pictures:
    """Another white balance, a harder tone curve, sharpening and JPEG: at 1 as on a cheap camera set to vivid."""
    values = as_float(pictures) * np.array([1 + 0.2 * strength, 1, 1 - 0.2 * strength], np.float32)
    values = np.clip(values, 0, 1)
    values += strength * 0.6 * values * (1 - values) * (2 * values - 1)
    values += strength * (values - gaussian_filter(values, (0, 1, 1, 0)))
    return np.stack([_compressed(picture, round(95 - 45 * strength)) for picture in as_bytes(values)])


def partly_black(pictures: Pictures, share: float) -> Pictures:
    """A share of the pictures, evenly spread, is black: a lens cap."""
    altered = pictures.copy()
    altered[np.linspace(0, len(pictures) - 1, round(share * len(pictures))).astype(np.intp)] = 0
    return altered


def _compressed(picture: Pictures, quality: int) -> Pictures:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


# of the scene and the camera: before the noise, where pictures are to be noisy
SCENE = (
    Alteration("nothing", (0,), lambda pictures, _: pictures),
    Alteration("darker: values times", (0.9, 0.8, 0.7, 0.6, 0.5), darker),
    Alteration("blurrier: Gaussian blur, sigma in pixels", (0.5, 0.7, 1.0, 1.5, 2.0), blurred),
    Alteration("other camera: strength", (0.25, 0.5, 0.75, 1.0), other_camera),
    Alteration("black pictures among them: share", (0.05, 0.1, 0.2), partly_black),
)
# of clean pictures
ADDED_NOISE = (Alteration("noisier: noise added, sigma", (0.002, 0.005, 0.01, 0.02, 0.05), noisy),)
# of pictures that should have noise of sigma 0.1
OTHER_NOISE = (
    Alteration("noisier: sigma in place of 0.1", (0.102, 0.105, 0.11, 0.12, 0.15), noisy),
    Alteration("less noisy: sigma in place of 0.1", (0.098, 0.095, 0.09, 0.08, 0.05), noisy),
    Alteration(
        "salt and pepper in place of Gaussian: share", (0.02, 0.05), lambda x, s: noisy(x, s, "salt-and-pepper")
    ),
    Alteration("shot noise in place of Gaussian: sigma at white", (0.1, 0.15), lambda x, s: noisy(x, s, "poisson")),
)
