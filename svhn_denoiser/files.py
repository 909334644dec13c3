"""Files that one stage writes and another reads: JSON and CSV, written as a whole or not at all."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svhn_denoiser.errors import DenoiserError


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


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
    """Write rows of the same keys, as a whole or not at all; numbers with 6 significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    unfinished.replace(path)


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table, all values as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
