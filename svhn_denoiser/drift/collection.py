"""Reads pictures to compare: crops of 32x32 from files of any size, SVHN-format files, or the pipeline's pairs.

At most 4,096 crops are looked at, evenly spread over all there are: more would not change a verdict, whose bounds are
0.05 from the measured difference with 4,096 and take no notice of less. So memory and time are bounded, too.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser import mat_format, pairs, picture_files
from svhn_denoiser.crops import SIDE, Pictures
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.sources import images

MOST = 4096
# pixels a side of a square: a picture of that area or more is no crop of a number in the size of SVHN's any more
LARGE = 2 * SIDE
# pictures that are looked at together where there are more than the most: their likeness is measured
_RUN = 16


@dataclass
class Collection:
    """Crops in an order in which those that are alike are neighbours.

    Attributes:
        name: what they are, in words.
        found: how many pictures there are, looked at or not.
        pictures: the crops that were looked at, uint8 (N, 32, 32, 3).
        origins: integers (N,), ascending: crops of one picture have the same.
        names: which picture each crop is from, (N,).
        unreadable: an error for each picture that cannot be read.
        photographs: how many of the pictures that were looked at are far larger than a crop of one number.
    """

    name: str
    found: int
    pictures: Pictures
    origins: NDArray[np.intp]
    names: list[str]
    unreadable: list[str] = field(default_factory=list)
    photographs: int = 0


def read(paths: Iterable[Path], *, most: int = MOST, advance: Callable[[], None] = lambda: None) -> Collection:
    """Read picture files, folders of them and SVHN-format files (.mat).

    Pictures are cut into crops as the pipeline's source `images` cuts them, without overlap.

    Args:
        paths: files and folders; of a folder, hidden files and what is no picture are left out.
        most: how many crops to look at, if there are more pictures; of them, runs of 16 neighbours evenly spread.
        advance: is called for each picture file that was read.

    Raises:
        DenoiserError: a path is not there, a folder holds no pictures, or an SVHN-format file is damaged.
    """
    paths = list(paths)
    # a file that is named twice is one picture
    files = list({picture_files.real(file): file for path in paths for file in _files(path)}.values())
    held = [mat_format.count(file) if _is_mat(file) else 1 for file in files]
    ends = np.cumsum(held)
    chosen = runs(int(ends[-1]), most)
    parts = [
        chosen[(chosen >= end - count) & (chosen < end)] - (end - count) for end, count in zip(ends, held, strict=True)
    ]
    singles = sum(len(part) for file, part in zip(files, parts, strict=True) if not _is_mat(file))
    share = max(1, (most - (len(chosen) - singles)) // max(1, singles))
    blocks: list[Pictures] = []
    names: list[str] = []
    origins: list[int] = []
    unreadable: list[str] = []
    photographs = 0
    for file, part in zip(files, parts, strict=True):
        if not len(part):
            continue
        if _is_mat(file):
            blocks.append(_from_mat(file, part))
            names += [f"{file}, picture {index + 1}" for index in part]
            origins += range(len(origins), len(origins) + len(part))
            continue
        try:
            crops, large = _cut(file, share)
        except DenoiserError as error:
            unreadable.append(str(error))
        else:
            blocks.append(crops)
            photographs += large
            names += [str(file)] * len(crops)
            origins += [len(origins)] * len(crops)
        advance()
    pictures = np.concatenate(blocks) if blocks else np.empty((0, SIDE, SIDE, 3), np.uint8)
    name = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return Collection(name, int(ends[-1]), pictures, np.array(origins, np.intp), names, unreadable, photographs)


def read_training(folder: Path, *, clean: bool, most: int = MOST) -> Collection:
    """Read the pipeline's training pictures.

    Args:
        folder: data/noisy of a repository.
        clean: the clean pictures, rather than the noisy ones that the network sees.
        most: as in `read`.

    Raises:
        DenoiserError: they are missing or damaged.
    """
    split = pairs.read(folder, "train")
    chosen = runs(len(split), most)
    kind = "clean" if clean else "noisy"
    pictures = np.ascontiguousarray((split.clean if clean else split.noisy)[chosen])
    names = [f"{kind} training picture {index + 1}" for index in chosen]
    return Collection(f"the {kind} training pictures", len(split), pictures, np.arange(len(chosen)), names)


def runs(total: int, most: int = MOST) -> NDArray[np.intp]:
    """Which pictures to look at: indices of all, or of runs of 16 neighbours that are evenly spread over them."""
    if total <= most:
        return np.arange(total)
    starts = np.linspace(0, total - _RUN, most // _RUN).astype(np.intp)
    return (starts[:, None] + np.arange(_RUN)).ravel()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DenoiserError(f"{path}: no such file or folder.")
    shown, others = picture_files.find(path)
    # they are said to be unreadable, rather than left out without a word
    shown += [file for file in others if file.suffix.lower() in picture_files.UNREAD]
    if not shown:
        mats = sorted(file.name for file in path.glob("*.mat"))
        hint = f" It holds {', '.join(mats)}: name the file that you mean." if mats else ""
        raise DenoiserError(f"{path}: holds no pictures.{hint}")
    return sorted(shown, key=lambda file: _natural(file.relative_to(path)))


def _natural(path: Path) -> list[tuple[int, str]]:
    # 2.png before 10.png: the order of numbers is the one in which neighbours are alike
    parts = re.split(r"(\d+)", path.as_posix())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _is_mat(file: Path) -> bool:
    return file.suffix.lower() == ".mat"


def _from_mat(file: Path, chosen: NDArray[np.intp]) -> Pictures:
    found, start = [], 0
    for block in mat_format.blocks(file):
        found.append(block[chosen[(chosen >= start) & (chosen < start + len(block))] - start])
        start += len(block)
    return np.concatenate(found)


def _cut(file: Path, most: int) -> tuple[Pictures, bool]:
    """Crops of a picture, and whether it looks like a photograph of more than a number."""
    picture = images.open_picture(file)
    large = picture.shape[0] * picture.shape[1] >= LARGE**2
    rows = list(images.cut(picture, SIDE))
    crops = np.concatenate(rows)
    # from the middle of each of as many equal parts
    chosen = (np.arange(most) + 0.5) * len(crops) / most if len(crops) > most else np.arange(len(crops))
    return crops[chosen.astype(np.intp)], large
