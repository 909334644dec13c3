"""Photographs that come with the libraries this project uses, each free to use for any purpose.

They stand in the packages' own folders and are read from there: none is copied into this repository. Cuts of them, at
many scales, show a denoiser what no drawing has; their colours are natural ones for drawn things.
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.errors import DenoiserError

CANVAS = 96

# canvas pixels to a pixel of the photograph; the lens takes one for each 1.4 to 3 of them
_LEAST_SCALE, _MOST_SCALE = 0.14, 1.2


class Photograph(NamedTuple):
    """Where a photograph is and under which terms.

    Attributes:
        package: the installed package that it comes with.
        file: its path in that package.
        terms: licence and whom to name.
    """

    package: str
    file: str
    terms: str


COLOUR = (
    Photograph("skimage", "data/astronaut.png", "public domain, NASA"),
    Photograph("skimage", "data/chelsea.png", "CC0, Stefan van der Walt"),
    Photograph("skimage", "data/coffee.png", "CC0, Rachel Michetti (Pikolo Espresso Bar)"),
    Photograph("skimage", "data/rocket.jpg", "public domain, SpaceX"),
    Photograph("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "public domain, United States Navy"),
    Photograph("sklearn", "datasets/images/china.jpg", "CC BY 2.0, danielbuechele (flickr.com)"),
    Photograph("sklearn", "datasets/images/flower.jpg", "CC BY 2.0, vultilion (flickr.com)"),
)
GREY = (
    Photograph("skimage", "data/brick.png", "CC0, CC0Textures"),
    Photograph("skimage", "data/grass.png", "CC0, linolafett"),
    Photograph("skimage", "data/gravel.png", "CC0, CC0Textures"),
)


def cut(rng: np.random.Generator) -> NDArray[np.float32]:
    """A part of a photograph, scaled, turned and tinted: float32 (96, 96, 3) in [0, 1]."""
    photograph = _colour()[rng.integers(len(COLOUR))]
    # by scale rather than by place: a face is seen as often as a pore
    scale = np.exp(rng.uniform(np.log(_LEAST_SCALE), np.log(_MOST_SCALE)))
    side = min(CANVAS / scale, *photograph.size)
    left, top = (rng.uniform(0, length - side) for length in photograph.size)
    part = photograph.resize(
        (CANVAS, CANVAS), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side), reducing_gap=3
    )
    turned = np.rot90(np.asarray(part, np.float32) / np.float32(255), int(rng.integers(4)))
    return _tinted(turned[:, ::-1] if rng.random() < 0.5 else turned, rng)


def colours(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colours of so many random pixels of one photograph, float32 (N, 3) in [0, 1]."""
    pixels = _pixels(int(rng.integers(len(COLOUR))))
    # from a part of it, as things that are seen together have related colours
    first = rng.integers(len(pixels) * 3 // 4)
    chosen = rng.integers(first, first + len(pixels) // 4, count)
    found = _tinted(pixels[chosen], rng)
    # paint and plastic come in colours that these photographs have not
    return np.where(rng.random((count, 1)) < 0.1, rng.random((count, 3), dtype=np.float32), found)


def texture(rng: np.random.Generator) -> NDArray[np.float32]:
    """Relief of a photographed surface, float32 (96, 96), mean 0 and deviation 1."""
    surface = _grey()[rng.integers(len(GREY))]
    side = CANVAS * np.exp(rng.uniform(np.log(0.7), np.log(4)))
    left, top = rng.uniform(0, min(surface.size) - side, 2)
    box = (left, top, left + side, top + side)
    part = np.asarray(surface.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC, box=box, reducing_gap=2), np.float32)
    return np.rot90((part - part.mean()) / (part.std() + np.float32(1)), int(rng.integers(4)))


def credits() -> list[str]:
    """One line a photograph: file and terms."""
    return [f"{photograph.package}/{photograph.file}: {photograph.terms}" for photograph in (*COLOUR, *GREY)]


def _tinted(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Other colours and light: mostly greyer, as house fronts are, now and then as loud as a shop sign.

    A network that has never seen a bright yellow wall shifts its colour by two levels.
    """
    loud = rng.random() < 0.2
    grey = picture.mean(axis=-1, keepdims=True)
    toned = grey + np.float32(rng.uniform(1, 3) if loud else rng.uniform(0.2, 1.15)) * (picture - grey)
    if rng.random() < 0.3:
        toned = toned[..., rng.permutation(3)]
    gains = np.exp(rng.normal(0, 0.5 if loud else 0.08, 3)).astype(np.float32)
    bent: NDArray[np.float32] = np.clip(toned * gains, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    return bent


def _read(photograph: Photograph, mode: str) -> Image.Image:
    spec = find_spec(photograph.package)
    if spec is None or spec.origin is None:
        raise DenoiserError(
            f"download.synthetic.scenes = everything: the package {photograph.package}, whose photographs it shows, is "
            "not installed. `make setup` installs it; house-numbers does without."
        )
    path = Path(spec.origin).parent / photograph.file
    try:
        return Image.open(path, formats=["PNG", "JPEG"]).convert(mode)
    except OSError as error:
        raise DenoiserError(f"{path}: cannot be read ({error}); install {photograph.package} again.") from error


def _each(photographs: tuple[Photograph, ...], mode: str) -> Callable[[], tuple[Image.Image, ...]]:
    return cache(lambda: tuple(_read(photograph, mode) for photograph in photographs))


_colour, _grey = _each(COLOUR, "RGB"), _each(GREY, "L")


@cache
def _pixels(number: int) -> NDArray[np.float32]:
    small = _colour()[number].resize((64, 64), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(-1, 3) / np.float32(255)
