"""The elements of a MATLAB 5 file, read with every length checked against the bytes that are there.

SciPy reads them, too, but a single flipped bit in a length makes its compiled code crash the interpreter: of 1,568
flips in the headers of a small file, 23 did. Here nothing is taken from a file before it is known to be within it.

The format is MathWorks' "MAT-File Format", version 5: a header of 128 bytes, then elements of an 8-byte tag (type and
length) and a body. A variable is an element of type matrix, whose body is elements in turn: flags, shape, name and
values. A compressed variable is one element whose body is a zlib stream of the plain one.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEADER_LENGTH = 128
MATRIX, COMPRESSED = 14, 15
INT8, UINT8, INT32, UINT32, UTF8 = 1, 2, 5, 6, 16
# the header's last bytes: version 5, and the byte order
ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}

_CLASSES = (
    *("", "cell", "struct", "object", "char", "sparse", "double", "single", "int8", "uint8", "int16", "uint16"),
    *("int32", "uint32", "int64", "uint64", "function", "opaque"),
)
_OPAQUE = 17  # a class without a shape: tables and the like
_STORED = {3: "int16", 4: "uint16", 7: "single", 9: "double", 12: "int64", 13: "uint64"}
_STORED |= {INT8: "int8", UINT8: "uint8", INT32: "int32", UINT32: "uint32"}
_LOGICAL, _COMPLEX = 0x02, 0x08
_CHUNK = 1 << 16
_LONGEST_PART = 1 << 12  # bytes of a name or a shape
_MOST_VARIABLES = 10_000


class DamagedError(Exception):
    """What is wrong with a file's bytes, in words that go on from "is damaged: "."""


class CutOffError(Exception):
    """A file that is shorter than its elements.

    Attributes:
        needed: bytes that it should have, at the least.
    """

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


@dataclass(frozen=True)
class Variable:
    """One variable of a file, and where its values are.

    Attributes:
        name: as in MATLAB.
        kind: the class of its values, such as "uint8", "double" or "struct".
        shape: its axes; () for a class that has none.
        stored: the type that its values are stored as, which may be a smaller one; "" for classes that hold others.
        position: of its element in the file.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    stored: str
    position: int


def variables(file: BinaryIO, size: int, order: str) -> list[Variable]:
    """The variables of a file, in its order; their values are not read.

    Args:
        file: anywhere.
        size: its bytes.
        order: one of `ORDERS`.

    Raises:
        CutOffError: it ends within an element.
        DamagedError: it is not as the format wants it.
    """
    # all elements first: what is cut off is said before what else may be wrong
    positions = list(_elements(file, size, order))
    return [_head(_Body(file, position, order), position)[0] for position in positions]


class Values:
    """The values of a uint8 variable, read from the file as they are asked for."""

    def __init__(self, file: BinaryIO, variable: Variable, order: str) -> None:
        """Stand at the first value.

        Raises:
            DamagedError: there are not as many values as the shape says.
        """
        self._body = _Body(file, variable.position, order)
        _, length, self._inline = _head(self._body, variable.position)
        expected = 1
        for side in variable.shape:
            expected *= side
        if length != expected:
            raise DamagedError(f"{variable.name} of shape {variable.shape} has {length:,} values")
        if self._inline is None and not length <= self._body.left < length + 8:
            raise DamagedError(f"{variable.name} has {self._body.left:,} bytes for {length:,} values")

    def read(self, n: int) -> bytes:
        """The next `n` values.

        Raises:
            DamagedError: there are fewer, or they cannot be unpacked.
        """
        if self._inline is None:
            return self._body.read(n)
        values, self._inline = self._inline[:n], self._inline[n:]
        return values

    def finish(self) -> None:
        """Read on to the end of a compressed variable, so that zlib compares its checksum; raises as `read`."""
        self._body.read(self._body.left)
        self._body.finish()


class _Body:
    """The body of a matrix, unpacked as it is read."""

    def __init__(self, file: BinaryIO, position: int, order: str) -> None:
        self.order = order
        self._file = file
        self._packed = b""
        file.seek(position)
        kind, self._held = struct.unpack(f"{order}II", file.read(8))
        self._unpack = zlib.decompressobj() if kind == COMPRESSED else None
        # bytes of the matrix that have not been read
        self.left = self._held
        if self._unpack is not None:
            self.left = 8
            inner, self.left = struct.unpack(f"{order}II", self.read(8))
            if inner != MATRIX:
                raise DamagedError("a compressed variable is no matrix")

    def read(self, n: int) -> bytes:
        if n > self.left:
            raise DamagedError("a variable ends too early")
        self.left -= n
        pieces: list[bytes] = []
        while n:
            piece = self._from_file(n) if self._unpack is None else self._unpacked(n)
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def finish(self) -> None:
        while self._unpack is not None and not self._unpack.eof:
            if self._unpacked(1):
                raise DamagedError("a compressed variable is longer than it says")

    def _from_file(self, n: int) -> bytes:
        piece = self._file.read(min(n, self._held))
        if not piece:
            raise DamagedError("a variable ends too early")
        self._held -= len(piece)
        return piece

    def _unpacked(self, n: int) -> bytes:
        assert self._unpack is not None
        if self._unpack.eof:
            raise DamagedError("a compressed variable ends too early")
        packed = self._packed or (self._from_file(_CHUNK) if self._held else b"")
        try:
            piece = self._unpack.decompress(packed, n)
        except zlib.error as error:
            raise DamagedError(f"its data cannot be unpacked ({error})") from None
        self._packed = self._unpack.unconsumed_tail
        if not piece and not packed and not self._unpack.eof:
            raise DamagedError("a compressed variable ends too early")
        return piece


def _elements(file: BinaryIO, size: int, order: str) -> Iterator[int]:
    position, count = HEADER_LENGTH, 0
    while position < size:
        file.seek(position)
        tag = file.read(8)
        if len(tag) < 8:
            raise CutOffError(position + 8)
        kind, length = struct.unpack(f"{order}II", tag)
        if kind not in {MATRIX, COMPRESSED}:
            raise DamagedError(f"no variable begins at byte {position:,}")
        if position + 8 + length > size:
            raise CutOffError(position + 8 + length)
        count += 1
        if count > _MOST_VARIABLES:
            raise DamagedError(f"it holds more than {_MOST_VARIABLES:,} variables")
        yield position
        position += 8 + length


def _head(body: _Body, position: int) -> tuple[Variable, int, bytes | None]:
    """A variable, how many bytes its values have, and these bytes where they stand in their own tag."""
    flags = _part(body, {UINT32})
    if len(flags) != 8:
        raise DamagedError("a variable has no flags")
    (word,) = struct.unpack(f"{body.order}I", flags[:4])
    number, marks = word & 0xFF, word >> 8
    if not 0 < number < len(_CLASSES):
        raise DamagedError(f"a variable is of an unknown class, {number}")
    shape = () if number == _OPAQUE else _shape(_part(body, {INT32}), body.order)
    name = ascii(_part(body, {INT8, UTF8}).decode("utf-8", "replace"))[1:-1]
    kind = "logical" if marks & _LOGICAL else "complex" if marks & _COMPLEX else _CLASSES[number]
    if not _CLASSES.index("double") <= number <= _CLASSES.index("uint64"):
        return Variable(name, kind, shape, "", position), 0, None
    stored, length, inline = _tag(body)
    if stored not in _STORED:
        raise DamagedError(f"{name} has values of an unknown type, {stored}")
    return Variable(name, kind, shape, _STORED[stored], position), length, inline


def _shape(part: bytes, order: str) -> tuple[int, ...]:
    if len(part) < 8 or len(part) % 4:
        raise DamagedError("a variable has no shape")
    shape: tuple[int, ...] = struct.unpack(f"{order}{len(part) // 4}i", part)
    if min(shape) < 0:
        raise DamagedError(f"a variable has the shape {shape}")
    return shape


def _part(body: _Body, kinds: set[int]) -> bytes:
    """The body of a short element within a matrix: its flags, its shape or its name."""
    kind, length, inline = _tag(body)
    if kind not in kinds or length > _LONGEST_PART:
        raise DamagedError(f"a variable has {length:,} bytes of type {kind} where its flags, shape and name should be")
    return body.read(length + -length % 8)[:length] if inline is None else inline


def _tag(body: _Body) -> tuple[int, int, bytes | None]:
    """Type and length of the next element, and its bytes where they stand in the tag itself: up to four may."""
    tag = body.read(8)
    kind, length = struct.unpack(f"{body.order}II", tag)
    if not kind >> 16:
        return kind, length, None
    if kind >> 16 > 4:
        raise DamagedError(f"a short element of {kind >> 16} bytes")
    return kind & 0xFFFF, kind >> 16, tag[4 : 4 + (kind >> 16)]
