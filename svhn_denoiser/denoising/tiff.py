"""TIFF of 8 or 16 bits a channel or of floats, with what the picture's file said of it.

Pillow writes 16 bits in grey alone, and leaves out what EXIF says of place and time.
"""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from svhn_denoiser.errors import DenoiserError

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS, _LENGTHS, _ACROSS, _DOWN, _UNIT = 273, 277, 278, 279, 282, 283, 296
_PREDICTOR, _EXTRA, _FORMAT, _XMP, _PROFILE, _EXIF, _GPS = 317, 338, 339, 700, 34675, 34665, 34853
_DEFLATE, _BLACK_IS_ZERO, _RGB, _INCH, _DIFFERENCES, _STRAIGHT_ALPHA, _UNSIGNED, _FLOATS = 8, 1, 2, 2, 2, 2, 1, 3
_BYTE, _LONG, _UNDEFINED = 1, 4, 7
# EXIF keeps what it says of the picture as a whole among the tags of the file itself
_WORDS = {270, 271, 272, 305, 306, 315, 33432}
_HEADER = b"II*\0\0\0\0\0"
_STRIP = 1 << 20  # bytes
_MOST = 2**32 - 1


def write(
    file: Path,
    values: NDArray[Any],
    *,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> None:
    """Write uint8, uint16 or float32 values (H, W[, 2 to 4]) as TIFF, packed without loss.

    Args:
        file: where to.
        values: grey, grey and alpha, RGB, or RGB and alpha.
        icc_profile: the colour profile.
        exif: EXIF, from "Exif" on or from its TIFF header on.
        xmp: the XMP packet.
        dpi: dots an inch, across and down.

    Raises:
        DenoiserError: packed, it is larger than a TIFF file can be.
    """
    rows = max(1, _STRIP // values[0].nbytes)
    strips = [_packed(values[start : start + rows]) for start in range(0, len(values), rows)]
    lengths = [len(strip) for strip in strips]
    if sum(lengths) > _MOST - _STRIP:
        raise DenoiserError("it is larger than the 4 GB of a TIFF file; --format png holds it")
    tags = ImageFileDirectory_v2(_HEADER)
    _describe(tags, values, icc_profile, xmp, dpi)
    if exif:
        _add_exif(tags, exif)
    tags.tagtype[_OFFSETS] = tags.tagtype[_LENGTHS] = _LONG
    tags[_ROWS], tags[_LENGTHS] = rows, tuple(lengths)
    # from the end of the tags on, which Pillow adds
    tags[_OFFSETS] = tuple(int(offset) for offset in np.cumsum([0, *lengths[:-1]]))
    with file.open("wb") as out:
        tags.save(out)
        out.writelines(strips)


def _describe(
    tags: ImageFileDirectory_v2,
    values: NDArray[Any],
    profile: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
) -> None:
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    floats = values.dtype.kind == "f"
    tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES], tags[_COMPRESSION] = width, height, channels, _DEFLATE
    tags[_PHOTOMETRIC] = _RGB if channels > 2 else _BLACK_IS_ZERO
    tags[_BITS] = (values.dtype.itemsize * 8,) * channels
    tags[_FORMAT] = (_FLOATS if floats else _UNSIGNED,) * channels
    if not floats:
        tags[_PREDICTOR] = _DIFFERENCES
    if channels in {2, 4}:
        tags[_EXTRA] = _STRAIGHT_ALPHA
    if dpi:
        tags[_ACROSS], tags[_DOWN] = (IFDRational(round(each * 1000), 1000) for each in dpi)
        tags[_UNIT] = _INCH
    if profile:
        tags.tagtype[_PROFILE] = _UNDEFINED
        tags[_PROFILE] = profile
    if xmp:
        tags.tagtype[_XMP] = _BYTE
        tags[_XMP] = xmp


def can_hold(exif: bytes) -> bool:
    """Whether EXIF can be taken apart, which TIFF needs: other formats keep even damaged EXIF as it is."""
    tags = ImageFileDirectory_v2(_HEADER)
    try:
        _add_exif(tags, exif)
        tags.save(io.BytesIO())
    except Exception:  # what damaged bytes make Pillow raise is not to be foreseen
        return False
    return True


def _add_exif(tags: ImageFileDirectory_v2, exif: bytes) -> None:
    about = Image.Exif()
    about.load(exif)
    for tag in _WORDS & set(about):
        tags[tag] = about[tag]
    for tag in (_EXIF, _GPS):
        if folder := dict(about.get_ifd(tag)):
            tags[tag] = folder


def _packed(values: NDArray[Any]) -> bytes:
    little = values.astype(values.dtype.newbyteorder("<"))
    if values.dtype.kind == "u":
        little[:, 1:] -= values[:, :-1]
    return zlib.compress(little.tobytes(), 6)
