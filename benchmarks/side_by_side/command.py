"""Score denoisers side by side, on the same noisy pictures in one run: quality, speed, cost.

    python -m benchmarks.side_by_side [--data FOLDER] [--model NAME=FILE.keras ...]

Writes a page of tables, benchmarks/side_by_side/RESULTS.md, and a chart beside it. benchmarks/README.md says more.
"""

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import sample
from benchmarks.ablations.trials import CONTESTANTS
from benchmarks.page import MODELS, ROOT, public, summary
from benchmarks.side_by_side import chart, classical, tables
from benchmarks.side_by_side.measuring import Method, Missing, Result, measure
from svhn_denoiser import params, paths
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.scores import bootstrap_interval
from svhn_denoiser.files import write_bytes, write_text

OUTPUT = ROOT / "benchmarks/side_by_side/RESULTS.md"
CHART = "psnr-speed.svg"
MODEL = ROOT / paths.MODEL
TRAINED = MODELS


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    asked = _parser().parse_args(arguments)
    settings = params.load(ROOT / paths.PARAMS)
    # a wrong name or file is said before anything is measured, which takes minutes
    trained, device = _networks(asked.model, settings)
    methods = _chosen(classical.methods(asked.sigma) + list(trained), asked.only)
    given = sample.read(asked.data, asked.pictures, asked.sigma, settings)
    few = sample.spread(len(given.pairs), asked.bm3d_pictures)
    _warn_if_busy()

    ran: list[Result] = []
    missing: list[Missing] = []
    for method in methods:
        print(f"{method.name:24}", end=" ", flush=True)
        result = measure(method, given.pairs, few)
        print(_line(result))
        if isinstance(result, Missing):
            missing.append(result)
        else:
            ran.append(result)

    drawn = _chart(ran)
    models = {method.name: path for method, path in trained.items() if method in methods}
    told = tables.facts(given, asked.sigma, settings.seed, models, device, _command(asked))
    interval = partial(bootstrap_interval, samples=settings.evaluate.bootstrap_samples, seed=settings.seed)
    page = tables.page(ran, missing, told, CHART if drawn else None, interval)
    if drawn:
        write_bytes(asked.output.with_name(CHART), drawn)
    write_text(asked.output, page)
    print(asked.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.side_by_side", description=summary(__doc__))
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"folder with an SVHN-format {sample.TEST_FILE}; default: data/raw, else the folder that "
        f"{sample.VARIABLE} names, else ../shared/svhn, else drawn numbers",
    )
    parser.add_argument(
        "--model",
        type=_model,
        action="append",
        metavar="NAME=FILE",
        help="a trained network; may be given several times; default: what `python -m benchmarks.ablations` left in "
        "benchmarks/models, else models/denoiser.keras, where it exists",
    )
    parser.add_argument("--pictures", type=_count, metavar="N", help="score the first N test pictures; default: all")
    parser.add_argument(
        "--bm3d-pictures",
        type=_count,
        default=100,
        metavar="N",
        help="run BM3D, which takes a second a picture, on N of them, evenly spread; default: %(default)s",
    )
    parser.add_argument(
        "--sigma", type=_sigma, default=0.1, help="standard deviation of the noise, up to 1; default: %(default)s"
    )
    parser.add_argument("--only", type=_names, metavar="NAME,NAME", help="score these methods; default: all")
    parser.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="FILE",
        help=f"the page; the chart, {CHART}, goes beside it; default: benchmarks/side_by_side/RESULTS.md",
    )
    return parser


def _model(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    # the name goes into a table, and into --only between commas
    if not separator or not re.fullmatch(r"[\w.+-]+", name, re.ASCII) or not path:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FILE, the name of letters, digits and ._+-")
    return name, Path(path)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def _sigma(text: str) -> float:
    try:
        sigma = float(text)
    except ValueError:
        sigma = 0.0
    if not 0 < sigma <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0 and up to 1")
    return sigma


def _names(text: str) -> list[str]:
    return text.split(",")


def _networks(models: Sequence[tuple[str, Path]] | None, settings: params.Params) -> tuple[dict[Method, Path], str]:
    """The networks with their files, and what they run on."""
    named: Sequence[tuple[str | None, Path]] = models or _trained()
    if not named:
        return {}, ""
    # imports TensorFlow
    from benchmarks.side_by_side import networks

    device = networks.device(settings.train)
    return {networks.method(path, name): path for name, path in named}, device


def _trained() -> Sequence[tuple[str | None, Path]]:
    contestants = [(name, TRAINED / f"{name}.keras") for name in CONTESTANTS]
    found = [(name, path) for name, path in contestants if path.exists()]
    return found or ([(None, MODEL)] if MODEL.exists() else [])


def _chosen(methods: Sequence[Method], only: Sequence[str] | None) -> list[Method]:
    names = [method.name for method in methods]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise DenoiserError(f"--model: several methods have the name {', '.join(twins)}; give each network its own.")
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise DenoiserError(f"--only: there is no method {', '.join(unknown)}; there are {', '.join(names)}.")
    return [method for method in methods if only is None or method.name in only]


def _warn_if_busy() -> None:
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"Other programs are at work here (load {load:.1f}): the speeds will be too low.")


def _line(result: Result | Missing) -> str:
    if isinstance(result, Missing):
        return result.reason
    line = f"{result.scores.psnr.mean():6.2f} dB  SSIM {result.scores.ssim.mean():.4f}"
    return line if result.pictures_per_second is None else f"{line}  {result.pictures_per_second:9,.1f} pictures/s"


def _chart(ran: Sequence[Result]) -> bytes | None:
    """PSNR over speed, on pictures that all methods were run on; None where nothing was timed."""
    if not any(result.pictures_per_second for result in ran):
        return None
    chosen = min((result.chosen for result in ran), key=len)
    psnr = {result.method.name: float(result.on(chosen).psnr.mean()) for result in ran}
    points = [
        chart.Point(result.method.name, result.pictures_per_second, psnr[result.method.name], bool(result.method.cost))
        for result in ran
        if result.pictures_per_second
    ]
    return chart.draw(points, psnr.get(classical.NOISY), len(chosen))


def _command(asked: argparse.Namespace) -> str:
    """The command, without where on this machine files outside the repository are."""
    standard = _parser().parse_args([])
    words = ["python", "-m", "benchmarks.side_by_side"]
    for option, value in vars(asked).items():
        if value == getattr(standard, option):
            continue
        if option == "model":
            texts = [f"{name}={public(path)}" for name, path in value]
        elif option == "only":
            texts = [",".join(value)]
        else:
            texts = [public(value) if isinstance(value, Path) else str(value)]
        for text in texts:
            words += [f"--{option.replace('_', '-')}", text]
    return shlex.join(words)
