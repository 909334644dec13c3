"""A folder of the user's own pictures, cut into 32x32 crops in SVHN's format."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from svhn_denoiser import mat_format, picture_files
from svhn_denoiser.crops import SIDE, Pictures
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import sha256_of
from svhn_denoiser.params import ImagesSettings
from svhn_denoiser.picture_files import Picture, UnreadablePictureError


class _File(NamedTuple):
    path: Path
    crops: int
    content: bytes  # sha256


def cut_all(folder: Path, settings: ImagesSettings, seed: int, target: Path) -> dict[str, int]:
    """Write train_32x32.mat and test_32x32.mat of crops of all pictures in `folder` and below, in order of their names.

    No digit is known, so all crops are labelled 0. Memory holds one picture at a time.

    Args:
        folder: searched as `svhn_denoiser.picture_files.find` does; hidden files are left out.
        settings: share of test pictures, and the grid's stride.
        seed: decides which pictures are for the test.
        target: folder for the two files.

    Returns:
        How many pictures went into each file, by its name.

    Raises:
        DenoiserError: no folder, fewer than two different pictures, a picture that cannot be read, or too many crops.
    """
    console = Console(stderr=True)
    pictures, unread = _find(folder)
    if unread:
        names = ", ".join(path.name for path in unread[:5]) + (f" and {len(unread) - 5:,} more" if unread[5:] else "")
        console.print(
            f"left out, as their formats are not read: {names}", markup=False, highlight=False, soft_wrap=True
        )
    files = [_look(path, settings.stride) for path in pictures]
    tested = choose_test({file.content for file in files}, settings.test_fraction, seed)
    if len({file.content for file in files}) < 2:
        found = "one picture" if len(files) == 1 else f"{len(files)} copies of one picture"
        raise DenoiserError(
            f"{folder}: holds {found}; at least two different "
            "ones are needed, one to train on and one to test with. Set download.path to a folder with more."
        )
    parts = {
        "train_32x32.mat": [file for file in files if file.content not in tested],
        "test_32x32.mat": [file for file in files if file.content in tested],
    }
    for name, part in parts.items():
        total = sum(file.crops for file in part)
        if total > mat_format.MOST_PICTURES:
            raise DenoiserError(
                f"{folder}: {len(part):,} pictures make {total:,} crops for {name}, which can hold "
                f"{mat_format.MOST_PICTURES:,}. Raise download.images.stride, or leave some pictures out."
            )
    for name, part in parts.items():
        shown = track(part, f"cutting {name}", console=console, disable=not console.is_terminal)
        crops = (row for file in shown for row in cut(open_picture(file.path), settings.stride))
        mat_format.write(target / name, crops, np.zeros(sum(file.crops for file in part), np.uint8))
    return {name: len(part) for name, part in parts.items()}


def choose_test(contents: set[bytes], fraction: float, seed: int) -> set[bytes]:
    """The pictures, by the sha256 of their files, that are for the test: about a `fraction`, one at least.

    Each picture's fate hangs on its own bytes and the seed: copies of a picture stay together, and pictures that come
    later or get another name move no other from one side to the other. One of two or more is left to train on.
    """
    drawn = {content: _draw(content, seed) for content in contents}
    order = sorted(drawn, key=drawn.__getitem__)
    chosen = sum(share < fraction for share in drawn.values())
    return set(order[: max(1, min(chosen, len(order) - 1))])


def _draw(content: bytes, seed: int) -> float:
    digest = hashlib.sha256(seed.to_bytes(8, "little") + content).digest()
    return int.from_bytes(digest[:8], "little") / 2**64


def open_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture of any size and mode as uint8 (H, W, 3): upright, transparent parts over white, 16 bits as 8.

    Raises:
        DenoiserError: it cannot be read, holds several pictures, or its values have no known range.
    """
    picture = picture_files.read(path)
    if picture.values.dtype == np.float32:
        raise UnreadablePictureError(path, "floating-point pixels have no known range; save it with 8 or 16 bits")
    return _as_rgb(picture)


def cut(picture: NDArray[np.uint8], stride: int) -> Iterator[Pictures]:
    """Crops on a grid from the top left, a row of the grid at a time; what is left over at the edges is dropped.

    Args:
        picture: uint8 (H, W, 3); with a side under 32 pixels it is enlarged first, so that its short side has 32.
        stride: pixels from one crop to the next, both ways.

    Yields:
        uint8 (n, 32, 32, 3).
    """
    height, width = size = _enlarged(*picture.shape[:2])
    if picture.shape[:2] != size:
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    for top in range(0, height - SIDE + 1, stride):
        band = np.lib.stride_tricks.sliding_window_view(picture[top : top + SIDE], SIDE, axis=1)
        yield np.ascontiguousarray(band[:, ::stride].transpose(1, 0, 3, 2))


def _find(folder: Path) -> tuple[list[Path], list[Path]]:
    """Pictures, and those of formats that are not read here."""
    if not folder.is_dir():
        raise DenoiserError(f"{folder}: no such folder. Set download.path to one with pictures.")
    pictures, others = picture_files.find(folder)
    if not pictures:
        found = f"; found {', '.join(path.name for path in others[:5])}" if others else ""
        raise DenoiserError(
            f"{folder}: holds no pictures{found}. Put some there, or set download.path to a folder with some; "
            f"read are {' '.join(sorted(picture_files.SUFFIXES))}."
        )
    return pictures, [path for path in others if path.suffix.lower() in picture_files.UNREAD]


def _look(path: Path, stride: int) -> _File:
    height, width = _enlarged(*picture_files.size(path))
    crops = ((height - SIDE) // stride + 1) * ((width - SIDE) // stride + 1)
    return _File(path, crops, bytes.fromhex(sha256_of(path)))


def _enlarged(height: int, width: int) -> tuple[int, int]:
    factor = max(1.0, SIDE / min(height, width))
    return max(SIDE, round(height * factor)), max(SIDE, round(width * factor))


def _as_rgb(picture: Picture) -> NDArray[np.uint8]:
    values = picture.values
    if values.dtype == np.uint16:
        values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(values)
    if picture.has_alpha:
        coloured = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return np.asarray(image.convert("RGB"))
