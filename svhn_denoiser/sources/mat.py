"""The user's own SVHN-format files, checked and copied."""

import filecmp
import shutil
from pathlib import Path

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError

NAMES = ("train_32x32.mat", "test_32x32.mat")


def copy(folder: Path, target: Path) -> None:
    """Copy train_32x32.mat and test_32x32.mat from `folder` to `target`, if both are sound to the last byte.

    Raises:
        DenoiserError: a file is missing, is not SVHN's format, is damaged, or both are the same file.
    """
    if folder.is_file():
        mat_format.check(folder)  # what is wrong with the file itself matters more
        raise DenoiserError(f"{folder}: is a file; download.path must be the folder that holds {' and '.join(NAMES)}.")
    if not folder.is_dir():
        raise DenoiserError(f"{folder}: no such folder. Set download.path to the one that holds {' and '.join(NAMES)}.")
    missing = [name for name in NAMES if not (folder / name).is_file()]
    if missing:
        raise DenoiserError(
            f"{folder}: has no {' and no '.join(missing)}. {_others(folder)}"
            f"The source mat needs {' and '.join(NAMES)} there; set download.path to their folder."
        )
    for name in NAMES:
        for _ in mat_format.blocks(folder / name):  # to the end: zlib's checksum is there
            pass
    train, test = (folder / name for name in NAMES)
    if filecmp.cmp(train, test, shallow=False):
        raise DenoiserError(
            f"{folder}: {' and '.join(NAMES)} are the same file. Scores on pictures that the network has seen say "
            "nothing: put pictures of their own into the test file."
        )
    for name in NAMES:
        shutil.copyfile(folder / name, target / name)


def _others(folder: Path) -> str:
    # a download that broke off often has another name, and is why a file is missing
    found = []
    for path in sorted(folder.glob("*.mat"))[:5]:
        if path.name not in NAMES:
            try:
                mat_format.check(path)
                found.append(f"Found {path.name}. ")
            except DenoiserError as error:
                found.append(f"Found {error} ")
    return "".join(found)
