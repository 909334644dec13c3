"""What surfaces look like near by: reliefs, float32 (96, 96), mean about 0 and deviation about 1."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.sources import photographs
from svhn_denoiser.sources.photographs import CANVAS

Relief = NDArray[np.float32]


def relief(rng: np.random.Generator) -> Relief:
    """One of all reliefs."""
    lot = rng.random()
    if lot < 0.55:
        return clouds(rng.uniform(0.8, 2.4), rng)
    if lot < 0.75:
        return stripes(rng)
    return photographs.texture(rng)


def clouds(slope: float, rng: np.random.Generator) -> Relief:
    """Noise whose amplitude falls as frequency to the power of -`slope`; natural pictures have 1 to 1.2.

    Field 1987, "Relations between the statistics of natural images and the response properties of cortical cells".
    """
    white = rng.standard_normal((CANVAS, CANVAS), dtype=np.float32)
    shaped = np.fft.irfft2(np.fft.rfft2(white) * _frequencies() ** np.float32(-slope), s=white.shape)
    return np.asarray(shaped / (shaped.std() + 1e-6), np.float32)


def stripes(rng: np.random.Generator) -> Relief:
    """Waves of one direction, more or less steep, and no more regular than boards, blinds or cloth are."""
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3.5), np.log(40)))
    down, across = _places()
    phase = np.float32(2 * np.pi / period) * (np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down)
    wobble = np.float32(rng.uniform(0, 0.8)) * clouds(2, rng)
    steep = np.float32(np.exp(rng.uniform(0, 2.5)))
    return np.asarray(np.tanh(steep * np.sin(phase + np.float32(rng.uniform(0, 6.3)) + wobble)), np.float32)


@cache
def _frequencies() -> Relief:
    down, across = np.fft.fftfreq(CANVAS)[:, None], np.fft.rfftfreq(CANVAS)[None]
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf  # no mean
    return np.asarray(frequency, np.float32)


@cache
def _places() -> tuple[Relief, Relief]:
    line = np.arange(CANVAS, dtype=np.float32)
    return line[:, None], line[None]
