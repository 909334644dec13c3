"""SVHN's file format: MATLAB 5 with `X` uint8 (32, 32, 3, N) and `y` uint8 (N, 1), the digit zero labelled 10.

Why not simply scipy.io.loadmat: a flipped bit can crash it, and it holds all pictures at once. Measured on random files
of the official sizes, a process that walks the pictures peaks at 111 MiB here, whatever the size; with loadmat at 266
MiB for the training set (73,257 pictures) and at 1,607 MiB for the extra set (531,131), more than a stage may take.

Of the format (`mat_elements` reads it) as much is known here as SVHN needs. `X` is stored with its first axis fastest,
so picture after picture is contiguous: it can be read and written in pieces. Either byte order, plain or compressed.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from svhn_denoiser.crops import SIDE, Digits, Pictures
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole
from svhn_denoiser.mat_elements import (
    HEADER_LENGTH,
    INT8,
    INT32,
    MATRIX,
    ORDERS,
    UINT8,
    UINT32,
    CutOffError,
    DamagedError,
    Values,
    Variable,
    variables,
)

_BYTES = SIDE * SIDE * 3  # of one picture
# the format's own limit is 2**31 bytes a variable
MOST_PICTURES = (2**31 - 1) // _BYTES

_UINT8_CLASS = 9


def count(path: Path) -> int:
    """How many pictures a file holds; raises what `check` raises."""
    return check(path)


def check(path: Path) -> int:
    """Count the pictures of a file, if it is SVHN's.

    Looks at everything but the pictures themselves: whether the file is whole, its variables, shapes, types and
    labels. Bytes damaged inside `X` show when the pictures are read.

    Raises:
        DenoiserError: naming the file and what is wrong with it.
    """
    return len(read_digits(path))


def read_digits(path: Path) -> Digits:
    """All digits of a file: uint8 (N,), 0 to 9. Raises what `check` raises."""
    with _opened(path) as (file, order, _, y):
        values = Values(file, y, order)
        labels = np.frombuffer(values.read(y.shape[0]), np.uint8)
        values.finish()
    wrong = [int(label) for label in np.unique(labels) if not 1 <= label <= 10]
    if wrong:
        shown = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise DenoiserError(f"{path}: y holds the label {shown}; expected 1 to 10, where 10 is the digit zero.")
    return labels % 10


def blocks(path: Path, size: int = 4096) -> Iterator[Pictures]:
    """Walk through a file's pictures in order: blocks of uint8 (n, 32, 32, 3), n = `size` but for the last.

    Memory stays in proportion to `size`, whatever the length of the file.

    Raises:
        DenoiserError: as `check`, and where the pictures' bytes are damaged, possibly after some blocks.
    """
    total = check(path)
    with _opened(path) as (file, order, x, _):
        values = Values(file, x, order)
        for start in range(0, total, size):
            n = min(size, total - start)
            columns = np.frombuffer(values.read(n * _BYTES), np.uint8).reshape(n, 3, SIDE, SIDE)
            if start + n == total:
                values.finish()
            yield np.ascontiguousarray(columns.transpose(0, 3, 2, 1))


def read(path: Path) -> tuple[Pictures, Digits]:
    """A whole file: pictures uint8 (N, 32, 32, 3) and digits uint8 (N,), 0 to 9. Raises what `blocks` raises."""
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
        file.write(text.ljust(HEADER_LENGTH - 4) + b"\x00\x01IM")
        _write_variable(file, b"X", (SIDE, SIDE, 3, total), _columns(pictures))
        _write_variable(file, b"y", (total, 1), [labels.tobytes()])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str, Variable, Variable]]:
    """An open file, its byte order, and its `X` and `y`, which are SVHN's; what the block finds damaged is said."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(HEADER_LENGTH)
            order = ORDERS.get(header[-4:]) if len(header) == HEADER_LENGTH else None
            if order is None:
                raise DenoiserError(f"{path}: {_what_instead(header, size)}")
            found = variables(file, size, order)
            x, y = (_only(path, name, found) for name in ("X", "y"))
            _check_svhn(path, x, y)
            # the values of `X` are read later, and what is wrong with their number is known now
            Values(file, x, order)
            yield file, order, x, y
    except CutOffError as error:
        raise DenoiserError(
            f"{path}: is cut off: it is {size:,} bytes long and should be {error.needed:,} or more. "
            "An interrupted download leaves such a file: delete it and fetch it again."
        ) from None
    except DamagedError as error:
        raise DenoiserError(f"{path}: is damaged: {error}. Fetch or export it again.") from None
    except OSError as error:
        raise DenoiserError(f"{path}: cannot be read: {error.strerror}.") from None


def _only(path: Path, name: str, found: list[Variable]) -> Variable:
    named = [variable for variable in found if variable.name == name]
    if len(named) > 1:
        raise DenoiserError(f"{path}: holds {name} {len(named)} times; expected it once.")
    if not named:
        missing = [name for name in ("X", "y") if all(variable.name != name for variable in found)]
        names = ", ".join(variable.name for variable in found[:20]) or "nothing"
        raise DenoiserError(
            f"{path}: has no variable {' and no variable '.join(missing)}; found: {names}. "
            "SVHN's cropped-digits files hold the pictures as X and the labels as y."
        )
    return named[0]


def _check_svhn(path: Path, x: Variable, y: Variable) -> None:
    for variable in (x, y):
        if (kind := variable.kind if variable.kind != "uint8" else variable.stored) != "uint8":
            raise DenoiserError(f"{path}: {variable.name} is of type {kind}; expected uint8.")
    if len(x.shape) != 4 or x.shape[:3] != (SIDE, SIDE, 3):
        raise DenoiserError(
            f"{path}: X has the shape {x.shape}; expected (32, 32, 3, N): rows, columns, RGB, pictures."
        )
    total = x.shape[3]
    if total == 0:
        raise DenoiserError(f"{path}: holds no pictures: X has the shape {x.shape}.")
    if total > MOST_PICTURES:
        raise DenoiserError(f"{path}: says that X holds {total:,} pictures; this file format holds {MOST_PICTURES:,}.")
    if len(y.shape) != 2 or y.shape[1] != 1:
        raise DenoiserError(f"{path}: y has the shape {y.shape}; expected ({total}, 1): one label a picture.")
    if y.shape[0] != total:
        raise DenoiserError(f"{path}: X holds {total:,} pictures and y {y.shape[0]:,} labels; expected as many.")


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
    if header.startswith(b"MATLAB") and size < HEADER_LENGTH:
        return f"is cut off: it ends after {size} bytes, within its header. Delete it and fetch it again."
    return "is no MAT file of version 5, which SVHN's files are."


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
    head = struct.pack("<IIII", UINT32, 8, _UINT8_CLASS, 0)
    head += struct.pack(f"<II{len(shape)}i", INT32, 4 * len(shape), *shape)  # two or four axes: no padding
    head += struct.pack("<HH4s", INT8, len(name), name)
    head += struct.pack("<II", UINT8, length)
    file.write(struct.pack("<II", MATRIX, len(head) + length + padding) + head)
    written = sum(file.write(piece) for piece in pieces)
    if written != length:
        raise ValueError(f"{name.decode()}: wrote {written} bytes of {length}: pictures and digits are no match")
    file.write(bytes(padding))
