"""SVHN's file format: what is read, what is written, what is refused and in which words."""

import itertools
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from tests.example_settings import ROOT


def random_set(n, seed=5):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, n).astype(np.uint8)


def as_svhn(pictures, digits):
    return {"X": pictures.transpose(1, 2, 3, 0), "y": np.where(digits == 0, 10, digits).astype(np.uint8)[:, None]}


def unusual(variables, order=">", stored=2):
    """The bytes of a file as a big-endian machine writes it, or with uint8 stored as another type (4: uint16)."""
    file = b"MATLAB 5.0 MAT-file".ljust(124) + {">": b"\x01\x00MI", "<": b"\x00\x01IM"}[order]
    for name, values in variables.items():
        body = struct.pack(f"{order}IIII", 6, 8, 9, 0)
        body += struct.pack(f"{order}II{values.ndim}i", 5, 4 * values.ndim, *values.shape)
        body += struct.pack(f"{order}II8s", 1, len(name), name.encode())
        data = values.astype({2: "u1", 4: f"{order}u2"}[stored]).tobytes(order="F")
        body += struct.pack(f"{order}II", stored, len(data)) + data + bytes(-len(data) % 8)
        file += struct.pack(f"{order}II", 14, len(body)) + body
    return file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train_32x32.mat"


# --- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(["X", "y", "other"])), ids="-".join)
@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "plain"])
def test_what_scipy_writes_is_read(path, order, compressed):
    pictures, digits = random_set(50)
    variables = as_svhn(pictures, digits) | {"other": {"a long name of a field": np.arange(7.0), "text": "words"}}
    scipy.io.savemat(path, {name: variables[name] for name in order}, do_compression=compressed)

    read_pictures, read_digits = mat_format.read(path)

    np.testing.assert_array_equal(read_pictures, pictures)
    np.testing.assert_array_equal(read_digits, digits)
    assert mat_format.count(path) == 50


def test_a_big_endian_file_is_read(path):
    pictures, digits = random_set(10)
    path.write_bytes(unusual(as_svhn(pictures, digits)))

    read_pictures, read_digits = mat_format.read(path)

    np.testing.assert_array_equal(read_pictures, pictures)
    np.testing.assert_array_equal(read_digits, digits)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("size", [1, 7, 20, 1000])
def test_blocks_are_the_pictures_in_order(path, size, order):
    pictures, digits = random_set(20)
    if order == "big":
        path.write_bytes(unusual(as_svhn(pictures, digits)))
    else:
        mat_format.write(path, pictures, digits)

    blocks = list(mat_format.blocks(path, size))

    assert [len(block) for block in blocks] == [len(pictures[i : i + size]) for i in range(0, 20, size)]
    np.testing.assert_array_equal(np.concatenate(blocks), pictures)
    assert all(block.flags.c_contiguous and block.flags.writeable for block in blocks)


def test_the_real_files_are_read_as_scipy_reads_them(real_svhn):
    pictures, digits = mat_format.read(real_svhn / "test_32x32.mat")

    expected = scipy.io.loadmat(real_svhn / "test_32x32.mat")
    np.testing.assert_array_equal(pictures, expected["X"].transpose(3, 0, 1, 2))
    np.testing.assert_array_equal(digits, expected["y"][:, 0] % 10)
    assert mat_format.count(real_svhn / "train_32x32.mat") == 8841


@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "plain"])
def test_memory_does_not_grow_with_the_file(path, compressed):
    scipy.io.savemat(path, as_svhn(*random_set(5000)), do_compression=compressed)

    tracemalloc.start()
    walked = sum(len(block) for block in mat_format.blocks(path, 200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert walked == 5000
    assert peak < 4e6, "of 15 MB of pictures, 0.6 MB a block"


# --- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 8, 4097])
def test_scipy_reads_what_is_written(path, n):
    pictures, digits = random_set(n)

    mat_format.write(path, pictures, digits)

    assert scipy.io.whosmat(path) == [("X", (32, 32, 3, n), "uint8"), ("y", (n, 1), "uint8")]
    expected = as_svhn(pictures, digits)
    for name in ("X", "y"):
        np.testing.assert_array_equal(scipy.io.loadmat(path)[name], expected[name])


def test_blocks_make_the_same_bytes_as_one_array(path, tmp_path):
    pictures, digits = random_set(10)

    mat_format.write(path, pictures, digits)
    mat_format.write(tmp_path / "blocks.mat", iter([pictures[:3], pictures[3:4], pictures[4:]]), digits)

    assert (tmp_path / "blocks.mat").read_bytes() == path.read_bytes()


def test_the_same_pictures_make_the_same_bytes_on_another_day(path):
    mat_format.write(path, *random_set(3))

    assert path.read_bytes()[:128].rstrip(b"\x00\x01IM").strip() == b"MATLAB 5.0 MAT-file, written by svhn-denoiser"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path):
    pictures, digits = random_set(5)
    mat_format.write(path, pictures, digits)
    before = path.read_bytes()

    with pytest.raises(ValueError, match="no match"):
        mat_format.write(path, iter([pictures[:4]]), digits)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_more_pictures_than_the_format_holds_are_refused(path):
    with pytest.raises(DenoiserError, match="700,000 pictures are too many; this file format holds 699,050"):
        mat_format.write(path, iter([]), np.zeros(700_000, np.uint8))


def test_labels_in_place_of_digits_are_refused(path):
    with pytest.raises(ValueError, match="digits must be 0 to 9"):
        mat_format.write(path, random_set(2)[0], np.array([1, 10], np.uint8))


# --- files that are not SVHN's -------------------------------------------------------------------------------------


def refused(path, *words, read=mat_format.count):
    with pytest.raises(DenoiserError) as failure:
        read(path)
    message = str(failure.value)
    assert message.startswith(f"{path}: ")
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><title>503</title>" + b" " * 500, "is a web page, no MAT file"),
        (b"<html>short", "is a web page, no MAT file"),
        (b"\x89PNG" + bytes(500), "is no MAT file of version 5"),
        (b"MATLAB 5.0 MAT-file", "is cut off: it ends after 19 bytes, within its header"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(500), "version 7.3 (HDF5)"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM", "has no variable X and no variable y; found: nothing"),
        (
            b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"rubbish!" * 9,
            "is damaged: no variable begins at byte 128",
        ),
    ],
    ids=["empty", "web page", "short web page", "PNG", "header cut off", "version 7.3", "no variables", "rubbish"],
)
def test_a_file_of_another_kind_is_refused(path, content, words):
    path.write_bytes(content)

    refused(path, words)


def test_a_file_that_is_not_there_is_named(path):
    refused(path, "cannot be read: No such file or directory")


@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "plain"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(path, compressed, share):
    scipy.io.savemat(path, as_svhn(*random_set(200)), do_compression=compressed)
    whole = path.read_bytes()
    path.write_bytes(whole[: 128 + int(share * (len(whole) - 128))])

    refused(path, "is cut off", "delete it and fetch it again")


def test_a_file_that_is_cut_off_within_a_tag_is_refused(path):
    mat_format.write(path, *random_set(2))
    path.write_bytes(path.read_bytes() + b"\x0e\x00\x00")

    refused(path, "is cut off")


def test_the_interrupted_download_is_refused_by_name(real_svhn):
    path = real_svhn / "broken" / "train_32x32.truncated.mat"

    refused(path, "is cut off: it is 139,264 bytes long", "delete it and fetch it again")
    for read in (mat_format.read, mat_format.read_digits, lambda path: next(mat_format.blocks(path))):
        refused(path, "is cut off", read=read)


GOOD = as_svhn(*random_set(4))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"X": GOOD["X"]}, "has no variable y; found: X"),
        ({"images": GOOD["X"], "y": GOOD["y"]}, "has no variable X; found: images, y"),
        ({**GOOD, "X": GOOD["X"].transpose(3, 0, 1, 2)}, "X has the shape (4, 32, 32, 3); expected (32, 32, 3, N)"),
        ({**GOOD, "X": GOOD["X"][..., 0]}, "X has the shape (32, 32, 3); expected (32, 32, 3, N)"),
        ({**GOOD, "X": np.zeros((64, 64, 3, 4), np.uint8)}, "X has the shape (64, 64, 3, 4)"),
        ({**GOOD, "X": GOOD["X"] / 255}, "X is of type double; expected uint8"),
        ({**GOOD, "y": GOOD["y"].astype(np.int64)}, "y is of type int64; expected uint8"),
        ({**GOOD, "y": GOOD["y"].T}, "y has the shape (1, 4); expected (4, 1)"),
        ({**GOOD, "y": GOOD["y"][:3]}, "X holds 4 pictures and y 3 labels"),
        ({"X": GOOD["X"][..., :0], "y": GOOD["y"][:0]}, "holds no pictures"),
        ({**GOOD, "y": np.array([[0], [1], [9], [10]], np.uint8)}, "y holds the label 0; expected 1 to 10"),
        ({**GOOD, "y": np.arange(11, 15, dtype=np.uint8)[:, None]}, "y holds the label 11, 12, 13, 14; expected"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "plain"])
def test_what_is_not_svhns_is_named(path, variables, words, compressed):
    scipy.io.savemat(path, variables, do_compression=compressed)

    refused(path, words)


def test_damaged_labels_are_found(path):
    scipy.io.savemat(path, as_svhn(*random_set(500)), do_compression=True)
    content = bytearray(path.read_bytes())
    content[-10] ^= 0xFF
    path.write_bytes(content)

    refused(path, "is damaged", read=mat_format.read_digits)


@pytest.mark.parametrize("where", [0.01, 0.5, 0.99])
def test_damaged_pictures_are_found_when_they_are_read(path, where):
    pictures, digits = random_set(500)
    scipy.io.savemat(path, as_svhn(pictures // 64, digits), do_compression=True)
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<I", content[132:136])
    content[136 + int(where * length)] ^= 0xFF
    path.write_bytes(content)

    refused(path, "is damaged", read=lambda path: list(mat_format.blocks(path, 100)))


def test_pictures_that_stop_early_inside_a_whole_file_are_found(path):
    """Compressed data that lacks its end, although the file's own lengths agree."""
    pictures, digits = random_set(300)
    scipy.io.savemat(path, as_svhn(pictures, digits), do_compression=True)
    content = path.read_bytes()
    (length,) = struct.unpack("<I", content[132:136])
    shorter = content[:132] + struct.pack("<I", length - 1000) + content[136 : 136 + length - 1000]
    path.write_bytes(shorter + content[136 + length :])

    refused(path, "is damaged", read=lambda path: list(mat_format.blocks(path)))


def test_pictures_stored_as_another_type_are_refused(path):
    """Class uint8, but values stored as 16-bit numbers: legal in the format, unknown among SVHN's files."""
    path.write_bytes(unusual(as_svhn(*random_set(4)), "<", stored=4))

    refused(path, "X is of type uint16; expected uint8", read=lambda path: list(mat_format.blocks(path)))


# --- damage of any kind: the right data or words, never a crash ----------------------------------------------------


def read_or_refused(path):
    """What a file holds, or None where it is refused in words."""
    try:
        return mat_format.read(path)
    except DenoiserError as error:
        return None if str(error).startswith(f"{path}: ") else pytest.fail(f"no file is named: {error}")


def made(path, kind, pictures, digits):
    match kind:
        case "written here":
            mat_format.write(path, pictures, digits)
        case "big-endian":
            path.write_bytes(unusual(as_svhn(pictures, digits)))
        case _:
            scipy.io.savemat(path, as_svhn(pictures, digits), do_compression=kind == "compressed")
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["written here", "big-endian", "plain", "compressed"])
def test_a_flipped_bit_gives_the_right_data_or_words(path, kind):
    pictures, digits = random_set(3)
    content = made(path, kind, pictures, digits)
    positions = set(range(len(content)))
    if kind == "compressed":  # all of the headers, and some of the 9 KB of pictures between them
        positions -= {position for position in range(240, len(content) - 100) if position % 97}
    else:  # nothing in a plain file tells whether a value is the right one
        for name, values in as_svhn(pictures, digits).items():
            start = content.index(values.tobytes(order="F"), content.index(name.encode(), 128))
            positions -= set(range(start, start + values.size))
    tried = refusals = 0
    for position in sorted(positions):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            found = read_or_refused(path)
            tried, refusals = tried + 1, refusals + (found is None)
            if found is not None:
                np.testing.assert_array_equal(found[0], pictures)
                np.testing.assert_array_equal(found[1], digits)
    assert tried > 1500
    assert refusals > 400


@pytest.mark.parametrize("kind", ["written here", "big-endian", "plain", "compressed"])
def test_a_file_that_ends_anywhere_is_refused(path, kind):
    content = made(path, kind, *random_set(1))
    for length in (*range(240), *range(240, len(content) - 100, 53), *range(len(content) - 100, len(content))):
        path.write_bytes(content[:length])
        assert read_or_refused(path) is None, length


@pytest.mark.parametrize("total", [699_051, 10_000_000, 2**31 - 1])
def test_more_pictures_than_there_can_be_are_refused(path, total):
    pictures, digits = random_set(1)
    made(path, "written here", pictures, digits)
    content = path.read_bytes()
    content = content.replace(struct.pack("<4i", 32, 32, 3, 1), struct.pack("<4i", 32, 32, 3, total))
    path.write_bytes(content.replace(struct.pack("<2i", 1, 1), struct.pack("<2i", total, 1)))

    refused(path, f"says that X holds {total:,} pictures; this file format holds 699,050")


@pytest.mark.parametrize("compressed", [True, False], ids=["compressed", "plain"])
def test_fewer_values_than_the_shape_says_are_refused(path, compressed):
    """Labels and pictures agree on a number that the file does not hold."""
    body = b""
    for name, shape in (("X", (32, 32, 3, 1000)), ("y", (1000, 1))):
        part = struct.pack("<IIIIII", 6, 8, 9, 0, 5, 4 * len(shape)) + struct.pack(f"<{len(shape)}i", *shape)
        part += struct.pack("<HH4sII", 1, 1, name.encode(), 2, 8) + bytes([1] * 8)
        part = struct.pack("<II", 14, len(part)) + part
        body += struct.pack("<II", 15, len(zlib.compress(part))) + zlib.compress(part) if compressed else part
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + body)

    refused(path, "is damaged: ", "of shape", "has 8 values")


def test_a_variable_that_stands_twice_is_refused(path):
    mat_format.write(path, *random_set(2))
    content = path.read_bytes()
    path.write_bytes(content + content[128:])

    refused(path, "holds X 2 times")


def test_data_behind_the_end_of_a_compressed_variable_are_refused(path):
    labels = struct.pack("<IIIIIIiiHH4sII", 6, 8, 9, 0, 5, 8, 1, 1, 1, 1, b"y", 2, 1) + bytes([1] + [0] * 7)
    bomb = zlib.compress(struct.pack("<II", 14, len(labels)) + labels + bytes(10_000_000))
    mat_format.write(path, *random_set(1))
    content = path.read_bytes()
    x = content[: 136 + struct.unpack("<I", content[132:136])[0]]
    path.write_bytes(x + struct.pack("<II", 15, len(bomb)) + bomb)

    refused(path, "is damaged: a compressed variable is longer than it says")


def test_reading_needs_no_scipy():
    """Its compiled code is what a damaged file crashed."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, svhn_denoiser.mat_format; sys.exit('scipy' in sys.modules)"],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
