"""What a reader has to know about a measurement: data, machine, versions. No path of the machine, nobody's name."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.sample import ROOT, Sample

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "opencv-python-headless", "bm3d")


def facts(
    given: Sample, sigma: float, seed: int, models: Mapping[str, Path], device: str, command: str
) -> dict[str, str]:
    """Name and text of each fact, for a table in Markdown.

    Args:
        given: the pictures.
        sigma: standard deviation of the noise on the [0, 1] scale.
        seed: of the noise.
        models: files of the networks, by name.
        device: what the networks ran on.
        command: what was run.
    """
    count, held = len(given.pairs), given.held
    told = {
        "pictures": f"{given.origin}: {f'all {held:,}' if count == held else f'the first {count:,} of {held:,}'}",
        "sha256 of the test file": f"`{given.sha256}`",
        "noise": f"Gaussian, sigma {sigma:g} of the [0, 1] range, clipped, rounded to 8 bits as the pipeline's test "
        f"pairs are; seed {seed}",
        "machine": machine(),
    }
    if models:
        told["networks ran on"] = device
    for name, path in models.items():
        told[f"sha256 of {name}"] = f"`{sha256(path.read_bytes()).hexdigest()}`"
    told["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items())
    told["date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    told["command"] = f"`{command}`"
    return told


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
