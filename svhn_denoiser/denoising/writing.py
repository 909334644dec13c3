"""Write a denoised picture: its format, depth and metadata as they were."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from svhn_denoiser.denoising import deep_png, tiff, unfinished_folders
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.picture_files import Picture
from svhn_denoiser.picture_notes import COLOURS_BY_NUMBERS, lossless_webp

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
        strip: leave out EXIF, XMP and texts; the colour profile and the dots an inch stay.
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
    if into == "TIFF" and about["exif"] and not tiff.can_hold(about["exif"]):
        notes.append("its EXIF is damaged and was left out")
        about["exif"] = None
    if into == "JPEG":
        for name, most in _MOST_OF_JPEG.items():
            if about[name] and len(about[name]) > most:
                notes.append(f"its {name.upper()} of {len(about[name]):,} bytes is too long for JPEG and was left out")
                about[name] = None
    words = tuple(word for word in picture.words if not strip or word[0] == COLOURS_BY_NUMBERS)
    if into != picture.format:
        notes += _lost_in_words(words, into)
    elif words:
        about["words"] = words
    about = {name: value for name, value in about.items() if value}
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished_folders.within(target.parent) as folder:
        unfinished = folder / target.name
        if into == "TIFF":
            tiff.write(unfinished, stored, **about)
        elif into == "PNG":
            _write_png(unfinished, stored, about, picture.colours)
        elif into == "JPEG":
            _write_jpeg(unfinished, stored, about)
        else:
            lossless = picture.format == "WEBP" and source is not None and lossless_webp(source)
            Image.fromarray(stored).save(unfinished, "WEBP", quality=_QUALITY, lossless=lossless, **about)
        if source is not None:
            times = source.stat()
            os.utime(unfinished, ns=(times.st_atime_ns, times.st_mtime_ns))
        unfinished.replace(target)
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
    lost = []
    if picture.bits > picture.values.dtype.itemsize * 8:
        lost.append(f"its {picture.bits} bits a channel were read as {picture.values.dtype.itemsize * 8}")
    if picture.mode in {"CMYK", "LAB"}:
        lost.append(f"its {picture.mode} colours became RGB, without a profile")
    if picture.left_out:
        lost.append(f"{picture.left_out} was left out")
    return lost


def _other_colours(picture: Picture, into: str) -> list[str]:
    gamma = picture.colours.get(b"gAMA")
    if into == "PNG" or gamma is None or picture.icc or b"sRGB" in picture.colours:
        return []
    value = int.from_bytes(gamma, "big") / 100_000
    # what sRGB has, within what a screen shows
    return [] if abs(value - 1 / 2.2) < 0.02 else [f"its gamma of {value:g} was left out: {into} has no place for it"]


def _lost_in_words(words: tuple[tuple[bytes, bytes], ...], into: str) -> list[str]:
    names = {name for name, _ in words}
    lost = []
    if COLOURS_BY_NUMBERS in names:
        lost.append(f"how its colours are meant (cICP) was left out: {into} has no place for it")
    if names - {COLOURS_BY_NUMBERS}:
        lost.append(f"its comments and captions were left out: they are not written into {into}")
    return lost


def _write_jpeg(file: Path, values: NDArray[Any], about: dict[str, Any]) -> None:
    words = about.pop("words", ())
    about["extra"] = b"".join(marker + struct.pack(">H", len(content) + 2) + content for marker, content in words)
    Image.fromarray(values).save(file, "JPEG", quality=_QUALITY, subsampling=0, **about)


def _write_png(file: Path, values: NDArray[Any], about: dict[str, Any], colours: Mapping[bytes, bytes]) -> None:
    info = PngImagePlugin.PngInfo()
    for name, content in (*colours.items(), *about.pop("words", ())):
        info.add(name, content)
    if xmp := about.pop("xmp", None):
        info.add_itxt(_XMP, xmp.decode("utf-8", "replace"))
    about["pnginfo"] = info
    if values.dtype == np.uint16:
        deep_png.write(file, values, **about)
    else:
        Image.fromarray(values).save(file, "PNG", **about)
