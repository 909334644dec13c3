"""Plain things: skies, plaster, courses of tiles and boards, and the thin lines before them."""

import numpy as np
from PIL import Image, ImageDraw

from svhn_denoiser.sources import photographs, textures
from svhn_denoiser.sources.drawing import Scene
from svhn_denoiser.sources.photographs import CANVAS


def paint(rng: np.random.Generator) -> Scene:
    """A wall or a sky, float32 (96, 96, 3) in [0, 1]."""
    first, second, joint = photographs.colours(3, rng)
    scene = _slope(first, first + np.float32(rng.choice((0.15, 0.6))) * (second - first), rng)
    grain = np.float32(np.exp(rng.normal(-3.5, 1))) * textures.relief(rng)
    scene = scene * (1 + grain[..., None])
    if rng.random() < 0.5:
        scene = _over(scene, _courses(rng), joint)
    if rng.random() < 0.5:
        scene = _over(scene, _lines(rng), photographs.colours(1, rng)[0])
    return np.clip(scene, 0, 1)


def _slope(first: Scene, second: Scene, rng: np.random.Generator) -> Scene:
    """From one colour to another, straight or bent."""
    angle = rng.uniform(0, 2 * np.pi)
    line = np.linspace(-0.7, 0.7, CANVAS, dtype=np.float32)
    place = 0.5 + np.cos(angle) * line + np.sin(angle) * line[:, None]
    share = np.clip(place, 0, 1) ** np.exp(rng.normal(0, 0.5))
    return np.asarray(first + share[..., None] * (second - first), np.float32)


def _courses(rng: np.random.Generator) -> Scene:
    """Joints between tiles, bricks or boards, seen from aside: float32 (96, 96) from 0 to 1."""
    mask = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(mask)
    high, wide, width = rng.uniform(8, 40), rng.uniform(14, 90), int(rng.integers(1, 4))
    shift = rng.choice((0.0, 0.5))
    # two directions, not quite at right angles
    turn = rng.normal(0, 0.15)
    along = np.array([np.cos(turn), np.sin(turn)])
    turn = np.pi / 2 + rng.normal(0, 0.1)
    down = np.array([np.cos(turn), np.sin(turn)])
    start = rng.uniform(-wide, 0, 2)
    boards = rng.random() < 0.3
    for course in range(-6, int(CANVAS / high) + 6):
        origin = start + course * high * down
        draw.line([*(origin - CANVAS * along), *(origin + 2 * CANVAS * along)], fill=255, width=width)
        for stone in () if boards else range(-4, int(CANVAS / wide) + 4):
            corner = origin + (stone + shift * (course % 2)) * wide * along
            draw.line([*corner, *(corner + high * down)], fill=255, width=width)
    strength = rng.uniform(0.15, 1)
    return np.asarray(mask, np.float32) * np.float32(strength / 255)


def _lines(rng: np.random.Generator) -> Scene:
    """Wires, cracks and edges: float32 (96, 96) from 0 to 1."""
    mask = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(1, 6))):
        corners = rng.uniform(-0.2 * CANVAS, 1.2 * CANVAS, 4)
        draw.line(corners.tolist(), fill=int(rng.integers(60, 256)), width=int(rng.integers(1, 7)))
    return np.asarray(mask, np.float32) / np.float32(255)


def _over(scene: Scene, mask: Scene, colour: Scene) -> Scene:
    return scene + mask[..., None] * (colour - scene)
