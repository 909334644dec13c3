"""The test pairs that every method is scored on, and what they are."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import ROOT
from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.scores import BLOCK
from svhn_denoiser.files import read_json, sha256_of
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from svhn_denoiser.params import NoiseSettings, Params
from svhn_denoiser.sources import official
from svhn_denoiser.sources.fetch import RECORD
from svhn_denoiser.sources.synthetic import draw

TEST_FILE = official.TEST.name
VARIABLE = "SVHN_DENOISER_REAL"

_ORIGINS = {
    "synthetic": "drawn house numbers, by the pipeline",
    "images": "crops of the user's own pictures",
}


@dataclass(frozen=True)
class Sample:
    """The first pictures of a test file, with noise.

    Attributes:
        pairs: noisy and clean.
        origin: what the pictures are, in words; no path of this machine.
        held: how many pictures the file holds.
        sha256: of the file, in hex digits.
    """

    pairs: Pairs
    origin: str
    held: int
    sha256: str


def read(folder: Path | None, pictures: int | None, sigma: float, params: Params) -> Sample:
    """Read test pictures, or draw some, and add noise to them.

    The noise is the one of the pipeline's own test split, rounded to 8 bits as there: scores at the pipeline's sigma
    are those of reports/metrics.json.

    Args:
        folder: one that holds test_32x32.mat; without it, see `find`.
        pictures: how many, from the first on; None for all.
        sigma: standard deviation of the Gaussian noise, on the [0, 1] scale.
        params: the project's settings: the seed, and how many pictures to draw where there are none.

    Raises:
        DenoiserError: there is no such file, it is not SVHN's format, or it holds too few pictures.
    """
    folder = find(folder)
    if folder is not None:
        return _sample(folder, _origin(folder), pictures, sigma, params)
    count = pictures or params.download.synthetic.test
    with TemporaryDirectory() as scratch:
        mat_format.write(Path(scratch) / TEST_FILE, *draw(count, params.seed, "test"))
        return _sample(Path(scratch), f"drawn house numbers, seed {params.seed}", pictures, sigma, params)


def find(folder: Path | None) -> Path | None:
    """The folder with the test file: the named one, else data/raw, else real crops where the tests look for them.

    Returns:
        None where there is none and numbers have to be drawn.

    Raises:
        DenoiserError: a folder was named, by the caller or in SVHN_DENOISER_REAL, and holds no test file.
    """
    if folder is None and not _holds(ROOT / "data/raw"):
        named = os.environ.get(VARIABLE)
        folder = Path(named) if named else None
    if folder is not None:
        if not _holds(folder):
            raise DenoiserError(
                f"{folder}: holds no {TEST_FILE}. Name a folder with an SVHN-format test file in --data or {VARIABLE}, "
                "or neither, and numbers are drawn."
            )
        return folder
    return next(filter(_holds, (ROOT / "data/raw", ROOT.parent / "shared" / "svhn")), None)


def spread(held: int, count: int) -> NDArray[np.intp]:
    """Indices of `count` of so many pictures, evenly spread: neighbours are crops of one house number and alike."""
    return np.linspace(0, held - 1, min(held, count)).round().astype(np.intp)


def noisy(clean: NDArray[np.uint8], noise: NoiseSettings, seed: int) -> NDArray[np.uint8]:
    """The noisy copies of clean test pictures (N, H, W, 3), as the pipeline makes and rounds them."""
    copies = np.empty_like(clean)
    for start in range(0, len(clean), BLOCK):
        block = as_float(clean[start : start + BLOCK])
        indices = range(start, start + len(block))
        copies[start : start + BLOCK] = as_bytes(add_noise(block, noise, seed=seed, split="test", indices=indices))
    return copies


def _holds(folder: Path) -> bool:
    return (folder / TEST_FILE).is_file()


def _sample(folder: Path, origin: str, pictures: int | None, sigma: float, params: Params) -> Sample:
    clean, digits = mat_format.read(folder / TEST_FILE)
    held = len(clean)
    if pictures is not None and pictures > held:
        raise DenoiserError(
            f"--pictures {pictures}: {folder / TEST_FILE} holds {held} pictures; ask for as many or fewer."
        )
    clean, digits = clean[:pictures], digits[:pictures]
    sha256 = sha256_of(folder / TEST_FILE)
    if sha256 == official.TEST.sha256:
        origin = "the official SVHN test file"
    noise = params.generate.noise.model_copy(update={"kind": "gaussian", "strength": sigma})
    return Sample(Pairs(noisy(clean, noise, params.seed), clean, digits), origin, held, sha256)


def _origin(folder: Path) -> str:
    record = folder / RECORD
    source = read_json(record).get("source") if record.exists() else None
    return _ORIGINS.get(str(source), "an SVHN-format test file, not the official one")
