"""Noise models for pictures in [0, 1].

A picture's noise depends on the seed, the split, the picture's index and the number of the draw alone, through a
counter-based generator (Philox; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Chunk size,
order and thread count change nothing, and no two pictures share a noise field.
"""

import io
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.pairs import Split, as_bytes, as_float
from svhn_denoiser.params import NoiseSettings

# part of the generator's key: changing a number changes that split's noise
_SPLITS: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}


def add_noise(
    clean: FloatPictures, settings: NoiseSettings, *, seed: int, split: Split, indices: Iterable[int], draw: int = 0
) -> FloatPictures:
    """Noisy copies of some pictures of a split.

    Args:
        clean: float32 (N, H, W, 3) in [0, 1].
        settings: kind and strength; a range draws one strength for each picture, weak ones and those near its ends
            more often than evenly, and a mix one kind.
        seed: the project's seed.
        split: which split the pictures belong to.
        indices: the N pictures' positions in that split.
        draw: 0 for the fixed copies that are scored; another number for other noise on the same pictures, such as
            the epoch.

    Returns:
        float32 (N, H, W, 3), clipped to [0, 1].
    """
    kinds = MIXES.get(settings.kind, (settings.kind,))
    low, high = settings.bounds
    noisy = np.empty_like(clean)
    for position, index in enumerate(indices):
        rng = _generator(seed, split, index, draw)
        strength = low if low == high else _strength(low, high, rng)
        # where there is no choice nothing is drawn: adding a mix has changed no other noise
        kind = kinds[0] if len(kinds) == 1 else kinds[rng.integers(len(kinds))]
        noisy[position] = _MODELS[kind](clean[position], strength, settings.read_sigma, rng)
    return np.clip(noisy, 0, 1, out=noisy)


def in_words(kind: str, strength: float | list[float], read_sigma: float | None) -> str:
    """A noise as tags and people read it, such as `poisson-gaussian 0.1, read noise 0.02`.

    All that decides the noise is in it, and nothing else: two of the same words are the same noise.

    Args:
        kind: as in params.yaml.
        strength: a number, or both ends of a range.
        read_sigma: as in params.yaml; None where it was not recorded.
    """
    return f"{kind} {strength}{read_noise(kind, read_sigma)}"


def read_noise(kind: str, read_sigma: float | None) -> str:
    """What to add to the words for a kind of noise and its strength; empty for a kind without read noise."""
    if "poisson-gaussian" not in MIXES.get(kind, (kind,)):
        return ""
    return f", read noise {'unknown' if read_sigma is None else read_sigma}"


def _strength(low: float, high: float, rng: np.random.Generator) -> float:
    # As Chebyshev's nodes lie, in the root of the strength: what is learned for one strength helps its neighbours, and
    # those at the ends have neighbours on one side only
    share = (1 - np.cos(np.pi * rng.random())) / 2
    return float((low**0.5 + (high**0.5 - low**0.5) * share) ** 2)


def _generator(seed: int, split: Split, index: int, draw: int) -> np.random.Generator:
    # the counter's low words count within a picture; a 32x32 crop needs a few thousand of their 2**128 steps
    return np.random.Generator(np.random.Philox(key=[seed, _SPLITS[split]], counter=[0, 0, draw, index]))


def _gaussian(clean: FloatPictures, strength: float, _: float, rng: np.random.Generator) -> FloatPictures:
    """Y = x + s n, n ~ N(0, 1): the 2021 setting at s = 0.1."""
    return clean + np.float32(strength) * rng.standard_normal(clean.shape, dtype=np.float32)


def _poisson(clean: FloatPictures, strength: float, _: float, rng: np.random.Generator) -> FloatPictures:
    """Y = s² Poisson(x / s²): shot noise whose standard deviation is s at white and s sqrt(x) at x."""
    gain = strength**2
    noisy: FloatPictures = (gain * rng.poisson(clean / gain)).astype(np.float32)
    return noisy


def _poisson_gaussian(
    clean: FloatPictures, strength: float, read_sigma: float, rng: np.random.Generator
) -> FloatPictures:
    """Shot noise and a sensor's read noise (Foi et al. 2008)."""
    return _gaussian(_poisson(clean, strength, read_sigma, rng), read_sigma, read_sigma, rng)


def _speckle(clean: FloatPictures, strength: float, _: float, rng: np.random.Generator) -> FloatPictures:
    """Y = x + s x n, n ~ N(0, 1): multiplicative noise."""
    return clean + np.float32(strength) * clean * rng.standard_normal(clean.shape, dtype=np.float32)


def _salt_and_pepper(clean: FloatPictures, strength: float, _: float, rng: np.random.Generator) -> FloatPictures:
    """A share s of the values is replaced, half of them by 1 and half by 0; colours independently."""
    lot = rng.random(clean.shape, dtype=np.float32)
    return np.where(lot < strength / 2, 0, np.where(lot < strength, 1, clean)).astype(np.float32)


def _jpeg(clean: FloatPictures, strength: float, _: float, __: np.random.Generator) -> FloatPictures:
    """Written as JPEG of quality 100 (1 - s), colour at half resolution, and read again."""
    file = io.BytesIO()
    quality = max(1, round(100 * (1 - strength)))
    Image.fromarray(as_bytes(clean)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return as_float(np.asarray(Image.open(file, formats=["JPEG"])))


_MODELS: dict[str, Callable[[FloatPictures, float, float, np.random.Generator], FloatPictures]] = {
    "gaussian": _gaussian,
    "poisson": _poisson,
    "poisson-gaussian": _poisson_gaussian,
    "speckle": _speckle,
    "salt-and-pepper": _salt_and_pepper,
    "jpeg": _jpeg,
}

# what a mix is made of, each kind equally often: `sensor` is what a camera adds to the light, `mixed` is all there is
MIXES: dict[str, tuple[str, ...]] = {
    "sensor": ("gaussian", "poisson", "poisson-gaussian", "speckle"),
    "mixed": ("gaussian", "poisson", "salt-and-pepper", "speckle", "poisson-gaussian", "jpeg"),
}
