"""Picture files that no library here writes: PNG and TIFF of 16 bits in any colours, PostScript by another name."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
# the seven passes of Adam7: first row and column, and the steps from one to the next
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    values: NDArray[Any], *, bits: int = 16, interlaced: bool = False, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG file of numbers (H, W[, C]); each row has another of the five filters.

    Args:
        values: whole numbers below 2 to the power of `bits`.
        bits: 16, or for grey numbers also 1, 2 and 4, whose rows must fill whole bytes.
        interlaced: in seven passes.
        before: chunks before the pixels.
        after: chunks behind them.
    """
    height, width = values.shape[:2]
    channels = values.reshape(height, width, -1)
    parts = [channels[top::down, left::right] for top, left, down, right in _PASSES] if interlaced else [channels]
    data = b"".join(_rows(part, bits) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOURS[channels.shape[2]], 0, 0, interlaced)
    pixels = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


def _rows(values: NDArray[Any], bits: int) -> bytes:
    height = len(values)
    if bits == 16:
        rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    else:
        spread = (values.reshape(height, -1, 1) >> np.arange(bits - 1, -1, -1)) & 1
        rows = np.packbits(spread.reshape(height, -1).astype(np.uint8), axis=1)
    step = max(1, values.shape[2] * bits // 8)
    done, above = b"", np.zeros(rows.shape[1], int)
    for number, row in enumerate(rows.astype(int)):
        left, corner = (np.concatenate([np.zeros(step, int), line])[: len(row)] for line in (row, above))
        paeth = np.stack([left, above, corner])
        nearest = np.abs(paeth - (left + above - corner)).argmin(axis=0)
        guess = (0, left, above, (left + above) // 2, np.take_along_axis(paeth, nearest[None], 0)[0])[number % 5]
        done += bytes([number % 5]) + ((row - guess) % 256).astype(np.uint8).tobytes()
        above = row
    return done


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n"


def postscript(path: Path, mark: Path) -> None:
    """A program that leaves `mark` behind if an interpreter runs it, in a file that is called a picture."""
    path.write_bytes(POSTSCRIPT + f"({mark}) (w) file closefile showpage\n".encode())
