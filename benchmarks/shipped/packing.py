"""Halve the size of a .keras file: weights rounded to what float16 holds, then packed.

    python -m benchmarks.shipped.packing FILE

`make shipped-model` calls it after the training, before anything is measured. The weights stay float32 in the file, so
that it loads everywhere as before; half of their bits are zeros, which pack well. The model's twin for the fast runtime
then stores the same weights as float16, without a further loss.
"""

import argparse
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

from benchmarks.page import summary
from svhn_denoiser import program
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack a file in place, and print its size."""
    parser = argparse.ArgumentParser("python -m benchmarks.shipped.packing", description=summary(__doc__))
    parser.add_argument("file", type=Path, metavar="FILE", help="a .keras file; it is replaced")
    file = parser.parse_args(arguments).file
    try:
        before = file.stat().st_size
        pack(file)
    except (FileNotFoundError, IsADirectoryError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DenoiserError(f"{file}: cannot be packed: {why}. Name a .keras file.") from error
    print(f"{file}: {before:,} bytes became {file.stat().st_size:,}")


def pack(file: Path) -> None:
    """Round the weights of a .keras file to float16's values and pack it, in place.

    Packing twice changes nothing.
    """
    with zipfile.ZipFile(file) as given:
        contents = {entry.filename: (entry.date_time, given.read(entry)) for entry in given.infolist()}
    with (
        whole(file) as unfinished,
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
    ):
        for name, (date, content) in contents.items():
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, _rounded(content) if name.endswith(".weights.h5") else content)


def _rounded(weights: bytes) -> bytes:
    changed = BytesIO(weights)
    with h5py.File(changed, "r+") as file:
        file.visititems(_round)
    return changed.getvalue()


def _round(_: str, item: h5py.Group | h5py.Dataset) -> None:
    if isinstance(item, h5py.Dataset) and item.dtype == np.float32:
        item[...] = item[...].astype(np.float16).astype(np.float32)


if __name__ == "__main__":
    program.run(main)
