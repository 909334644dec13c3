"""A street camera: from a painted scene to a 32x32 crop as SVHN has it.

SVHN's crops were cut from compressed photographs of many sizes and brought to 32x32. So is this one: framed at an
angle, sampled and blurred as in a photograph of some size, lit, given grain, compressed, and only then resized.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from svhn_denoiser.crops import SIDE
from svhn_denoiser.sources.drawing import SCENE, VIEW, Scene


def photograph(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Photograph a scene, float32 (72, 72, 3) in [0, 1], as a crop, uint8 (32, 32, 3)."""
    framed = _frame(Image.fromarray((scene * 255).astype(np.uint8)), rng)
    # pixels that the crop had in its photograph: many of SVHN's were enlarged, few much reduced
    size = int(np.clip(29 * np.exp(rng.normal(0, 0.35)), 12, VIEW))
    sampled = framed.resize((size, size), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
    exposed = 255 * _expose(np.asarray(sampled, np.float32) / np.float32(255), rng)
    grain = rng.uniform(0.5, 4.2) * rng.standard_normal(exposed.shape, dtype=np.float32)
    stored = _compress(np.clip(exposed + grain, 0, 255).astype(np.uint8), rng)
    return np.asarray(stored.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _frame(scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The middle of the scene, seen turned and from aside, through a lens that moves red and blue apart."""
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * VIEW / 2
    angle = np.deg2rad(rng.normal(0, 5))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    seen = SCENE / 2 + corners @ turn + rng.normal(0, 1.6, (4, 2))
    fringe = rng.normal(0, 0.6, 2)
    bands = [
        band.transform(
            (VIEW, VIEW),
            Image.Transform.QUAD,
            tuple(np.clip(seen + side * fringe, 1, SCENE - 1).ravel()),
            Image.Resampling.BILINEAR,
        )
        for band, side in zip(scene.split(), (1, 0, -1), strict=True)
    ]
    return Image.merge("RGB", bands)


def _expose(picture: Scene, rng: np.random.Generator) -> Scene:
    """Light has a colour and falls off to one side; shadows have edges; haze lifts the dark."""
    size = len(picture)
    across, down = np.linspace(-1, 1, size, dtype=np.float32), np.linspace(-1, 1, size, dtype=np.float32)[:, None]
    light = 1 + rng.normal(0, 0.11) * across + rng.normal(0, 0.11) * down
    if rng.random() < 0.2:  # the edge of a shadow, from an eave or a frame
        angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 1)
        depth = np.clip(4 * (np.cos(angle) * across + np.sin(angle) * down - place), 0, 1)
        light = light * (1 - rng.uniform(0.25, 0.6) * depth)
    cast = np.exp(rng.normal((-0.06, 0.0, 0.06), 0.04)) * rng.uniform(0.52, 1.08)
    haze = rng.uniform(0.04, 0.24)
    return (haze + (1 - haze) * cast * light[..., None] * picture).astype(np.float32)


def _compress(picture: NDArray[np.uint8], rng: np.random.Generator) -> Image.Image:
    """JPEG at some quality, its 8x8 blocks anywhere relative to the crop."""
    size = len(picture)
    top, left = (int(offset) for offset in rng.integers(8, size=2))
    rows, columns = np.maximum(np.arange(-top, size), 0), np.maximum(np.arange(-left, size), 0)
    file = io.BytesIO()
    Image.fromarray(picture[rows[:, None], columns]).save(file, "JPEG", quality=int(rng.integers(60, 96)))
    return Image.open(file, formats=["JPEG"]).crop((left, top, left + size, top + size))
