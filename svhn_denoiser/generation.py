"""Make noisy and clean pairs from SVHN-format files, in blocks of bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svhn_denoiser import mat_format
from svhn_denoiser.crops import SIDE, Digits, Pictures
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole_folder
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Split, as_bytes, as_float
from svhn_denoiser.params import GenerateSettings

# enough to keep numpy busy, little enough for memory: 12 MB of 8-bit pictures, 50 MB as floats
_BLOCK = 4096


def write(
    raw: Path, folder: Path, settings: GenerateSettings, seed: int, advance: Callable[[int], None] = lambda _: None
) -> dict[Split, int]:
    """Write the pairs of all three splits, in blocks of bounded memory.

    Validation is one block from the end of the training file, because neighbours there are crops of one house number
    and overlap. Extra pictures, where there are any, are for training only.

    Args:
        raw: folder with SVHN-format files.
        folder: where the splits go; what was there is replaced, once all of the new is complete.
        settings: noise and the size of the validation block.
        seed: the project's seed.
        advance: called with the number of pictures written since the last call.

    Returns:
        The number of pictures of each split.

    Raises:
        DenoiserError: a file is missing or is not SVHN's, or there are too few pictures to split.
    """
    train, test, extra = (raw / f"{name}_32x32.mat" for name in ("train", "test", "extra"))
    held = mat_format.count(train)
    first_validation = held - round(held * settings.validation_fraction)
    if not 0 < first_validation < held:
        raise DenoiserError(
            f"{train}: {held} pictures cannot be split at generate.validation_fraction = "
            f"{settings.validation_fraction}; each part needs at least one. Give more pictures or another fraction."
        )
    parts: dict[Split, list[_Part]] = {
        "train": [_Part(train, 0, first_validation)],
        "validation": [_Part(train, first_validation, held)],
        "test": [_Part(test, 0, mat_format.count(test))],
    }
    if extra.exists():
        parts["train"].append(_Part(extra, 0, mat_format.count(extra)))
    with whole_folder(folder) as unfinished:
        for split, sources in parts.items():
            _write_split(unfinished / split, split, sources, settings, seed, advance)
    return {split: sum(map(len, sources)) for split, sources in parts.items()}


def total(raw: Path) -> int:
    """How many pictures `write` will go through."""
    return sum(mat_format.count(path) for path in sorted(raw.glob("*_32x32.mat")))


@dataclass(frozen=True)
class _Part:
    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def blocks(self) -> Iterator[Pictures]:
        position = 0
        for block in mat_format.blocks(self.path, _BLOCK):
            yield block[max(0, self.start - position) : max(0, self.stop - position)]
            position += len(block)

    def digits(self) -> Digits:
        return mat_format.read_digits(self.path)[self.start : self.stop]


def _write_split(
    folder: Path,
    split: Split,
    parts: list[_Part],
    settings: GenerateSettings,
    seed: int,
    advance: Callable[[int], None],
) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "digits.npy", np.concatenate([part.digits() for part in parts]))
    shape = (sum(map(len, parts)), SIDE, SIDE, 3)
    with ExitStack() as stack:
        clean_file = stack.enter_context((folder / "clean.npy").open("wb"))
        noisy_file = stack.enter_context((folder / "noisy.npy").open("wb"))
        for file in (clean_file, noisy_file):
            # plain writes rather than a writable memory map, whose pages would all count as this process's memory
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        index = 0
        for part in parts:
            for clean in part.blocks():
                indices = range(index, index + len(clean))
                noisy = add_noise(as_float(clean), settings.noise, seed=seed, split=split, indices=indices)
                clean_file.write(clean.tobytes())
                noisy_file.write(as_bytes(noisy).tobytes())
                index += len(clean)
                advance(len(clean))
