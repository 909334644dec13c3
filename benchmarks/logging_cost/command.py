"""Time the same training with and without its MLflow run, and write benchmarks/logging_cost/RESULTS.md.

    python -m benchmarks.logging_cost [--pictures 3000] [--epochs 30] [--pairs 3]

In pairs and in turns within one process, as the machine's speed drifts. A training is what stages/train.py does between
reading its pictures and writing its model: epochs and their validation, with the run begun, a point of each curve an
epoch, system metrics, a sheet of pictures, and its end. The store is a fresh one in a temporary folder.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks.page import ROOT, facts_table, machine, summary, table
from svhn_denoiser import noise, params
from svhn_denoiser.files import write_text
from svhn_denoiser.pairs import Pairs, Split, as_bytes, as_float
from svhn_denoiser.params import Params
from svhn_denoiser.paths import PARAMS
from svhn_denoiser.sources.synthetic import draw

OUTPUT = Path(__file__).with_name("RESULTS.md")
# a pipeline validates on a tenth of its training file
_VALIDATION = 10


@dataclass(frozen=True)
class Pair:
    """Seconds of the same training without and with logging, one right after the other."""

    without: float
    logged: float

    @property
    def cost(self) -> float:
        """What logging added, as a share of the time without it."""
        return self.logged / self.without - 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    asked = _parser().parse_args(arguments)
    before = os.getloadavg()[0]
    # no early end: both of a pair do the same work
    changes = {"train.epochs": asked.epochs, "train.early_stopping": None}
    settings = params.changed(params.load(ROOT / PARAMS), changes)
    train, validation = _pairs(settings, asked.pictures)
    with _own_store():
        # builds the graph and the store's tables: each is paid once a process
        _seconds(params.changed(settings, {"train.epochs": 1}), train, validation, logged=True)
        pairs = [_pair(settings, train, validation, number) for number in range(asked.pairs)]
    told = {
        "network": f"{settings.train.network}, width {settings.train.width}",
        "training": f"{len(train):,} drawn pictures, epochs: {asked.epochs}, {len(validation):,} to validate",
        "machine": machine(),
        "load before, after": f"{before:.1f}, {os.getloadavg()[0]:.1f} (0 on an idle machine)",
        "versions": ", ".join(f"{package} {version(package)}" for package in ("tensorflow", "keras", "mlflow")),
    }
    write_text(asked.output, page(pairs, told))
    print(asked.output)


def page(pairs: Sequence[Pair], told: dict[str, str]) -> str:
    """The page, from the pairs in their order."""
    costs = np.array([pair.cost for pair in pairs])
    spread = f"{costs.min():+.1%} to {costs.max():+.1%}"
    rows = [
        [str(number), f"{pair.without:.1f}", f"{pair.logged:.1f}", f"{pair.cost:+.1%}"]
        for number, pair in enumerate(pairs, 1)
    ]
    means = [f"{mean(pair.without for pair in pairs):.1f}", f"{mean(pair.logged for pair in pairs):.1f}"]
    rows.append(["mean", *means, f"{costs.mean():+.1%}"])
    return (
        "# What logging costs\n\n`python -m benchmarks.logging_cost` writes this page.\n\n"
        f"Logging to MLflow adds **{median(costs):+.1%}** to the time of a training (median of {len(pairs)} pairs; "
        f"{spread}).\n\n"
        f"{table(('pair', 'without (s)', 'logged (s)', 'added'), rows)}\n\n"
        "The two of a pair run one after the other, in turns which is first. What is logged: the run with its "
        "settings, a point of each curve an epoch, system metrics every 10 s, a sheet of pictures, the end.\n\n"
        f"{facts_table(told)}\n"
    )


def _pair(settings: Params, train: Pairs, validation: Pairs, number: int) -> Pair:
    taken = {
        logged: _seconds(settings, train, validation, logged=logged) for logged in (number % 2 == 0, number % 2 == 1)
    }
    return Pair(taken[False], taken[True])


def _seconds(settings: Params, train: Pairs, validation: Pairs, *, logged: bool) -> float:
    # these import TensorFlow and MLflow: options are refused first
    from svhn_denoiser.tracking.training_run import TrainingRun, training_run
    from svhn_denoiser.training import device
    from svhn_denoiser.training.fitting import Training, samples
    from svhn_denoiser.training.resuming import State

    training = Training(settings, train, validation, device.choose(settings.train))

    def work(run: TrainingRun | None) -> None:
        def on_epoch(state: State, speed: float) -> None:
            if run is not None:
                run.log_epoch(state.history[-1].epoch, state.history[-1].curves() | {"pictures_per_second": speed})

        state = training.run(training.begin(), on_epoch, lambda _: None)
        # drawn in both: it is the logging that is measured
        sheet = samples(training.published(state), validation)
        if run is not None:
            run.log_pictures({"clean-noisy-denoised": sheet}, state.best_epoch)

    began = perf_counter()
    if logged:
        with training_run(settings) as run:
            work(run)
    else:
        work(None)
    return perf_counter() - began


def _pairs(settings: Params, count: int) -> tuple[Pairs, Pairs]:
    found = []
    counts: dict[Split, int] = {"train": count, "validation": max(1, count // _VALIDATION)}
    for split, number in counts.items():
        # a stream of drawn pictures of its own
        clean, digits = draw(number, settings.seed, "train" if split == "train" else "test")
        noisy = as_bytes(
            noise.add_noise(
                as_float(clean), settings.generate.noise, seed=settings.seed, split=split, indices=range(number)
            )
        )
        found.append(Pairs(noisy, clean, digits))
    return found[0], found[1]


@contextmanager
def _own_store() -> Iterator[None]:
    # a repository of its own, so that the user's store gets no runs
    with TemporaryDirectory() as folder:
        Path(folder, ".git").mkdir()
        given = os.environ.pop("MLFLOW_TRACKING_URI", None)
        try:
            with chdir(folder):
                yield
        finally:
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            if given is not None:
                os.environ["MLFLOW_TRACKING_URI"] = given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logging_cost", description=summary(__doc__))
    parser.add_argument("--pictures", type=int, default=3000, metavar="N", help="drawn pictures; default: %(default)s")
    parser.add_argument("--epochs", type=int, default=30, metavar="N", help="of each training; default: %(default)s")
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="the page")
    return parser
