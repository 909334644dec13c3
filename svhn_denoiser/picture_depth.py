"""More than 8 bits a channel, which Pillow keeps in grey pictures alone.

Of 16-bit colours Pillow reads the high bytes. Asked for the other byte order, it reads the low bytes: two passes give
all 16 bits, through the same decoders (zlib, libtiff) as for every other picture.
"""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 284, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _BAND_BY_BAND, _UNSIGNED = 0, 1, 2, 1
_UNSPECIFIED, _MULTIPLIED, _STRAIGHT = 0, 1, 2  # what a channel besides the colours is
_HIGHEST = 65535
_PEEKED = 1 << 16  # bytes of a file in which its header says how deep it is

# TIFF of 16-bit grey and alpha, which Pillow does not know: as four channels of a byte it decodes them, too
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _kind in (_UNSPECIFIED, _MULTIPLIED, _STRAIGHT):
        _layout = (_order, _BLACK_IS_ZERO, (_UNSIGNED,), 1, (16, 16), (_kind,))
        TiffImagePlugin.OPEN_INFO.setdefault(_layout, ("RGBA", "RGBA"))


def bits(image: Any, path: Path) -> int:
    """Bits of a channel in a picture file that Pillow has opened and not loaded."""
    match image.format:
        case "TIFF":
            return max(_numbers(image.tag_v2.get(_BITS_PER_SAMPLE, 1)))
        case "PPM" if image.mode == "I":
            return 16  # Pillow stretches its numbers
        case "PPM" if image.mode == "RGB" and isinstance(image.tile[0].args, tuple):
            return int(image.tile[0].args[-1]).bit_length()
    with path.open("rb") as file:
        header = file.read(_PEEKED)
    if image.format == "PNG":
        return header[24]
    if image.format == "JPEG2000" and 0 <= (found := header.find(b"\xff\x4f\xff\x51")) < len(header) - 42:
        return max(component & 0x7F for component in header[found + 42 :: 3][: len(image.getbands())]) + 1
    if image.format == "AVIF" and (found := header.find(b"av1C")) >= 0:
        return 8 + 2 * bool(header[found + 6] & 0x40) + 2 * bool(header[found + 6] & 0x20)
    return 8


def deep_values(image: Any, path: Path, depth: int) -> NDArray[np.uint16] | None:
    """The pixels of a picture as uint16 (H, W[, C]), or None where Pillow's 8 bits are all that can be had.

    Args:
        image: as Pillow opened it; is loaded here, if need be.
        path: its file.
        depth: what `bits` says.

    Raises:
        ValueError: whole numbers without a known range, or a layout that is not read here.
    """
    if image.format == "TIFF" and image.mode != "F":
        _refuse_signed(image, depth)
    if image.mode == "F" or depth <= 8:
        return None
    values: NDArray[np.uint16] | None = None
    match image.format:
        case "PNG":
            values = _png(image, path)
        case "PPM":
            values = _ppm(image, path)
        case "TIFF":
            values = _tiff(image, path, depth)
        case _ if image.mode.startswith("I;16"):
            values = np.asarray(image).astype(np.uint16)
    transparent = image.info.get("transparency")
    if values is not None and transparent is not None:
        return with_transparent(values, np.asarray(transparent, np.uint16))
    return values


def with_transparent(values: NDArray[Any], colour: NDArray[Any]) -> NDArray[Any]:
    """Grey (H, W) or RGB (H, W, 3) with an alpha channel that is 0 where a pixel has that colour."""
    channels = values.reshape(*values.shape[:2], -1)
    opaque = (channels != colour).any(axis=2) * np.iinfo(values.dtype).max
    return np.dstack([channels, opaque.astype(values.dtype)])


def _png(image: Any, path: Path) -> NDArray[np.uint16]:
    if image.mode == "I;16":
        return np.asarray(image).astype(np.uint16)
    rawmode = image.tile[0].args
    if rawmode == "LA;16B":  # two channels of two bytes each, which are four of one byte
        pairs = _with_rawmode(image, path, "RGBA")
        return _joined(pairs[..., ::2], pairs[..., 1::2])
    return _two_passes(image, path, rawmode)


def _two_passes(image: Any, path: Path, rawmode: str) -> NDArray[np.uint16]:
    """High and low bytes of 16-bit colours, whose `rawmode` is such as "RGB;16B"."""
    colours, order = rawmode.split(";16")
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    high, low = (f"{colours};16{name}" for name in ("LB" if little else "BL"))
    return _joined(_with_rawmode(image, path, high), _with_rawmode(image, path, low))


def _joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return (high.astype(np.uint16) << 8 | low).astype(np.uint16)


def _with_rawmode(image: Any, path: Path, rawmode: str) -> NDArray[np.uint8]:
    again: Any
    with Image.open(path, formats=[image.format]) as again:
        again.filename = ""  # see picture_files.opened
        again.tile = [
            tile._replace(args=rawmode if isinstance(tile.args, str) else (rawmode, *tile.args[1:]))
            for tile in again.tile
        ]
        return np.asarray(again, np.uint8)


def _ppm(image: Any, path: Path) -> NDArray[np.uint16]:
    if image.mode == "I":  # Pillow has stretched it to 16 bits
        return np.asarray(image).astype(np.uint16)
    tile = image.tile[0]
    content = path.read_bytes()[tile.offset :]
    count = image.width * image.height * 3
    if tile.codec_name == "ppm_plain":
        numbers = np.array(re.sub(rb"#[^\n]*", b"", content).split()[:count], np.int64)
    else:
        numbers = np.frombuffer(content[: 2 * count], ">u2")
    if len(numbers) < count:
        raise ValueError("it is cut off")
    highest = tile.args[-1]
    if numbers.min() < 0 or numbers.max() > highest:
        raise ValueError(f"it holds values beyond {highest}, the highest that it names")
    scaled = (numbers.astype(np.int64) * _HIGHEST + highest // 2) // highest
    pixels: NDArray[np.uint16] = scaled.astype(np.uint16).reshape(image.height, image.width, 3)
    return pixels


def _tiff(image: Any, path: Path, depth: int) -> NDArray[np.uint16] | None:
    rawmode = image.tile[0].args[0]
    photometric = image.tag_v2.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
    if image.tag_v2.get(_PLANAR, 1) == _BAND_BY_BAND and len(image.getbands()) > 1:
        raise ValueError("its 16-bit colours are stored band by band; save it with its colours pixel by pixel")
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)
        if depth == 12:
            values = (values << 4 | values >> 8).astype(np.uint16)
        return _HIGHEST - values if photometric == _WHITE_IS_ZERO else values
    if image.tag_v2.get(_SAMPLES) == 2:
        return _grey_and_alpha(image)
    if re.fullmatch(r"(RGB|RGBX|RGBA);16[BLN]", rawmode):
        return _two_passes(image, path, rawmode)
    if re.fullmatch(r"RGBa;16[BLN]", rawmode):  # Pillow would divide the bytes by the alpha, and not the numbers
        return _divided(_two_passes(image, path, rawmode.replace("a", "A")))
    return None


def _refuse_signed(image: Any, depth: int) -> None:
    # Pillow takes 8 signed bits for unsigned ones
    if image.mode == "I" or set(_numbers(image.tag_v2.get(_SAMPLE_FORMAT, _UNSIGNED))) != {_UNSIGNED}:
        kind = "signed" if depth < 32 else f"{depth}-bit"
        raise ValueError(f"it holds {kind} whole numbers, whose range is not known; save it with 8 or 16 bits")


def _grey_and_alpha(image: Any) -> NDArray[np.uint16]:
    # libtiff hands numbers over in the machine's order, and Pillow's own decoder as they are in the file
    big = sys.byteorder == "big" if image.tile[0].codec_name == "libtiff" else image.tag_v2.prefix == TiffImagePlugin.MM
    values = np.ascontiguousarray(image, np.uint8).view(">u2" if big else "<u2").astype(np.uint16)
    (kind,) = _numbers(image.tag_v2[_EXTRA_SAMPLES])
    return values[..., 0] if kind == _UNSPECIFIED else _divided(values) if kind == _MULTIPLIED else values


def _divided(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours (H, W, C) by the alpha in the last channel, which is multiplied into them."""
    alpha = values[..., -1:].astype(np.uint64)
    colours = values[..., :-1].astype(np.uint64) * _HIGHEST // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, _HIGHEST), alpha], axis=2).astype(np.uint16)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (int(value),)
