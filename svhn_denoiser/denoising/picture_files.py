"""Denoise picture files of any size and mode: what is read, what is written, and what is never overwritten."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from svhn_denoiser.denoising.tiles import Denoise
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole
from svhn_denoiser.picture_files import UnreadablePictureError, find, opened

_GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"}
_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}


@dataclass(frozen=True)
class Job:
    """One picture to read, and the PNG to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Failure:
    """A picture that was not denoised, and why."""

    source: Path
    reason: str


def plan(paths: Iterable[Path], output: Path) -> list[Job]:
    """List the pictures and where each result goes: names and folders are kept, the suffix becomes .png.

    A picture that is named is always tried; of a folder, those that `svhn_denoiser.picture_files.find` finds.

    Raises:
        DenoiserError: a path does not exist, a folder holds no picture, or two pictures would get one name.
    """
    jobs: dict[Path, Job] = {}
    for path in paths:
        if path.is_dir():
            found, _ = find(path)
            if path.resolve() in output.resolve().parents:
                # what an earlier call wrote into a folder below is no input of this one
                found = [file for file in found if not file.resolve().is_relative_to(output.resolve())]
            if not found:
                raise DenoiserError(f"{path}: holds no picture.")
            names = [(file, file.relative_to(path)) for file in found]
        elif path.exists():
            names = [(path, Path(path.name))]
        else:
            raise DenoiserError(f"{path}: no such file or folder.")
        for source, name in names:
            target = output / name.with_suffix(".png")
            twin = jobs.setdefault(target, Job(source, target)).source
            if twin.resolve() != source.resolve():
                raise DenoiserError(f"{twin} and {source} would both become {target}. Denoise them into two folders.")
    return list(jobs.values())


def denoise_files(jobs: list[Job], denoise: Denoise, *, overwrite: bool) -> Iterator[Failure | None]:
    """Denoise pictures one after the other; one failure does not stop the others.

    Args:
        jobs: what `plan` found.
        denoise: float32 (H, W, 3) in [0, 1] to the same, such as `.tiles.with_model` gives.
        overwrite: whether a file of an earlier call may be replaced; a picture to be denoised never is.

    Yields:
        For each picture None, or why it was not denoised.
    """
    inputs = {job.source.resolve() for job in jobs}
    for job in jobs:
        try:
            if job.target.resolve() in inputs:
                raise DenoiserError(f"{job.target} is one of the pictures to denoise; name another output folder")
            if job.target.exists() and not overwrite:
                raise DenoiserError(f"{job.target} exists; --overwrite replaces it")
            _write(job.target, denoise_picture(_read(job.source), denoise))
        except UnreadablePictureError as error:
            yield Failure(job.source, error.reason)
        except (DenoiserError, OSError, ValueError) as error:
            yield Failure(job.source, str(error) or type(error).__name__)
        else:
            yield None


def denoise_picture(picture: Image.Image, denoise: Denoise) -> Image.Image:
    """Denoise a picture of any mode: grey stays grey, 16 bits stay 16 bits, alpha and colour profile are kept.

    Raises:
        DenoiserError: its values cannot be read as brightness, such as floats beyond [0, 1].
    """
    alpha = None
    if picture.mode in _ALPHA or "transparency" in picture.info:
        picture = picture.convert("LA" if picture.mode in _GREY else "RGBA")
        alpha = picture.getchannel("A")
    grey = picture.mode in _GREY
    depth = 8
    if grey:
        values, depth = _brightness(picture)
        # the network knows colours only
        values = denoise(np.repeat(values[..., None], 3, axis=2)).mean(axis=2, dtype=np.float32)
    else:
        values = denoise(np.asarray(picture.convert("RGB"), np.float32) / np.float32(255))
    if depth == 16:
        result = Image.fromarray(np.rint(values * 65535).astype(np.uint16))
    else:
        result = Image.fromarray(np.rint(values * 255).astype(np.uint8))
    if alpha is not None:
        result.putalpha(alpha)
    # a profile describes the values it came with; those of CMYK and the like were converted
    if picture.mode in {"L", "LA", "P", "RGB", "RGBA"} and (profile := picture.info.get("icc_profile")):
        result.info["icc_profile"] = profile
    return result


def _read(path: Path) -> Image.Image:
    with opened(path) as picture:
        # a camera's note that the picture is to be turned would be lost on the way to PNG
        return ImageOps.exif_transpose(picture)


def _write(target: Path, picture: Image.Image) -> None:
    with whole(target) as unfinished:
        picture.save(unfinished, format="PNG")


def _brightness(picture: Image.Image) -> tuple[NDArray[np.float32], int]:
    # float32 (H, W) in [0, 1], and the bits that it had
    if picture.mode in {"1", "L", "LA", "La"}:
        return np.asarray(picture.convert("L"), np.float32) / np.float32(255), 8
    values = np.asarray(picture, np.float64)
    highest = 1.0 if picture.mode == "F" else 65535.0
    if not (values.min() >= 0 and values.max() <= highest):
        raise DenoiserError(
            f"values from {values.min():g} to {values.max():g} (mode {picture.mode}); expected 0 to {highest:g}"
        )
    return (values / highest).astype(np.float32), 16
