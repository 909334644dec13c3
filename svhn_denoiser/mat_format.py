"""SVHN's file format: MATLAB 5 with `X` uint8 (32, 32, 3, N) and `y` uint8 (N, 1), the digit zero labelled 10.

Why not simply scipy.io.loadmat: it holds all pictures at once. Measured on random files of the official sizes, a
process that walks the pictures peaks at 111 MiB here, whatever the size; with loadmat at 266 MiB for the training set
(73,257 pictures) and at 1,607 MiB for the extra set (531,131), more than the pipeline may take.

The format is MathWorks' "MAT-File Format", version 5: a header of 128 bytes, then elements of an 8-byte tag (type and
length) and a body. A compressed variable is one element whose body is a zlib stream of the plain one. `X` is stored
with its first axis fastest, so picture after picture is contiguous: it can be read and written in pieces.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy.io
from numpy.typing import NDArray

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole

Pictures = NDArray[np.uint8]
Digits = NDArray[np.uint8]

SIDE = 32
_BYTES = SIDE * SIDE * 3  # of one picture
# the format's own limit is 2**31 bytes a variable
MOST_PICTURES = (2**31 - 1) // _BYTES

_HEADER_LENGTH = 128
_ENDINGS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # the header's last bytes: version 5, and the byte order
_MATRIX, _COMPRESSED = 14, 15
_INT8, _UINT8, _INT32, _UINT32 = 1, 2, 5, 6
_UINT8_CLASS = 9
_CHUNK = 1 << 16


def check(path: Path) -> int:
    """Count the pictures of a file, if it is SVHN's.

    Looks at everything but the pictures themselves: whether the file is whole, its variables, shapes, types and
    labels. Bytes damaged inside `X` show when the pictures are read.

    Raises:
        DenoiserError: naming the file and what is wrong with it.
    """
    _check_whole(path)
    try:
        variables = {name: (tuple(shape), kind) for name, shape, kind in scipy.io.whosmat(path)}
    except Exception as error:  # SciPy raises nearly anything on damaged bytes
        raise _damaged(path, error) from error
    missing = [name for name in ("X", "y") if name not in variables]
    if missing:
        found = ", ".join(variables) or "nothing"
        raise DenoiserError(
            f"{path}: has no variable {' and no variable '.join(missing)}; found: {found}. "
            "SVHN's cropped-digits files hold the pictures as X and the labels as y."
        )
    for name, (_, kind) in sorted(variables.items()):
        if name in {"X", "y"} and kind != "uint8":
            raise DenoiserError(f"{path}: {name} is of type {kind}; expected uint8.")
    (pictures, _), (labels, _) = variables["X"], variables["y"]
    if len(pictures) != 4 or pictures[:3] != (SIDE, SIDE, 3):
        raise DenoiserError(
            f"{path}: X has the shape {pictures}; expected (32, 32, 3, N): rows, columns, RGB, pictures."
        )
    if pictures[3] == 0:
        raise DenoiserError(f"{path}: holds no pictures: X has the shape {pictures}.")
    if len(labels) != 2 or labels[1] != 1:
        raise DenoiserError(f"{path}: y has the shape {labels}; expected ({pictures[3]}, 1): one label a picture.")
    if labels[0] != pictures[3]:
        raise DenoiserError(f"{path}: X holds {pictures[3]:,} pictures and y {labels[0]:,} labels; expected as many.")
    wrong = [int(label) for label in np.unique(_load(path, "y")) if not 1 <= label <= 10]
    if wrong:
        shown = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise DenoiserError(f"{path}: y holds the label {shown}; expected 1 to 10, where 10 is the digit zero.")
    return int(pictures[3])


def count(path: Path) -> int:
    """How many pictures a file holds; raises what :func:`check` raises."""
    return check(path)


def read_digits(path: Path) -> Digits:
    """All digits of a file: uint8 (N,), 0 to 9. Raises what :func:`check` raises."""
    check(path)
    return (_load(path, "y")[:, 0] % 10).astype(np.uint8)


def blocks(path: Path, size: int = 4096) -> Iterator[Pictures]:
    """Walk through a file's pictures in order: blocks of uint8 (n, 32, 32, 3), n = `size` but for the last.

    Memory stays in proportion to `size`, whatever the length of the file.

    Raises:
        DenoiserError: as :func:`check`, and where the pictures' bytes are damaged, possibly after some blocks.
    """
    total = check(path)
    with path.open("rb") as file:
        try:
            stream = _pixels(file, total)
        except (zlib.error, EOFError):
            stream = None
        if stream is None:  # big-endian, or another layout that only SciPy knows; it also says what is damaged
            yield from _blocks_in_memory(path, size)
            return
        for start in range(0, total, size):
            n = min(size, total - start)
            try:
                values = stream.read(n * _BYTES)
                if start + n == total:
                    stream.finish()
            except (zlib.error, EOFError) as error:
                raise _damaged(path, error) from error
            columns = np.frombuffer(values, np.uint8).reshape(n, 3, SIDE, SIDE)
            yield np.ascontiguousarray(columns.transpose(0, 3, 2, 1))


def read(path: Path) -> tuple[Pictures, Digits]:
    """A whole file: pictures uint8 (N, 32, 32, 3) and digits uint8 (N,), 0 to 9. Raises what :func:`blocks` raises."""
    digits = read_digits(path)
    pictures = np.empty((len(digits), SIDE, SIDE, 3), np.uint8)
    start = 0
    for block in blocks(path):
        pictures[start : start + len(block)] = block
        start += len(block)
    return pictures, digits


def write(path: Path, pictures: Pictures | Iterable[Pictures], digits: Digits) -> None:
    """Write a file in SVHN's format; the same pictures and digits make the same bytes.

    Not compressed, as compressed bytes differ between builds of zlib and would change the file's hash from machine to
    machine; compression saves a fifth of SVHN's pictures.

    Args:
        path: takes its name once all is written.
        pictures: uint8 (N, 32, 32, 3), or an iterable of such blocks that together hold N.
        digits: integers (N,), 0 to 9.

    Raises:
        DenoiserError: more pictures than the format can hold.
        ValueError: pictures and digits are no match.
    """
    total = len(digits)
    if total > MOST_PICTURES:
        raise DenoiserError(f"{path}: {total:,} pictures are too many; this file format holds {MOST_PICTURES:,}.")
    if total == 0 or not np.isin(digits, np.arange(10)).all():
        raise ValueError(f"digits must be 0 to 9, at least one; got {np.unique(digits)}")
    labels = np.where(digits == 0, 10, digits).astype(np.uint8)
    with whole(path) as unfinished, unfinished.open("wb") as file:
        # SciPy's and MATLAB's headers name the date, which would change the file's hash every day
        text = b"MATLAB 5.0 MAT-file, written by svhn-denoiser"
        file.write(text.ljust(_HEADER_LENGTH - 4) + b"\x00\x01IM")
        _write_variable(file, b"X", (SIDE, SIDE, 3, total), _columns(pictures))
        _write_variable(file, b"y", (total, 1), [labels.tobytes()])


def _check_whole(path: Path) -> None:
    # SciPy would stop silently at the end of a file that is cut off
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER_LENGTH)
            order = _ENDINGS.get(header[-4:]) if len(header) == _HEADER_LENGTH else None
            if order is None:
                raise DenoiserError(f"{path}: {_what_instead(header, size)}")
            position = _HEADER_LENGTH
            while position < size:
                file.seek(position)
                tag = file.read(8)
                kind, length = struct.unpack(f"{order}II", tag) if len(tag) == 8 else (_MATRIX, 0)
                if kind not in {_MATRIX, _COMPRESSED}:
                    raise DenoiserError(f"{path}: is damaged at byte {position:,}. Fetch or export it again.")
                position += 8 + length
    except OSError as error:
        raise DenoiserError(f"{path}: cannot be read: {error.strerror}.") from None
    if position > size:
        raise DenoiserError(
            f"{path}: is cut off: it is {size:,} bytes long and should be {position:,} or more. "
            "An interrupted download leaves such a file: delete it and fetch it again."
        )


def _what_instead(header: bytes, size: int) -> str:
    start = header.lstrip().lower()
    if size == 0:
        return "is empty. Fetch it again."
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "is a web page, no MAT file: the server sent an error in its place. Look at its text, and fetch it again."
        )
    if header.startswith(b"MATLAB 7.3") or header[1:4] == b"HDF":
        return "is of MAT version 7.3 (HDF5); expected version 5. Save it in MATLAB with save(..., '-v7')."
    if header.startswith(b"MATLAB") and size < _HEADER_LENGTH:
        return f"is cut off: it ends after {size} bytes, within its header. Delete it and fetch it again."
    return "is no MAT file of version 5, which SVHN's files are."


def _damaged(path: Path, error: Exception) -> DenoiserError:
    return DenoiserError(f"{path}: is damaged: its data cannot be unpacked ({error}). Fetch or export it again.")


def _load(path: Path, name: str) -> NDArray[Any]:
    try:
        values: NDArray[Any] = scipy.io.loadmat(path, variable_names=[name])[name]
    except Exception as error:  # as above
        raise _damaged(path, error) from error
    return values


def _blocks_in_memory(path: Path, size: int) -> Iterator[Pictures]:
    pictures = _load(path, "X")
    if pictures.dtype != np.uint8:
        raise DenoiserError(f"{path}: X is of type {pictures.dtype}; expected uint8.")
    for start in range(0, pictures.shape[3], size):
        yield np.ascontiguousarray(pictures[..., start : start + size].transpose(3, 0, 1, 2))


class _Stream:
    """The body of one element, unpacked as it is read."""

    def __init__(self, file: BinaryIO, length: int, *, compressed: bool) -> None:
        self._file = file
        self._left = length
        self._unpack = zlib.decompressobj() if compressed else None
        self._packed = b""

    def read(self, n: int) -> bytes:
        """Just `n` bytes; EOFError if the body ends before."""
        pieces: list[bytes] = []
        while n:
            piece = self._from_file(n) if self._unpack is None else self._unpacked(n)
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def finish(self) -> None:
        """Read the rest of a compressed body, so that zlib compares its checksum."""
        while self._unpack is not None and not self._unpack.eof:
            self._unpacked(_CHUNK)

    def _from_file(self, n: int) -> bytes:
        piece = self._file.read(min(n, self._left))
        if not piece:
            raise EOFError("it ends too early")
        self._left -= len(piece)
        return piece

    def _unpacked(self, n: int) -> bytes:
        assert self._unpack is not None
        if self._unpack.eof:
            raise EOFError("it ends too early")
        packed = self._packed or (self._from_file(_CHUNK) if self._left else b"")
        piece = self._unpack.decompress(packed, n)
        self._packed = self._unpack.unconsumed_tail
        if not piece and not packed and not self._unpack.eof:
            raise EOFError("it ends too early")
        return piece


def _pixels(file: BinaryIO, total: int) -> _Stream | None:
    """A stream at the first value of `X`, or None where its layout is not the usual one."""
    if _ENDINGS[file.read(_HEADER_LENGTH)[-4:]] == ">":
        return None
    while tag := file.read(8):
        kind, length = struct.unpack("<II", tag)
        end = file.tell() + length
        stream = _Stream(file, length, compressed=kind == _COMPRESSED)
        if kind == _COMPRESSED:
            stream.read(8)  # the tag of the matrix within
        flags, shape, name = (_part(stream) for _ in range(3))
        if name == b"X":
            plain = flags[:4] == struct.pack("<I", _UINT8_CLASS)  # no complex, global or logical flag
            usual = shape == struct.pack("<4i", SIDE, SIDE, 3, total)
            values = stream.read(8) == struct.pack("<II", _UINT8, total * _BYTES)
            return stream if plain and usual and values else None
        file.seek(end)
    return None


def _part(stream: _Stream) -> bytes:
    """The body of a short element within a matrix: its flags, its shape or its name."""
    kind, length = struct.unpack("<II", stream.read(8))
    if kind >> 16:  # up to four bytes may stand in the tag itself
        return struct.pack("<I", length)[: kind >> 16]
    if length > _CHUNK:
        raise EOFError(f"an element of {length} bytes where a name or a shape was expected")
    return stream.read(length + -length % 8)[:length]


def _columns(pictures: Pictures | Iterable[Pictures]) -> Iterator[bytes]:
    """The pictures' bytes in the file's order, some thousand pictures at a time."""
    for block in [pictures] if isinstance(pictures, np.ndarray) else pictures:
        if block.dtype != np.uint8 or block.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(f"pictures must be uint8 (N, 32, 32, 3); got {block.dtype} {block.shape}")
        for start in range(0, len(block), 4096):
            yield block[start : start + 4096].transpose(0, 3, 2, 1).tobytes()


def _write_variable(file: BinaryIO, name: bytes, shape: tuple[int, ...], pieces: Iterable[bytes]) -> None:
    length = int(np.prod(shape, dtype=np.int64))
    padding = -length % 8
    head = struct.pack("<IIII", _UINT32, 8, _UINT8_CLASS, 0)
    head += struct.pack(f"<II{len(shape)}i", _INT32, 4 * len(shape), *shape)  # two or four axes: no padding
    head += struct.pack("<HH4s", _INT8, len(name), name)
    head += struct.pack("<II", _UINT8, length)
    file.write(struct.pack("<II", _MATRIX, len(head) + length + padding) + head)
    written = sum(file.write(piece) for piece in pieces)
    if written != length:
        raise ValueError(f"{name.decode()}: wrote {written} bytes of {length}: pictures and digits are no match")
    file.write(bytes(padding))
