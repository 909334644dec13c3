"""Where clean pictures come from: official SVHN, drawn house numbers, SVHN-format files, a folder of pictures.

Whatever the source, the result is the same: train_32x32.mat and test_32x32.mat in SVHN's format (and extra_32x32.mat,
where asked for), and source.json, which says where they are from, what they are and under which terms.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import sha256_of, whole_folder
from svhn_denoiser.params import DownloadSettings

FILES = ("train_32x32.mat", "test_32x32.mat", "extra_32x32.mat")
RECORD = "source.json"

Origin = dict[str, Any]


def fetch(settings: DownloadSettings, seed: int, target: Path) -> None:
    """Put the pictures of the configured source into the folder `target`.

    All is made in a folder beside it first: if something fails, `target` is as it was.

    Raises:
        DenoiserError: the source cannot be had, or is not what it should be; the message says what to do.
    """
    try:
        with whole_folder(target) as folder:
            origin = _SOURCES[settings.source](settings, seed, folder)
            (folder / RECORD).write_text(_describe(settings.source, origin, folder), encoding="utf-8")
    except OSError as error:
        raise DenoiserError(f"{error.filename or target}: {error.strerror or error}.") from error


def _svhn(settings: DownloadSettings, seed: int, folder: Path) -> Origin:
    # imported here, and below, so that reading a .mat file needs neither requests nor Pillow
    from svhn_denoiser.sources import official

    official.copy(settings.svhn, folder)
    return {
        # any mirror gives the same bytes: their sums are checked
        "from": official.HOME,
        "licence": "SVHN (Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning): "
        "for non-commercial use only",
    }


def _synthetic(settings: DownloadSettings, seed: int, folder: Path) -> Origin:
    from svhn_denoiser.sources import photographs, scenes, synthetic

    everything = settings.synthetic.scenes == "everything"
    drawn = scenes if everything else synthetic
    for split, count in (("train", settings.synthetic.train), ("test", settings.synthetic.test)):
        mat_format.write(folder / f"{split}_32x32.mat", *drawn.draw(count, seed, split))
    if everything:
        return {
            "from": "drawn by svhn_denoiser.sources.scenes",
            "seed": seed,
            "labels": "the digit of a house number; all else is labelled 0 (10 in the file)",
            "licence": "drawn by this program, with parts of free photographs: for any purpose, naming those of CC BY",
            "photographs": photographs.credits(),
        }
    return {
        "from": "drawn by svhn_denoiser.sources.synthetic",
        "seed": seed,
        "licence": "drawn by this program: free of others' rights",
    }


def _mat(settings: DownloadSettings, seed: int, folder: Path) -> Origin:
    from svhn_denoiser.sources import mat

    mat.copy(Path(settings.path).expanduser(), folder)
    return {
        "from": settings.path,
        "licence": "as the files came; SVHN's own pictures are for non-commercial use only",
    }


def _images(settings: DownloadSettings, seed: int, folder: Path) -> Origin:
    from svhn_denoiser.sources import images

    cut = images.cut_all(Path(settings.path).expanduser(), settings.images, seed, folder)
    return {
        "from": settings.path,
        "seed": seed,
        "stride": settings.images.stride,
        "test_fraction": settings.images.test_fraction,
        "cut_from": cut,
        "labels": "no digit is known: every crop is labelled 0 (10 in the file)",
        "licence": "as the pictures came",
    }


_SOURCES: dict[str, Callable[[DownloadSettings, int, Path], Origin]] = {
    "svhn": _svhn,
    "synthetic": _synthetic,
    "mat": _mat,
    "images": _images,
}


def _describe(source: str, origin: Origin, folder: Path) -> str:
    files = {}
    for name in FILES:
        if (folder / name).exists():
            path = folder / name
            files[name] = {"pictures": mat_format.count(path), "sha256": sha256_of(path)}
    return json.dumps({"source": source, **origin, "files": files}, indent=2, ensure_ascii=False) + "\n"
