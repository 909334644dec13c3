"""Train the networks that the documentation compares, each once; what they reached, as a table.

    python -m benchmarks.ablations --data FOLDER residual-unet dncnn
    python -m benchmarks.ablations --table

Each trial of trials.py that is named becomes benchmarks/models/NAME.keras and NAME.json: `make bench` scores them.
FOLDER holds train_32x32.mat: its last tenth is for validation, and no test file is touched.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.ablations.trials import CEILING, CHOICES, NETWORKS, TRIALS, Trial
from benchmarks.page import MODELS, ROOT, machine, summary, versions
from svhn_denoiser import generation, params, recipes
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json, write_json
from svhn_denoiser.pairs import Pairs, read
from svhn_denoiser.params import Params
from svhn_denoiser.paths import RECIPES
from svhn_denoiser.sources.synthetic import draw

if TYPE_CHECKING:
    from svhn_denoiser.training.fitting import Training
    from svhn_denoiser.training.resuming import State


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is named, or print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.ablations", description=summary(__doc__))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder with an SVHN-format train_32x32.mat")
    parser.add_argument("--table", action="store_true", help="print what the choices of the recipe are worth")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"trials: {', '.join(TRIALS)}")
    asked = parser.parse_args(arguments)
    if asked.table:
        print("\n\n".join(map(table, (CHOICES, NETWORKS, CEILING))))
        return
    unknown = [name for name in asked.names if name not in TRIALS]
    if unknown or not asked.names or asked.data is None:
        parser.error(f"there is no trial {', '.join(unknown)}" if unknown else "name --data and trials")
    for name in asked.names:
        record = train(name, TRIALS[name], asked.data, params.load(ROOT / "params.yaml"), MODELS)
        print(f"{name}: {record['validation_psnr']:.2f} dB after {record['seconds']:.0f} s", flush=True)


def train(name: str, trial: Trial, data: Path, settings: Params, models: Path) -> dict[str, Any]:
    """Train one network; write its model and its record.

    Args:
        name: of the trial and of the files.
        trial: what to change.
        data: folder with train_32x32.mat and test_32x32.mat.
        settings: params.yaml.
        models: where the files go.

    Returns:
        The record: settings that were changed, epochs, seconds of fitting with validation, scores on the validation
        pictures, machine and versions.

    Raises:
        DenoiserError: a setting or a file is wrong, or the trial that this one is timed after was not trained here.
    """
    settings = _settings(trial, settings)
    with TemporaryDirectory() as folder:
        generation.write(data, Path(folder) / "pairs", settings.generate, settings.seed)
        pairs, validation = (read(Path(folder) / "pairs", split) for split in ("train", "validation"))
        if trial.as_long_as:
            settings = _with_epochs(settings, trial, pairs, validation, _seconds(trial.as_long_as, models))
        drawn = None
        if trial.data.startswith("drawn"):
            drawn = _drawn(len(pairs), settings, Path(folder))
        if trial.data == "drawn besides" and drawn is not None:
            pairs = _joined(pairs, drawn)
        elif trial.data == "half":
            pairs = pairs[: len(pairs) // 2]
        start = None
        if trial.data == "drawn first" and drawn is not None:
            half = params.changed(settings, {"train.epochs": math.ceil(settings.train.epochs / 2)})
            start = _fit(half, trial, drawn, validation, name)
            settings = params.changed(settings, {"train.epochs": settings.train.epochs // 2})
        fitted = _fit(settings, trial, pairs, validation, name, start)
    record = {
        "changes": {"data": trial.data, "network": trial.network} | dict(trial.changes),
        "epochs": settings.train.epochs,
        "noise": settings.generate.noise.model_dump(),
        "pictures": len(pairs),
        "seconds": fitted.seconds + (start.seconds if start else 0.0),
        "cores": len(os.sched_getaffinity(0)),
        "validation_psnr": fitted.psnr,
        "parameters": fitted.model.count_params(),
        "machine": machine(),
        "versions": versions(),
    }
    from svhn_denoiser.networks.model_file import save

    save(fitted.model, models / f"{name}.keras")
    write_json(models / f"{name}.json", record)
    return record


def table(trials: dict[str, Trial], models: Path = MODELS) -> str:
    """What was reached by the trials that were run, as Markdown; the first is what the others are compared with."""
    head = "| changed | validation PSNR (dB) | difference | epochs | seconds | cores | parameters |\n"
    lines = [head + "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    first = None
    for name in trials:
        if not (models / f"{name}.json").exists():
            continue
        record = read_json(models / f"{name}.json")
        psnr = record["validation_psnr"]
        first = psnr if first is None else first
        lines.append(
            f"| {name} | {psnr:.2f} | {psnr - first:+.2f} | {record['epochs']} | {record['seconds']:.0f} | "
            f"{record['cores']} | {record['parameters']:,} |"
        )
    return "\n".join(lines)


class _Fitted:
    def __init__(self, model: Any, seconds: float, psnr: float) -> None:
        self.model, self.seconds, self.psnr = model, seconds, psnr


def _fit(
    settings: Params, trial: Trial, pairs: Pairs, validation: Pairs, name: str, start: _Fitted | None = None
) -> _Fitted:
    training = _training(settings, trial, pairs, validation)
    if start is not None:
        training.model.set_weights(start.model.get_weights())

    def on_epoch(state: "State", speed: float) -> None:
        row = state.history[-1]
        print(f"  {name}: epoch {row.epoch}, {row.validation_psnr:.2f} dB, {speed:.0f} pictures/s", flush=True)

    began = time.monotonic()
    state = training.run(training.begin(), on_epoch, lambda batch: None)
    return _Fitted(training.published(state), time.monotonic() - began, state.best_psnr)


def _training(settings: Params, trial: Trial, pairs: Pairs, validation: Pairs) -> "Training":
    from svhn_denoiser.networks import architectures
    from svhn_denoiser.training import device
    from svhn_denoiser.training.fitting import Training

    build: Callable[[params.TrainSettings], Any] = architectures.build
    if trial.network:
        from benchmarks.ablations.candidates import CANDIDATES

        candidate = CANDIDATES[trial.network]

        def build(train: params.TrainSettings) -> Any:
            return candidate(train.width)

    return Training(settings, pairs, validation, device.choose(settings.train), build)


def _settings(trial: Trial, settings: Params) -> Params:
    if trial.recipe:
        settings = recipes.applied(settings, trial.recipe, ROOT / RECIPES)
    # all epochs are trained: a trial that stops early would not have been given the same time
    return params.changed(settings, {"train.early_stopping": None, **trial.changes}, "the trial")


def _with_epochs(settings: Params, trial: Trial, pairs: Pairs, validation: Pairs, seconds: float) -> Params:
    """Settings with as many epochs as come nearest to so many seconds, from the time that a part of one takes."""
    part = pairs[: 60 * settings.train.batch_size]
    short = params.changed(settings, {"train.epochs": 2})
    speeds: list[float] = []
    training = _training(short, trial, part, validation)
    training.run(training.begin(), lambda state, speed: speeds.append(speed), lambda batch: None)
    # the first epoch compiles
    return params.changed(settings, {"train.epochs": epochs_in(seconds, len(pairs), speeds[-1])})


def epochs_in(seconds: float, pictures: int, pictures_per_second: float) -> int:
    """How many whole epochs come nearest to so many seconds; one at the least."""
    return max(1, round(seconds * pictures_per_second / pictures))


def _seconds(name: str, models: Path) -> float:
    file = models / f"{name}.json"
    if not file.exists():
        raise DenoiserError(f"{file}: no such file. Train {name} before what is to take as long as it did.")
    return float(read_json(file)["seconds"])


def _drawn(count: int, settings: Params, folder: Path) -> Pairs:
    """Drawn numbers with the same noise, as training pairs."""
    from svhn_denoiser import mat_format

    raw = folder / "drawn"
    raw.mkdir()
    # a tenth of the file goes into validation
    total = math.ceil(count / (1 - settings.generate.validation_fraction))
    mat_format.write(raw / "train_32x32.mat", *draw(total, settings.seed, "train"))
    mat_format.write(raw / "test_32x32.mat", *draw(10, settings.seed, "test"))
    generation.write(raw, folder / "drawn-pairs", settings.generate, settings.seed)
    return read(folder / "drawn-pairs", "train")


def _joined(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(*(np.concatenate([getattr(one, n), getattr(other, n)]) for n in ("noisy", "clean", "digits")))
