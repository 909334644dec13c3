"""A camera for any scene: from a canvas to a crop of a photograph, sharp or soft.

Whole photographs are as the camera stored them, crops as SVHN's were resized afterwards: both are taken here, with
the blur, the grain and the compression that pictures have before any noise is added to them.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from svhn_denoiser.sources.drawing import Scene

CROP = 32

_SAMPLING = (Image.Resampling.BOX, Image.Resampling.HAMMING, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_RESIZING = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

# canvas pixels to a pixel of the photograph: fewer would show the canvas's own jagged edges
_FINEST, _COARSEST = 1.4, 3.0


def take(canvas: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop of a photograph of a canvas.

    Args:
        canvas: float32 (M, M, 3) in [0, 1], M at least 60.
        rng: where it is, how sharp, how bright, how compressed.

    Returns:
        uint8 (32, 32, 3).
    """
    size = CROP
    if rng.random() < 0.35:  # resized after it was stored
        size = int(np.clip(29 * np.exp(rng.normal(0, 0.4)), 14, len(canvas) / _FINEST))
    side = size * rng.uniform(_FINEST, min(_COARSEST, len(canvas) / size))
    left, top = rng.uniform(0, len(canvas) - side, 2)
    image = Image.fromarray((canvas * np.float32(255) + np.float32(0.5)).astype(np.uint8))
    seen = _sample(image, (left, top, left + side, top + side), size, rng)
    stored = _store(_expose(_focus(seen, rng), rng), rng)
    if size != CROP:
        stored = stored.resize((CROP, CROP), _RESIZING[rng.integers(3)])
    return np.asarray(stored)


def _sample(
    canvas: Image.Image, box: tuple[float, float, float, float], size: int, rng: np.random.Generator
) -> Image.Image:
    """A part of the canvas in as many pixels as the photograph has for it; lenses move red and blue apart."""
    resampling = _SAMPLING[rng.integers(4)]
    if rng.random() < 0.5:
        return canvas.resize((size, size), resampling, box=box)
    fringe = rng.normal(0, 0.5, 2) * (box[2] - box[0]) / size
    places = (np.clip(np.array(box) + way * np.tile(fringe, 2), 0, canvas.width) for way in (1, 0, -1))
    bands = zip(canvas.split(), places, strict=True)
    return Image.merge("RGB", [band.resize((size, size), resampling, box=tuple(place)) for band, place in bands])


def _focus(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    lot = rng.random()
    if lot < 0.8:
        picture = picture.filter(ImageFilter.GaussianBlur(min(abs(rng.normal(0, 0.9)), 2.5)))
    if lot > 0.7:  # cameras sharpen what they take
        picture = picture.filter(ImageFilter.UnsharpMask(rng.uniform(0.6, 1.5), int(rng.integers(0, 100)), 0))
    return picture


def _expose(picture: Image.Image, rng: np.random.Generator) -> Scene:
    """Brightness, haze and grain: float32 in [0, 255]."""
    haze = max(0.0, rng.uniform(-0.1, 0.25))
    gain = np.float32(rng.uniform(0.5, 1.1) * (1 - haze))
    grain = np.float32(max(0.0, rng.uniform(-2, 1.3)))
    light = np.asarray(picture, np.float32) * gain + np.float32(255 * haze)
    return light + grain * rng.standard_normal(light.shape, dtype=np.float32)


def _store(light: Scene, rng: np.random.Generator) -> Image.Image:
    """As 8 bits, most often through JPEG, whose blocks of 8x8 (16x16 for colour) begin anywhere."""
    picture = np.clip(light + np.float32(0.5), 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        return Image.fromarray(picture)
    size = len(picture)
    top, left = (int(offset) for offset in rng.integers(16, size=2))
    rows, columns = np.maximum(np.arange(-top, size), 0), np.maximum(np.arange(-left, size), 0)
    file = io.BytesIO()
    Image.fromarray(picture[rows[:, None], columns]).save(
        file, "JPEG", quality=int(rng.integers(50, 98)), subsampling=int(rng.choice((0, 2, 2)))
    )
    return Image.open(file, formats=["JPEG"]).crop((left, top, left + size, top + size))
