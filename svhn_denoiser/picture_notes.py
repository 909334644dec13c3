"""What a picture file says of its picture: which way is up, EXIF, XMP, dots an inch, and words of its format's own."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

_ORIENTATION = 0x0112
_SHORT = 3
_X_RESOLUTION = 282
# tags of a TIFF file that say what is on the picture and who made it; the others say where its bytes are
_DESCRIBING = {270, 271, 272, 305, 306, 315, 33432, 34665, 34853}

# chunks of PNG with texts, and the one that names its colours by numbers, which Pillow does not read
_TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
COLOURS_BY_NUMBERS = b"cICP"
# keywords of texts that are XMP and EXIF, which are kept as such
_NO_WORDS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
_HEX_EXIF = "Raw profile type exif"
# segments of JPEG: with IPTC, where Photoshop and its like put it, and with a comment; by Pillow's names
_SEGMENTS = {"APP13": b"\xff\xed", "COM": b"\xff\xfe"}


def orientation(image: Image.Image) -> int:
    """How a loaded picture has to be turned to stand upright: 1 to 8, as EXIF numbers it; 1 is not at all."""
    try:
        # Pillow turns a TIFF file's picture itself while it loads
        turn = 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION, 1)
    except Exception:  # what damaged EXIF makes Pillow raise is not to be foreseen, and the picture is whole
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def upright(values: NDArray[Any], turn: int) -> NDArray[Any]:
    """Turn a picture (H, W[, C]) as its `orientation` asks."""
    match turn:
        case 2:
            values = values[:, ::-1]
        case 3:
            values = values[::-1, ::-1]
        case 4:
            values = values[::-1]
        case 5:
            values = values.swapaxes(0, 1)
        case 6:
            values = values.swapaxes(0, 1)[:, ::-1]
        case 7:
            values = values[::-1, ::-1].swapaxes(0, 1)
        case 8:
            values = values.swapaxes(0, 1)[::-1]
    return np.ascontiguousarray(values)


def exif(image: Image.Image) -> bytes | None:
    """EXIF of a loaded picture, byte for byte, but that its orientation is upright."""
    if image.format == "TIFF":
        tags = image.getexif()
        for tag in set(tags) - _DESCRIBING:
            del tags[tag]
        tags.bigtiff = False  # EXIF has the layout of a small file, whatever it is taken from
        return tags.tobytes() if len(tags) else None
    found = image.info.get("exif")
    if not found and isinstance(in_hex := image.info.get(_HEX_EXIF), str):  # as ImageMagick wrote it into PNG once
        try:
            found = bytes.fromhex("".join(in_hex.split("\n")[3:]))
        except ValueError:
            return None
    return _said_upright(found) if isinstance(found, bytes) and found else None


def xmp(image: Image.Image) -> bytes | None:
    """XMP packet of a loaded picture, but that its orientation is upright."""
    found = image.info.get("xmp")
    if image.format == "TIFF" and found is None:
        found = image.tag_v2.get(700)  # type: ignore[attr-defined]
    if isinstance(found, str):
        found = found.encode()
    if not isinstance(found, bytes) or not found:
        return None
    found = re.sub(rb"(tiff:Orientation\s*=\s*[\"'])\d", rb"\g<1>1", found)
    return re.sub(rb"(<tiff:Orientation>\s*)\d", rb"\g<1>1", found)


def dpi(image: Image.Image) -> tuple[float, float] | None:
    """Dots an inch, across and down."""
    if image.format == "TIFF" and _X_RESOLUTION not in image.tag_v2:  # type: ignore[attr-defined]
        return None  # Pillow would say 1
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < np.inf and 0 < down < np.inf else None


def colours_of_png(image: Image.Image) -> dict[bytes, bytes]:
    """The chunks of a PNG that say which colours its numbers mean, but for the profile, by their names.

    Args:
        image: loaded; of other formats there are none.
    """
    about = image.info if image.format == "PNG" else {}
    chunks: dict[bytes, bytes] = {}
    if len(about.get("chromaticity", ())) == 8:
        chunks[b"cHRM"] = struct.pack(">8I", *(round(value * 100_000) for value in about["chromaticity"]))
    if "gamma" in about:
        chunks[b"gAMA"] = struct.pack(">I", round(about["gamma"] * 100_000))
    if "srgb" in about:
        chunks[b"sRGB"] = bytes([about["srgb"]])
    return chunks


def halved_colours(image: Any, path: Path) -> bool:
    """Whether a picture's colours are stored at a lower resolution than its brightness, as most JPEGs have them.

    Args:
        image: as Pillow opened it.
        path: its file.
    """
    if image.format in {"JPEG", "MPO"}:
        return JpegImagePlugin.get_sampling(image) > 0
    return image.format == "WEBP" and not lossless_webp(path)


def lossless_webp(path: Path) -> bool:
    """Whether a WebP file's pixels are kept without loss; a profile before them may be long."""
    with path.open("rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            if header[:4] in {b"VP8 ", b"VP8L"}:
                return header[:4] == b"VP8L"
            length = int.from_bytes(header[4:], "little")
            file.seek(length + length % 2, 1)
    return False


def words(image: Any, path: Path) -> tuple[tuple[bytes, bytes], ...]:
    """What only a file of the same format can say: PNG's texts and colours by numbers, JPEG's IPTC and comment.

    Args:
        image: as Pillow opened it.
        path: its file.

    Returns:
        Names of chunks or markers of segments, with their content; in the order of the file.
    """
    if image.format == "PNG":
        return tuple(_chunks(path))
    if image.format in {"JPEG", "MPO"}:
        return tuple((_SEGMENTS[name], content) for name, content in image.applist if name in _SEGMENTS)
    return ()


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        file.seek(8)
        while len(header := file.read(8)) == 8 and not header.endswith(b"IEND"):
            length, name = struct.unpack(">I4s", header)
            if name in {COLOURS_BY_NUMBERS, *_TEXT_CHUNKS}:
                content = file.read(length)
                if not content.startswith(_NO_WORDS):
                    yield name, content
            else:
                file.seek(length, 1)
            file.seek(4, 1)  # its checksum, which Pillow has looked at


def _said_upright(content: bytes) -> bytes:
    # only this one value is changed: writing EXIF anew would break what makers put there
    start = 6 if content.startswith(b"Exif\0\0") else 0
    order = {b"II": "<", b"MM": ">"}.get(content[start : start + 2])
    try:
        (first,) = struct.unpack_from(f"{order}I", content, start + 4)
        (count,) = struct.unpack_from(f"{order}H", content, start + first)
        for position in range(start + first + 2, start + first + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", content, position) == (_ORIENTATION,):
                # whatever type the number had: there are cameras that write it as one of four bytes
                entry = struct.pack(f"{order}HHIHH", _ORIENTATION, _SHORT, 1, 1, 0)
                return content[:position] + entry + content[position + len(entry) :]
    except struct.error:  # damaged, or of no known order
        pass
    return content
