"""Write what was counted into docs/reliability.md: `python -m tests.faults.table FOLDER` for faults or mutants."""

import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.example_settings import ROOT

PAGE = ROOT / "docs/reliability.md"
COLUMNS = ("tries", "survived", "lost", "leaked", "tracebacks")
NAMED = ("dvc", "keras", "mlflow", "numpy", "tensorflow")


def main() -> None:
    """Put the table of the faults, or that of the mutants, in the place of the one before."""
    folder = Path(sys.argv[1])
    if (folder / "faults.jsonl").exists():
        _replace("faults", faults(map(json.loads, (folder / "faults.jsonl").read_text().splitlines())))
    if (folder / "mutants.json").exists():
        _replace("mutants", mutants(json.loads((folder / "mutants.json").read_text())))


def faults(rows: Iterable[dict]) -> list[str]:
    """A line a fault, in order of their names, and one for all; rows of one name are added up."""
    sums: dict[str, dict[str, int]] = {}
    for row in rows:
        known = sums.setdefault(row["fault"], dict.fromkeys(COLUMNS, 0))
        for column in COLUMNS:
            known[column] += row[column]
    total = {column: sum(known[column] for known in sums.values()) for column in COLUMNS}
    lines = [_line("fault", *COLUMNS), _line("---", *["---:"] * len(COLUMNS))]
    lines += [_line(fault, *sums[fault].values()) for fault in sorted(sums)]
    return [*lines, _line("**all**", *total.values())]


def mutants(modules: dict[str, dict[str, int]]) -> list[str]:
    """A line a module."""
    lines = [_line("module", "mutants", "killed", "survived", "share"), _line("---", *["---:"] * 4)]
    for name, found in sorted(modules.items()):
        tried = found["killed"] + found["survived"]
        share = f"{found['killed'] / max(tried, 1):.0%}"
        lines.append(_line(f"`{name}`", tried, found["killed"], found["survived"], share))
    return lines


def _line(first: str, *cells: object) -> str:
    return f"| {' | '.join([first, *(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)])} |"


def _replace(name: str, lines: list[str]) -> None:
    versions = ", ".join(f"{package} {version(package)}" for package in NAMED)
    made = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, {versions}."
    )
    block = "\n".join([f"<!-- {name} -->", made, "", *lines, f"<!-- end of {name} -->"])
    text, times = re.subn(
        rf"<!-- {name} -->.*?<!-- end of {name} -->", lambda _: block, PAGE.read_text(encoding="utf-8"), flags=re.S
    )
    assert times == 1
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
