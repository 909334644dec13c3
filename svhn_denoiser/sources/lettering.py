"""Signs: letters and digits of many sizes on some ground, alone or in lines."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from svhn_denoiser.sources import dead_leaves, photographs, walls
from svhn_denoiser.sources.drawing import Scene
from svhn_denoiser.sources.photographs import CANVAS

_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold"),
    *("DejaVuSans-Oblique", "STIXGeneral", "STIXGeneralBol", "cmr10", "cmss10", "cmtt10"),
)
_SIZES = (9, 12, 16, 22, 30, 42, 60, 84)
_LETTERS = "0123456789" * 4 + "ABCDEFGHIJKLMNOPRSTUVWXYZabcdefghijklmnoprstuvwxyz"


def paint(rng: np.random.Generator) -> Scene:
    """A sign or a part of one, float32 (96, 96, 3) in [0, 1]."""
    scene = dead_leaves.paint(rng) if rng.random() < 0.15 else walls.paint(rng)
    mask = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(mask)
    size = int(rng.choice(_SIZES))
    face = _face(_FONTS[rng.integers(len(_FONTS))], size)
    pitch = size * rng.uniform(0.9, 1.8)
    left, top = rng.uniform(-size, size), rng.uniform(-size, size)
    stroke = int(rng.integers(0, 1 + size // 16))
    for line in range(int(CANVAS / pitch) + 2 if rng.random() < 0.7 else 1):
        letters = rng.integers(len(_LETTERS), size=int(2 + 2 * CANVAS / size))
        word = "".join(_LETTERS[i] if rng_gap else " " for i, rng_gap in zip(letters, letters % 7, strict=True))
        draw.text((left, top + line * pitch), word, fill=255, font=face, stroke_width=stroke)
    turned = mask.rotate(rng.normal(0, 5), Image.Resampling.BILINEAR)
    body = np.asarray(turned, np.float32) * np.float32(rng.uniform(0.3, 1) / 255)
    ink = photographs.colours(1, rng)[0]
    # a sign is there to be read: ink that is far from its ground, mostly
    ground = scene.mean(axis=(0, 1))
    if rng.random() < 0.7 and abs(float(ink.mean() - ground.mean())) < 0.3:
        ink = ink * np.float32(0.2) if ground.mean() > 0.4 else 1 - np.float32(0.2) * (1 - ink)
    if rng.random() < 0.3:
        shadow = np.roll(body, tuple(rng.integers(1, 4, 2)), (0, 1))
        scene = scene * (1 - np.float32(rng.uniform(0.2, 0.6)) * shadow[..., None])
    return np.asarray(np.clip(scene + body[..., None] * (ink - scene), 0, 1), np.float32)


@cache
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
