"""Clean, noisy and denoised pictures side by side, large enough to see their pixels."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from svhn_denoiser.crops import Pictures
from svhn_denoiser.pairs import as_bytes

_HEADS = ("clean", "noisy", "denoised")
_MARGIN, _GAP, _LINE = 14, 10, 24
# a grey surround is neutral for light and dark pictures, and suits light and dark pages
_PAPER, _INK = "#646464", "#ffffff"


def comparison(
    clean: NDArray[np.generic],
    noisy: NDArray[np.generic],
    denoised: NDArray[np.generic],
    titles: Sequence[str],
    scores: Sequence[tuple[float, float]],
    zoom: int = 5,
) -> bytes:
    """A sheet with a row a picture: clean, noisy and denoised, with PSNR below.

    Args:
        clean: (N, H, W, 3), uint8 or floating point in [0, 1]; `noisy` and `denoised` likewise.
        noisy: what the denoiser was given.
        denoised: what it made of it.
        titles: N captions for the clean pictures, such as "picture 12, digit 7".
        scores: N pairs of the PSNR of the noisy and of the denoised picture, in dB.
        zoom: how many pixels of the sheet, across and down, one pixel becomes.

    Returns:
        A PNG file, the same bytes for the same arguments.
    """
    rows = list(zip(_shown(clean), _shown(noisy), _shown(denoised), titles, scores, strict=True))
    height, width = (zoom * side for side in clean.shape[1:3])
    across, down = width + _GAP, height + _LINE + _GAP
    sheet = Image.new("RGB", (2 * _MARGIN + 3 * across - _GAP, 2 * _MARGIN + _LINE + len(rows) * down - _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    head, caption = _font("DejaVuSans-Bold", 15), _font("DejaVuSans", 14)
    for column, name in enumerate(_HEADS):
        pen.text((_MARGIN + column * across, _MARGIN), name, _INK, head)
    for row, (*pictures, title, (before, after)) in enumerate(rows):
        top = _MARGIN + _LINE + row * down
        for column, (picture, text) in enumerate(zip(pictures, (title, _db(before), _db(after)), strict=True)):
            left = _MARGIN + column * across
            large = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(large, (left, top))
            pen.text((left, top + height + 4), _fitted(text, caption, width), _INK, caption)
    return png(np.asarray(sheet))


def png(picture: Pictures) -> bytes:
    """A picture, uint8 (H, W, 3), as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def _shown(pictures: NDArray[np.generic]) -> Pictures:
    return np.asarray(pictures) if pictures.dtype == np.uint8 else as_bytes(pictures.astype(np.float32))


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _db(psnr: float) -> str:
    return f"{psnr:.2f} dB" if np.isfinite(psnr) else "identical"


def _fitted(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
