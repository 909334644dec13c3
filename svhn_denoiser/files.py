"""Write files whole or not at all, so that a program that stops leaves no half-written file."""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from svhn_denoiser.errors import DenoiserError

# bytes of a file's name that file systems take
_LONGEST_NAME = 255


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write to a temporary file, and rename it when the block succeeds.

    Makes the folder. If the block raises, an older file stays as it was and the temporary file is removed.

    Yields:
        Where to write: beside `path`, hidden, with the same suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(_unfinished(path))
    try:
        yield unfinished
        # not written in place: an output may be a link into DVC's cache
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _unfinished(path: Path) -> str:
    name = f".unfinished-{path.name}"
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    return f".unfinished-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{path.suffix[:20]}"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    with whole(path) as unfinished:
        unfinished.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with its line ends as they are, as a whole or not at all.

    What is no character, such as a byte in the name of a file that is not UTF-8, becomes an escape, as JSON has them.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys, as a whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what an earlier stage wrote.

    Raises:
        DenoiserError: it is missing or damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DenoiserError(f"{path}: no such file. `dvc repro` makes it.") from None
    except ValueError as error:
        raise DenoiserError(f"{path}: is damaged ({error}). Delete it and run `dvc repro`.") from None
    return content


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the same keys, as a whole or not at all; numbers with 6 significant digits.

    Where there are no rows, the file is empty.
    """
    if not rows:
        write_text(path, "")
        return
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table that an earlier stage wrote, all values as text.

    Raises:
        DenoiserError: it is missing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise DenoiserError(f"{path}: no such file. `dvc repro` makes it.") from None
