"""Write files whole or not at all, so that a program that stops leaves no half-written file."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from svhn_denoiser.errors import DenoiserError

_MISSING = object()

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


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary folder, and put it in the place of an older one when the block succeeds.

    If the block raises, the older one stays as it was and the temporary folder is removed. What a killed run left there
    is removed first.

    Yields:
        Where to write: an empty folder beside `path`, hidden.
    """
    unfinished = path.with_name(_unfinished(path))
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        shutil.rmtree(path, ignore_errors=True)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


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
    write_bytes(path, characters(content).encode())


def characters(text: str) -> str:
    """A text that every store takes: a byte that is no UTF-8, as in names that a machine gave, becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys, as a whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path, needed: Mapping[str, type] | None = None) -> dict[str, Any]:
    """Read what an earlier stage wrote.

    Args:
        path: where it is.
        needed: what has to be in it, by dotted key: str, float for any number, or object for anything.

    Raises:
        DenoiserError: it is missing, damaged, or without something that is needed.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DenoiserError(f"{path}: no such file. `dvc repro` makes it.") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from None
    if not isinstance(content, dict):
        raise _damaged(path, "it holds no keys")
    for key, kind in (needed or {}).items():
        found: Any = content
        for part in key.split("."):
            found = found.get(part, _MISSING) if isinstance(found, dict) else _MISSING
        number = isinstance(found, int | float) and not isinstance(found, bool)
        if found is _MISSING or not (number if kind is float else isinstance(found, kind)):
            raise _damaged(path, f"it has no {'number' if kind is float else 'value'} {key}")
    return content


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5_of(path: Path) -> str:
    """The md5 of a file's bytes, in hex: what DVC names it by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


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


def read_csv(path: Path, numbers: Sequence[str] = (), *, empty: bool = True) -> list[dict[str, str]]:
    """The rows of a table that an earlier stage wrote, all values as text.

    Args:
        path: where it is.
        numbers: columns that have to be there, with a number in each row.
        empty: whether there may be no rows.

    Raises:
        DenoiserError: it is missing, damaged, or without something that is needed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DenoiserError(f"{path}: no such file. `dvc repro` makes it.") from None
    except (ValueError, csv.Error) as error:
        raise _damaged(path, error) from None
    if not rows and not empty:
        raise _damaged(path, "it has no rows")
    for line, row in enumerate(rows, 2):
        for name in numbers:
            try:
                float(row[name])
            except (KeyError, TypeError, ValueError):
                raise _damaged(path, f"line {line} has no number {name}") from None
    return rows


def _damaged(path: Path, why: object) -> DenoiserError:
    return DenoiserError(f"{path}: is damaged ({why}). Delete it and run `dvc repro`.")
