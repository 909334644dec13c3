"""Dead leaves: a picture of things that lie over each other, as natural pictures are.

Shapes of power-law sizes cover each other (Matheron 1968; Lee, Mumford, Huang 2001, "Occlusion models for natural
images"). Denoisers that were trained on nothing else come near to ones trained on photographs (Achddou, Gousseau,
Ladjal 2021, "Synthetic images as a regularity prior for image restoration neural networks"; 2023, "Fully synthetic
training for image restoration tasks"). As there, colours are those of photographs, leaves have textures, and a layer
behind may be out of focus.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from svhn_denoiser.sources import photographs, textures
from svhn_denoiser.sources.drawing import Scene
from svhn_denoiser.sources.photographs import CANVAS

_MOST = 260
_CORNERS = 14


def paint(rng: np.random.Generator) -> Scene:
    """Leaves upon leaves, float32 (96, 96, 3) in [0, 1]."""
    scene = _layer(None, rng)
    if rng.random() < 0.3:
        behind = Image.fromarray((scene * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(1, 6)))
        scene = _layer(np.asarray(behind, np.float32) / np.float32(255), rng)
    return scene


def _layer(behind: Scene | None, rng: np.random.Generator) -> Scene:
    """Leaves over what is behind them, or over one colour where nothing is."""
    outlines = _outlines(_radii(rng.uniform(0.2, 0.6) if behind is not None else rng.uniform(0.5, 3.5), rng), rng)
    owner = Image.new("I", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(owner)
    for number, outline in enumerate(outlines, 1):
        draw.polygon(outline, fill=number)
    leaf = np.asarray(owner)
    painted = _coloured(leaf, len(outlines) + 1, rng)
    return painted if behind is None else np.where(leaf[..., None] == 0, behind, painted)


def _radii(cover: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Radii r with density r**-a between two bounds, as many as cover the canvas so many times, from far to near."""
    power = rng.uniform(2.0, 3.2) - 1
    low, high = np.exp(rng.uniform(np.log(2), np.log(32))), np.exp(rng.uniform(np.log(25), np.log(90)))
    share = rng.random(_MOST)
    radii = (low**-power + share * (high**-power - low**-power)) ** (-1 / power)
    enough = int(np.searchsorted(np.cumsum(np.pi * radii**2), cover * CANVAS**2)) + 1
    return np.asarray(radii[:enough])


def _outlines(radii: NDArray[np.float64], rng: np.random.Generator) -> list[list[float]]:
    """The corners of each leaf: ellipses, rough blobs, and figures of three to five straight sides."""
    count = len(radii)
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    rough = np.zeros((count, _CORNERS))
    for wave in (2, 3, 5):
        rough += rng.normal(0, 0.3 / wave, (count, 1)) * np.cos(wave * angles + rng.uniform(0, 6.3, (count, 1)))
    kind = rng.random(count)
    distance = radii[:, None] * (1 + np.where(kind < 0.25, 1.5, 0)[:, None] * rough).clip(0.3)
    aspect = np.exp(rng.normal(0, 0.5, (count, 1)))
    across, down = aspect * distance * np.cos(angles), distance * np.sin(angles) / aspect
    turn = rng.uniform(0, np.pi, (count, 1))
    if rng.random() < 0.5:  # what is built stands upright
        turn = rng.normal(0, 0.05, (count, 1))
    centre = rng.uniform(-0.1 * CANVAS, 1.1 * CANVAS, (2, count, 1))
    x = centre[0] + np.cos(turn) * across - np.sin(turn) * down
    y = centre[1] + np.sin(turn) * across + np.cos(turn) * down
    corners = np.stack([x, y], -1)
    # straight sides: a few of the corners, the square's at its diagonals
    steps = {3: (0, 5, 9), 4: (2, 5, 9, 12), 5: (0, 3, 6, 8, 11)}
    sides = np.where(kind > 0.5, rng.choice((3, 4, 4, 4, 5), count), 0)
    return [(corners[i, list(steps[int(sides[i])])] if sides[i] else corners[i]).ravel().tolist() for i in range(count)]


def _coloured(leaf: NDArray[np.int32], count: int, rng: np.random.Generator) -> Scene:
    """Give each leaf a colour, a slope of light and perhaps a texture."""
    colour = photographs.colours(count, rng)
    line = np.linspace(-1, 1, CANVAS, dtype=np.float32)
    slopes = rng.normal(0, rng.uniform(0, 0.25), (2, count)).astype(np.float32)
    reliefs = np.stack([textures.relief(rng), textures.relief(rng)])
    strength = (np.exp(rng.normal(-3, 0.9, (2, count))) * (rng.random((2, count)) < 0.45)).astype(np.float32)
    light = 1 + slopes[0][leaf] * line + slopes[1][leaf] * line[:, None]
    light = light + strength[0][leaf] * reliefs[0] + strength[1][leaf] * reliefs[1]
    return np.asarray(np.clip(colour[leaf] * light[..., None], 0, 1), np.float32)
