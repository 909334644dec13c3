"""What every page of measurements shares: tables in Markdown, and what a reader has to know about machine and versions.

No path of the machine, nobody's name.
"""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
# what `python -m benchmarks.ablations` trains, and the others score
MODELS = ROOT / "benchmarks/models"
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "opencv-python-headless", "bm3d")

# gives the 95 % interval of the mean of (N,) values
Interval = Callable[[NDArray[np.float64]], tuple[float, float]]


def summary(documentation: str | None) -> str:
    """The first line of a module's docstring, for its `--help`."""
    return (documentation or "").partition("\n")[0]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table in Markdown; numbers stand on the right, in all columns but the first `left` ones."""
    aligned = ["---" if column < left else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, aligned, *rows))


def facts_table(told: Mapping[str, str]) -> str:
    """How something was measured: a table without a head, a fact a row."""
    return table(["", ""], [list(fact) for fact in told.items()], left=2)


def difference(values: NDArray[np.float64], interval: Interval, form: str) -> str:
    """The mean of paired differences with its interval: "+0.12 (+0.10 to +0.14)"."""
    return f"{values.mean():{form}} ({ends(interval(values), form)})"


def ends(interval: tuple[float, float], form: str) -> str:
    """Both ends of an interval: "30.10 to 30.42"."""
    return " to ".join(f"{end:{form}}" for end in interval)


def machine() -> str:
    """Processor, cores that this process may use, and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that do the work."""
    return {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}


def public(path: Path) -> str:
    """A path as others may see it: from the repository's root, or without its folders."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else f".../{path.name}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    # platform.processor() is empty or "x86_64" on Linux
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
