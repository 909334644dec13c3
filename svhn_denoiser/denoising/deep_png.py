"""PNG with 16 bits a channel, in grey and in colours, with alpha and without: Pillow writes grey alone."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
_SUB, _UP = 1, 2
# rows that are packed at a time
_ROWS = 64


def write(file: Path, values: NDArray[np.uint16], **about: Any) -> None:
    """Write uint16 values (H, W[, 1 to 4]) as PNG.

    Args:
        file: where to.
        values: grey, grey and alpha, RGB, or RGB and alpha.
        about: icc_profile, exif, dpi, pnginfo: as Pillow takes them.
    """
    height, width = values.shape[:2]
    channels = values.reshape(height, width, -1)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOURS[channels.shape[2]], 0, 0, 0)
    with file.open("wb") as out:
        out.write(_SIGNATURE + _chunk(b"IHDR", header))
        for kind, body in _of_pillow(about):
            out.write(_chunk(kind, body))
        packer = zlib.compressobj(6)
        above = np.zeros(channels[0].size * 2, np.uint8)
        for start in range(0, height, _ROWS):
            rows = channels[start : start + _ROWS].astype(">u2").reshape(-1, above.size // 2).view(np.uint8)
            out.write(_data(packer.compress(_filtered(rows, above, channels.shape[2] * 2))))
            above = rows[-1]
        out.write(_data(packer.flush()) + _chunk(b"IEND", b""))


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> bytes:
    """Each row as differences to its left or to the row above, whichever are smaller: they pack better."""
    up = rows - np.vstack([above[None], rows[:-1]])
    sub = rows.copy()
    sub[:, pixel:] -= rows[:, :-pixel]
    sizes = [np.abs(each.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for each in (sub, up)]
    by_left = sizes[0] <= sizes[1]
    packed = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    packed[:, 0] = np.where(by_left, _SUB, _UP)
    packed[:, 1:] = np.where(by_left[:, None], sub, up)
    return packed.tobytes()


def _of_pillow(about: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that say something of a picture, as Pillow writes them for one of a single pixel."""
    made = io.BytesIO()
    Image.new("L", (1, 1)).save(made, "PNG", **about)
    content, position = made.getvalue(), len(_SIGNATURE)
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind not in {b"IHDR", b"IDAT", b"IEND"}:
            yield kind, content[position + 8 : position + 8 + length]
        position += 12 + length


def _data(packed: bytes) -> bytes:
    return _chunk(b"IDAT", packed) if packed else b""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
