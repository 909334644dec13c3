"""What is denoised: whole photographs and crops, with the same noise for every method."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.sample import TEST_FILE, spread
from svhn_denoiser import mat_format
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Split, as_bytes, as_float
from svhn_denoiser.params import NoiseSettings
from svhn_denoiser.sources import scenes

SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.3)
SEED = 2021

Picture = NDArray[np.float32]

# the first draw of each set's noise, one a strength: their indices are the same
_PHOTOGRAPHS, _CROPS, _DRAWN = 1, 100, 200

# what the model was not trained on: its own test split
_SPLIT: Split = "test"


@dataclass(frozen=True)
class Set:
    """Clean pictures of any sizes: float32 (H, W, 3) in [0, 1] each.

    Attributes:
        first_draw: of their noise.
        step: 4 where these are every fourth of the pictures that the noise is drawn for.
    """

    name: str
    about: str
    clean: tuple[Picture, ...]
    first_draw: int
    step: int = 1

    def noisy(self, sigma: float) -> list[Picture]:
        """Copies with Gaussian noise, clipped and rounded to 8 bits, as a picture file holds them; sigma 0: none.

        Args:
            sigma: one of `SIGMAS`, or 0.
        """
        if sigma == 0:
            return list(self.clean)
        noise = NoiseSettings(kind="gaussian", strength=sigma, read_sigma=0.02)
        draw = self.first_draw + SIGMAS.index(sigma)
        return [
            as_float(as_bytes(add_noise(picture[None], noise, seed=SEED, split=_SPLIT, indices=[index], draw=draw)))[0]
            for index, picture in zip(itertools.count(step=self.step), self.clean, strict=False)
        ]


def photographs(folder: Path) -> Set:
    """Every PNG of a folder that is 11 pixels or more each way, in order of the names: SSIM's window needs as many."""
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    clean = tuple(as_float(picture) for picture in pictures if min(picture.shape[:2]) >= 11)
    megapixels = sum(picture.shape[0] * picture.shape[1] for picture in clean) / 1e6
    about = f"{len(clean)} whole house-number photographs of SVHN's test set, {megapixels:.1f} megapixels together"
    return Set("photographs", about, clean, _PHOTOGRAPHS)


def every(whole: Set, step: int) -> Set:
    """Every so many-th picture, with the noise that it has in the whole set: for methods that take long."""
    clean = whole.clean[::step]
    about = f"{len(clean)} of the {len(whole.clean)} {whole.name}, whole: one of each {step}"
    return Set(f"one of {step} {whole.name}", about, clean, whole.first_draw, step)


def centres(whole: Set, side: int = 96) -> Set:
    """The middle of each photograph, at most so many pixels each way: what BM3D has time for."""
    clean = []
    for picture in whole.clean:
        top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
        clean.append(picture[top : top + side, left : left + side])
    about = f"the middle {side}x{side} pixels of each photograph, or what it has of them"
    return Set("centres", about, tuple(clean), whole.first_draw)


def crops(path: Path, count: int) -> Set:
    """Evenly spaced pictures of an SVHN-format file."""
    held, _ = mat_format.read(path)
    chosen = held[spread(len(held), count)]
    return Set("crops", f"{len(chosen)} of SVHN's test crops, evenly spread", tuple(as_float(chosen)), _CROPS)


def drawn(count: int) -> Set:
    """Drawn pictures of everything, of the shipped recipe's test split."""
    pictures, _ = scenes.draw(count, SEED, _SPLIT)
    return Set("drawn", f"{count} drawn pictures of the recipe's test split", tuple(as_float(pictures)), _DRAWN)


def available(folder: Path | None, crop_count: int, drawn_count: int) -> list[Set]:
    """The sets that there are here: real ones from a folder with `full/` and `test_32x32.mat`, and drawn ones."""
    sets = []
    if folder is not None and (folder / "full").is_dir():
        whole = photographs(folder / "full")
        sets += [whole, centres(whole)]
    if folder is not None and (folder / TEST_FILE).is_file():
        sets.append(crops(folder / TEST_FILE, crop_count))
    return [*sets, drawn(drawn_count)]
