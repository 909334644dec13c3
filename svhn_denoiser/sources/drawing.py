"""Scenes with a house number: a wall, a plate on it or none, and the digits with their shadow and light.

A scene is float32 (72, 72, 3), RGB in [0, 1]. Its middle 48x48 is what the camera frames; the rest is margin for
turning it. Lengths are in the scene's pixels, 1.5 to a pixel of the final crop: hardly any SVHN crop is sharp enough
to tell that from finer drawing, which costs more.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SCENE = 72
VIEW = 48

Scene = NDArray[np.float32]
_Box = tuple[float, float, float, float]

# matplotlib ships these; squeezing and thickening them makes the narrow and heavy cuts of real house numbers
_UPRIGHT = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold"),
    *("STIXGeneral", "STIXGeneralBol", "cmr10", "cmb10", "cmss10", "cmtt10"),
)
_SLANTED = ("DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "DejaVuSerif-BoldItalic", "STIXGeneralBolIta", "cmti10")
_FONT_SIZE = 72


class _Scheme(NamedTuple):
    weight: float
    ground: tuple[float, float, float]
    ink: tuple[float, float, float]


# what house numbers are painted on and with, before light and camera dull it
_SCHEMES = (
    _Scheme(0.25, (0.86, 0.86, 0.88), (0.08, 0.10, 0.22)),  # white plate, blue-black digits
    _Scheme(0.20, (0.13, 0.17, 0.36), (0.90, 0.92, 0.95)),  # blue enamel, white digits
    _Scheme(0.13, (0.12, 0.12, 0.15), (0.86, 0.86, 0.86)),  # black plate, white digits
    _Scheme(0.06, (0.22, 0.17, 0.15), (0.80, 0.69, 0.48)),  # dark wood, brass digits
    _Scheme(0.18, (0.64, 0.62, 0.60), (0.10, 0.09, 0.10)),  # stone, black digits
    _Scheme(0.07, (0.76, 0.70, 0.60), (0.20, 0.14, 0.12)),  # sand plaster, brown digits
    _Scheme(0.05, (0.50, 0.30, 0.25), (0.90, 0.87, 0.84)),  # brick, white digits
    _Scheme(0.03, (0.26, 0.36, 0.28), (0.88, 0.87, 0.80)),  # green door, cream digits
    _Scheme(0.015, (0.62, 0.14, 0.15), (0.92, 0.90, 0.88)),  # red plate, white digits
    _Scheme(0.015, (0.78, 0.68, 0.34), (0.10, 0.10, 0.12)),  # yellow plate, black digits
)
_SCHEME_BOUNDS = np.cumsum([scheme.weight for scheme in _SCHEMES])
_WALLS = ((0.55, 0.53, 0.52), (0.70, 0.66, 0.60), (0.46, 0.32, 0.28), (0.22, 0.21, 0.22), (0.84, 0.84, 0.86))


def paint(digit: int, rng: np.random.Generator) -> Scene:
    """Paint a house number with `digit` at the middle of the scene, float32 (72, 72, 3) in [0, 1]."""
    scheme = _SCHEMES[int(np.searchsorted(_SCHEME_BOUNDS, rng.uniform(0, _SCHEME_BOUNDS[-1])))]
    ground, ink = _vary(scheme.ground, 0.15, rng), _vary(scheme.ink, 0.12, rng)
    digits, box = _number(digit, rng)
    scene = _surface(ground, rng)
    if rng.random() < 0.5:
        scene = _mount(scene, box, ink, rng)
    scene = _apply(scene, digits, ink, ground, rng)
    return np.clip(scene, 0, 1)


def _vary(colour: tuple[float, float, float], spread: float, rng: np.random.Generator) -> Scene:
    shades = rng.normal(0, 0.25 * spread, 3) + rng.normal(0, spread)
    return (np.asarray(colour) * np.exp(shades)).astype(np.float32)


def _over(scene: Scene, mask: Scene, colour: Scene) -> Scene:
    return scene + mask * (colour - scene)


# --- surfaces: their relief, relative brightness, float32 (72, 72) around 0 ----------------------------------------


def _clouds(rows: int, columns: int, rng: np.random.Generator) -> Scene:
    """Smooth noise with so many bumps down and across, deviation about 1."""
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize((SCENE, SCENE), Image.Resampling.BICUBIC))


def _enamel(rng: np.random.Generator) -> Scene:
    return 0.03 * _clouds(3, 3, rng)


def _plaster(rng: np.random.Generator) -> Scene:
    return 0.04 * _clouds(8, 8, rng) + 0.04 * _clouds(32, 32, rng)


def _stone(rng: np.random.Generator) -> Scene:
    return 0.06 * _clouds(5, 5, rng) + 0.10 * _clouds(20, 20, rng)


def _metal(rng: np.random.Generator) -> Scene:
    return 0.06 * _clouds(SCENE, 2, rng) + 0.08 * _clouds(3, 3, rng)


def _wood(rng: np.random.Generator) -> Scene:
    boards = 0.06 * _clouds(40, 3, rng) + 0.08 * _clouds(12, 2, rng)
    pitch, start = rng.integers(18, 52), rng.integers(52)
    boards[(np.arange(SCENE) + start) % pitch < 2] -= 0.4  # the gap between two boards
    return boards if rng.random() < 0.5 else boards.T


def _bricks(rng: np.random.Generator) -> Scene:
    height, width = int(rng.integers(12, 23)), int(rng.integers(28, 48))
    rows = np.arange(SCENE) + rng.integers(height)
    course = rows // height
    columns = np.arange(SCENE) + rng.integers(width) + (course % 2)[:, None] * (width // 2)
    shade = rng.normal(0, 0.15, (course[-1] + 1, int(columns.max()) // width + 1)).astype(np.float32)
    wall: Scene = shade[course[:, None], columns // width] + 0.05 * _clouds(24, 24, rng)
    wall[(rows % height < 2)[:, None] | (columns % width < 2)] = rng.uniform(-0.3, 0.4)  # mortar
    return wall


_SURFACES: tuple[tuple[float, Callable[[np.random.Generator], Scene]], ...] = (
    (0.35, _plaster),
    (0.55, _enamel),
    (0.73, _stone),
    (0.82, _wood),
    (0.90, _metal),
    (1.00, _bricks),
)


def _surface(colour: Scene, rng: np.random.Generator) -> Scene:
    lot = rng.random()
    relief = next(surface for bound, surface in _SURFACES if lot < bound)(rng)
    return colour * (1 + rng.uniform(0.4, 1.4) * relief)[..., None]


def _mount(plate: Scene, box: _Box, ink: Scene, rng: np.random.Generator) -> Scene:
    """Cut a surface to a plate around the number, perhaps with a frame, on a wall of another colour."""
    wall = _surface(_vary(_WALLS[rng.integers(len(_WALLS))], 0.3, rng), rng)
    left, top, right, bottom = rng.uniform(2, 11, 4)
    edges = (box[0] - left, box[1] - top, box[2] + right, box[3] + bottom)
    radius = int(rng.choice((0, 3, 6)))
    shape = Image.new("L", (SCENE, SCENE))
    ImageDraw.Draw(shape).rounded_rectangle(edges, radius, fill=255)
    shadow = np.roll(_alpha(shape.filter(ImageFilter.BoxBlur(2))), (2, int(rng.integers(-2, 3))), (0, 1))
    scene = _over(wall * (1 - rng.uniform(0, 0.6) * shadow), _alpha(shape), plate)
    if rng.random() < 0.4:
        inset = rng.uniform(1, 2.5)
        frame = Image.new("L", (SCENE, SCENE))
        within = (edges[0] + inset, edges[1] + inset, edges[2] - inset, edges[3] - inset)
        ImageDraw.Draw(frame).rounded_rectangle(within, radius, outline=255, width=int(rng.integers(1, 3)))
        scene = _over(scene, _alpha(frame), ink)
    return scene


# --- digits --------------------------------------------------------------------------------------------------------


@cache
def _glyph(font: str, character: str, stroke: int) -> Image.Image:
    """A digit alone, white on black, cut to its ink."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    face = ImageFont.truetype(str(path), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = face.getbbox(character, stroke_width=stroke)
    image = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=face, stroke_width=stroke)
    return image


def _number(digit: int, rng: np.random.Generator) -> tuple[Image.Image, _Box]:
    """Mask of a number of one to three digits with `digit` at the middle, and the box around the number."""
    length = 1 + int(rng.choice(3, p=(0.15, 0.45, 0.40)))
    place = int(rng.integers(length))
    fonts = _SLANTED if rng.random() < 0.12 else _UPRIGHT
    font = fonts[rng.integers(len(fonts))]
    stroke = int(rng.choice((0, 2, 4), p=(0.5, 0.3, 0.2)))
    height = VIEW * float(np.clip(rng.normal(0.75, 0.10), 0.45, 0.95))
    squeeze, gap = rng.uniform(0.5, 0.95), rng.uniform(0.02, 0.17) * height
    characters = [str(character) for character in rng.integers(10, size=length)]
    characters[place] = str(digit)

    glyphs = [_glyph(font, character, stroke) for character in characters]
    scale = height / glyphs[place].height
    sizes = [(max(3, round(glyph.width * scale * squeeze)), round(glyph.height * scale)) for glyph in glyphs]
    starts = np.cumsum([0, *(width + gap for width, _ in sizes)])[:-1]
    starts += SCENE / 2 - starts[place] - sizes[place][0] / 2 + rng.normal(0, 1)
    base = (SCENE + height) / 2 + rng.normal(0, 1)

    mask = Image.new("L", (SCENE, SCENE))
    for glyph, (width, tall), start in zip(glyphs, sizes, starts, strict=True):
        mask.paste(255, (round(start), round(base - tall)), glyph.resize((width, tall), Image.Resampling.BILINEAR))
    return mask, (float(starts[0]), base - height, float(starts[-1]) + sizes[-1][0], base)


def _apply(scene: Scene, digits: Image.Image, ink: Scene, ground: Scene, rng: np.random.Generator) -> Scene:
    """Put digits on a surface: painted flat, outlined, or standing off it with a shadow and a lit edge."""
    style = rng.random()
    body = _alpha(digits)
    coat = ink
    if style < 0.35:  # off the wall: a soft shadow down one side
        shadow = _alpha(digits.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 2))))
        offset = int(rng.integers(1, 4)), int(rng.integers(-3, 4))
        scene = scene * (1 - rng.uniform(0.2, 0.7) * np.roll(shadow, offset, (0, 1)))
    elif style < 0.43:  # outlined, dark around light digits and light around dark ones
        ring = _alpha(digits.filter(ImageFilter.MaxFilter(3)))
        scene = _over(scene, ring, 0.3 * ink if ink.mean() > ground.mean() else 0.5 + 0.5 * ink)
    if style < 0.18:  # light catches one side of a raised digit
        coat = coat + rng.uniform(0.1, 0.5) * np.clip(body - np.roll(body, (1, 1), (0, 1)), 0, 1)
    elif style > 0.9:  # worn paint
        body = body * np.clip(1.2 + 0.6 * _clouds(16, 16, rng), 0, 1)[..., None]
    # some numbers are faint: ink that has nearly the colour of its ground
    return _over(scene, body * np.float32(1 - 0.7 * rng.random() ** 2.5), coat)


def _alpha(mask: Image.Image) -> Scene:
    return np.asarray(mask, np.float32)[..., None] / np.float32(255)
