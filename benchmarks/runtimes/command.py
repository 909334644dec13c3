"""Time one network in each runtime, in one process and in turns, and write benchmarks/runtimes/RESULTS.md.

    python -m benchmarks.runtimes [--model FILE.keras]

Turns, because the machine's speed drifts: a runtime's figure is the median of its rounds, and it is compared with
Keras's of the same round.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks.page import MODELS, ROOT, facts_table, machine, public, summary, table
from benchmarks.runtimes.runners import Floats, Runner, runners
from svhn_denoiser.denoising import parity
from svhn_denoiser.denoising.models import SHIPPED
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.files import write_text
from svhn_denoiser.paths import MODEL, RAW

OUTPUT = Path(__file__).with_name("RESULTS.md")
REAL = "SVHN_DENOISER_REAL"

# what is timed: small pictures together, and a photograph
BATCH = (256, 32, 32, 3)
PHOTOGRAPH = (1, 480, 640, 3)

_PACKAGES = ("tensorflow", "keras", "onnxruntime", "tf2onnx", "openvino", "ai-edge-litert", "numpy")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    asked = _parser().parse_args(arguments)
    model = asked.model or next(
        (file for file in (SHIPPED, ROOT / MODEL, *sorted(MODELS.glob("*.keras"))) if file.is_file()), None
    )
    if model is None or not model.is_file():
        raise DenoiserError(f"{model or MODEL}: no such file. --model names a .keras file.")
    before = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        found = runners(model, Path(folder), _cores())
        real = _real()
        pictures = parity.sample(real or RAW)
        batch, photograph = (_seconds(found, shape, asked.rounds) for shape in (BATCH, PHOTOGRAPH))
        start = _in_turns([_started(runner) for runner in found], asked.starts)
        costs = [_psnr_loss(found[0].run, runner.run, pictures) for runner in found]
    strengths = ", ".join(f"{strength:g}" for strength in pictures.noisy)
    told = {
        "network": public(model),
        "machine": machine(),
        "load before, after": f"{before:.1f}, {os.getloadavg()[0]:.1f} (0 on an idle machine)",
        "versions": ", ".join(f"{package} {version(package)}" for package in _PACKAGES),
        "rounds": f"{asked.rounds} of pictures, {asked.starts} of fresh processes",
        "PSNR on": f"{len(pictures.clean)} {'crops of SVHN' if real else pictures.source}, noise of {strengths}",
    }
    write_text(asked.output, page(found, batch, photograph, start, costs, told))
    print(asked.output)


def page(
    found: Sequence[Runner],
    batch: Sequence[Sequence[float]],
    photograph: Sequence[Sequence[float]],
    start: Sequence[Sequence[float]],
    costs: Sequence[float],
    told: dict[str, str],
) -> str:
    """The page, from each runtime's seconds by round."""
    megapixels = PHOTOGRAPH[1] * PHOTOGRAPH[2] / 1e6
    rows = [
        [
            runner.name,
            f"{BATCH[0] / median(batch[i]):,.0f}",
            _ratio(batch[0], batch[i]),
            f"{megapixels / median(photograph[i]):.2f}",
            _ratio(photograph[0], photograph[i]),
            f"{median(start[i]):.2f}",
            f"{costs[i]:+.4f}",
        ]
        for i, runner in enumerate(found)
    ]
    head = (
        *("runtime", "pictures/s (32x32)", "times Keras", "megapixels/s (640x480)", "times Keras"),
        *("one picture, process start included (s)", "PSNR lost (dB)"),
    )
    return (
        "# Runtimes side by side\n\n`make bench-runtimes` writes this page.\n\n"
        f"{table(head, rows)}\n\n"
        "Medians; *times Keras* is the median of the ratios within a round. PSNR lost is against Keras, at the "
        f"strength of the noise where it is largest.\n\n{facts_table(told)}\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes", description=summary(__doc__))
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a .keras file; default: the shipped model, else models/denoiser.keras",
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="default: %(default)s")
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="fresh processes each; default: %(default)s")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="the page")
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _real() -> Path | None:
    folder = Path(os.environ.get(REAL, ROOT.parent / "shared/svhn"))
    return folder if (folder / "test_32x32.mat").is_file() and not (RAW / "test_32x32.mat").is_file() else None


def _seconds(found: Sequence[Runner], shape: tuple[int, ...], rounds: int) -> list[list[float]]:
    pictures: Floats = np.random.default_rng(0).random(shape, dtype=np.float32)
    for runner in found:
        # the first prepares the runtime for this size; OpenVINO does so when a size comes twice
        for _ in range(3):
            runner.run(pictures)
    return _in_turns([_timed(runner, pictures) for runner in found], rounds)


def _timed(runner: Runner, pictures: Floats) -> Callable[[], object]:
    return lambda: runner.run(pictures)


def _started(runner: Runner) -> Callable[[], object]:
    # a program of runners.py, and nobody else's
    command = [sys.executable, "-c", runner.start]
    return lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603


def _in_turns(calls: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, seconds, strict=True):
            began = perf_counter()
            call()
            taken.append(perf_counter() - began)
    return seconds


def _ratio(reference: Sequence[float], other: Sequence[float]) -> str:
    return f"{median(a / b for a, b in zip(reference, other, strict=True)):.2f}"


def _psnr_loss(
    reference: Callable[[Floats], Floats], other: Callable[[Floats], Floats], pictures: parity.Sample
) -> float:
    losses = [
        float((psnr(pictures.clean, reference(noisy)) - psnr(pictures.clean, other(noisy))).mean())
        for noisy in pictures.noisy.values()
    ]
    return max(losses, key=abs)
