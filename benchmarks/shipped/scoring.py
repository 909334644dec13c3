"""PSNR and SSIM of each picture of a set, kept on disk where a method is slow."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shipped.pictures import Picture, Set
from svhn_denoiser.evaluation.metrics import psnr, ssim

# from a noisy picture (H, W, 3) and the sigma of its noise to an estimate
Denoise = Callable[[Picture, float], Picture]


def scores(pictures: Set, sigma: float, denoise: Denoise) -> NDArray[np.float64]:
    """PSNR in dB and SSIM of each denoised picture, float64 (N, 2)."""
    rows = []
    for clean, noisy in zip(pictures.clean, pictures.noisy(sigma), strict=True):
        estimate = np.clip(denoise(noisy, sigma), 0, 1).astype(np.float32)
        rows.append((psnr(clean[None], estimate[None])[0], ssim(clean[None], estimate[None])[0]))
    return np.array(rows)


def kept(file: Path | None, method: str, pictures: Set, sigma: float, denoise: Denoise) -> NDArray[np.float64]:
    """Like :func:`scores`, from `file` where they stand there; the file is for one folder of pictures."""
    if file is None:
        return scores(pictures, sigma, denoise)
    key = _key(method, pictures, sigma)
    if key not in (known := _read(file)):
        known[key] = scores(pictures, sigma, denoise).tolist()
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".tmp")
        # read again: another program may have added to it meanwhile
        unfinished.write_text(json.dumps(_read(file) | {key: known[key]}))
        unfinished.replace(file)
    return np.array(known[key])


def is_kept(file: Path | None, method: str, pictures: Set, sigma: float) -> bool:
    """Whether :func:`kept` would measure nothing."""
    return file is not None and _key(method, pictures, sigma) in _read(file)


def _key(method: str, pictures: Set, sigma: float) -> str:
    return f"{method} on {len(pictures.clean)} {pictures.name} at {sigma}"


def _read(file: Path) -> dict[str, list[list[float]]]:
    return json.loads(file.read_text()) if file.exists() else {}
