"""Noisy and clean pairs on disk: a folder a split, one memory-mapped array for all noisy pictures, one for all clean.

Few large files, because DVC slows down on many small ones; 8 bits a value, because that is what picture files hold
and rounding to them adds 0.01 % to the noise of sigma 0.1.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from svhn_denoiser.crops import SIDE, Digits, FloatPictures, Pictures
from svhn_denoiser.errors import DenoiserError

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Pairs:
    """One split: memory-mapped uint8 pictures (N, 32, 32, 3) and digits (N,) from 0 to 9."""

    noisy: Pictures
    clean: Pictures
    digits: Digits

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, chosen: slice | list[int]) -> "Pairs":
        return Pairs(self.noisy[chosen], self.clean[chosen], self.digits[chosen])


def as_float(pictures: Pictures) -> FloatPictures:
    """8-bit values as float32 in [0, 1]."""
    return pictures.astype(np.float32) / np.float32(255)


def as_bytes(pictures: FloatPictures) -> Pictures:
    """Values in [0, 1] as 8 bits, rounded to the nearest."""
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


def read(folder: Path, split: Split) -> Pairs:
    """Open one split without loading it.

    Raises:
        DenoiserError: an array is missing, damaged, or does not fit the others.
    """
    arrays = {}
    for name in ("noisy", "clean", "digits"):
        path = folder / split / f"{name}.npy"
        try:
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise DenoiserError(f"{path}: no such file. Run `dvc repro generate` to make the pairs.") from None
        except Exception as error:  # NumPy reads the header as Python's own code, and raises nearly anything
            raise DenoiserError(
                f"{path}: is damaged ({error}). Delete {folder} and run `dvc repro generate`."
            ) from None
    count = len(arrays["clean"])
    pictures = (count, SIDE, SIDE, 3)
    for name, expected in (("noisy", pictures), ("clean", pictures), ("digits", (count,))):
        found = arrays[name]
        if found.shape != expected or found.dtype != np.uint8:
            raise DenoiserError(
                f"{folder / split / name}.npy: holds {found.dtype} {found.shape}, expected uint8 {expected}. "
                f"Delete {folder} and run `dvc repro generate`."
            )
    return Pairs(**arrays)
