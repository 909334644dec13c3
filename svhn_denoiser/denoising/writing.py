"""Write a denoised picture: its format, depth and metadata as they were."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from svhn_denoiser.denoising import deep_png, tiff
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole
from svhn_denoiser.picture_files import Picture

_QUALITY = 95
# the most pixels a side
_LONGEST = {"JPEG": 65535, "WEBP": 16383}
# the longest EXIF and XMP that fit into a segment of JPEG's, with their headers
_MOST_OF_JPEG = {"exif": 65527, "xmp": 65504}
_XMP = "XML:com.adobe.xmp"


def write(
    target: Path, picture: Picture, values: NDArray[Any], into: str, *, strip: bool, source: Path | None
) -> list[str]:
    """Write values in place of a picture's.

    Args:
        target: the file; it appears whole or not at all, its folder is made.
        picture: what was read.
        values: as `picture.values`: the same shape and type.
        into: JPEG, PNG, TIFF or WEBP.
        strip: leave out EXIF and XMP; the colour profile and the dots an inch stay.
        source: the file that was read, whose time the new one gets; None for none.

    Returns:
        What was lost on the way, in words.

    Raises:
        DenoiserError: the format cannot hold the picture.
        OSError: the file cannot be written.
    """
    _check(into, picture)
    stored, notes = _stored(values, into)
    notes += _lost_in_reading(picture) + _other_colours(picture, into)
    about: dict[str, Any] = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp, "dpi": picture.dpi}
    if strip:
        about |= {"exif": None, "xmp": None}
    if into == "JPEG":
        for name, most in _MOST_OF_JPEG.items():
            if about[name] and len(about[name]) > most:
                notes.append(f"its {name.upper()} of {len(about[name]):,} bytes is too long for JPEG and was left out")
                about[name] = None
    about = {name: value for name, value in about.items() if value}
    with whole(target) as unfinished:
        if into == "TIFF":
            tiff.write(unfinished, stored, **about)
        elif into == "PNG":
            _write_png(unfinished, stored, about, picture.colours)
        elif into == "JPEG":
            Image.fromarray(stored).save(unfinished, "JPEG", quality=_QUALITY, subsampling=0, **about)
        else:
            lossless = picture.format == "WEBP" and source is not None and _lossless(source)
            Image.fromarray(stored).save(unfinished, "WEBP", quality=_QUALITY, lossless=lossless, **about)
        if source is not None:
            times = source.stat()
            os.utime(unfinished, ns=(times.st_atime_ns, times.st_mtime_ns))
    return notes


def _check(into: str, picture: Picture) -> None:
    longest = max(picture.values.shape[:2])
    if longest > _LONGEST.get(into, longest):
        raise DenoiserError(
            f"its {longest:,} pixels a side are more than {into} can hold, {_LONGEST[into]:,}; --format png can"
        )
    if into == "JPEG" and picture.has_alpha:
        raise DenoiserError("JPEG has no transparency; --format png keeps it")


def _stored(values: NDArray[Any], into: str) -> tuple[NDArray[Any], list[str]]:
    """The values with as many bits as the format has."""
    deepest = {"JPEG": 8, "WEBP": 8, "PNG": 16}.get(into, 32)
    bits = values.dtype.itemsize * 8
    if bits <= deepest:
        return values, []
    new = np.uint8 if deepest == 8 else np.uint16
    white = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    stored = np.empty(values.shape, new)
    for start in range(0, len(values), 256):  # a copy in floating point would take more memory than the picture
        rows = values[start : start + 256].astype(np.float32) * np.float32(np.iinfo(new).max / white)
        stored[start : start + 256] = np.rint(rows)
    return stored, [f"its {bits} bits a channel became {deepest}: {into} has no more"]


def _lost_in_reading(picture: Picture) -> list[str]:
    if picture.bits > picture.values.dtype.itemsize * 8:
        return [f"its {picture.bits} bits a channel were read as {picture.values.dtype.itemsize * 8}"]
    if picture.mode == "CMYK":
        return ["its CMYK colours became RGB, without a profile"]
    return [f"{picture.left_out} was left out"] if picture.left_out else []


def _other_colours(picture: Picture, into: str) -> list[str]:
    gamma = picture.colours.get(b"gAMA")
    if into == "PNG" or gamma is None or picture.icc or b"sRGB" in picture.colours:
        return []
    value = int.from_bytes(gamma, "big") / 100_000
    # what sRGB has, within what a screen shows
    return [] if abs(value - 1 / 2.2) < 0.02 else [f"its gamma of {value:g} was left out: {into} has no place for it"]


def _write_png(file: Path, values: NDArray[Any], about: dict[str, Any], colours: Mapping[bytes, bytes]) -> None:
    info = PngImagePlugin.PngInfo()
    for name, content in colours.items():
        info.add(name, content)
    if xmp := about.pop("xmp", None):
        info.add_itxt(_XMP, xmp.decode("utf-8", "replace"))
    about["pnginfo"] = info
    if values.dtype == np.uint16:
        deep_png.write(file, values, **about)
    else:
        Image.fromarray(values).save(file, "PNG", **about)


def _lossless(source: Path) -> bool:
    with source.open("rb") as file:
        start = file.read(1 << 16)
    return b"VP8L" in (start[12:16], start[start.find(b"VP8L") :][:4]) and b"VP8 " not in start[12:64]
