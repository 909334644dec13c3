"""`svhn-denoiser drift`, for people and schedulers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import write_text
from svhn_denoiser.paths import NOISY
from svhn_denoiser.registry import chosen_model
from svhn_denoiser.terminal import AsJson, err, print_json

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from svhn_denoiser.drift.collection import Collection
    from svhn_denoiser.drift.examination import Denoise, Examination

# the exit code for pictures that are not as in training
DRIFT = 3


Pictures = Annotated[
    list[Path],
    typer.Argument(
        metavar="PICTURES...",
        help="Files, folders and SVHN-format .mat files; larger pictures are cut into 32x32 crops.",
        show_default=False,
    ),
]
Clean = Annotated[
    bool,
    typer.Option("--clean", help="Compare with the clean training pictures: for pictures you want to train on."),
]
Reference = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER-OR-MAT", help="Compare with these pictures instead.", show_default=False),
]
Model = Annotated[str | None, typer.Option(metavar="URI-OR-FILE", help=chosen_model.OPTION_HELP, show_default=False)]
Page = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Also write the result as an HTML page.", show_default=False),
]


def drift(
    pictures: Pictures,
    clean: Clean = False,
    reference: Reference = None,
    model: Model = None,
    page: Page = None,
    as_json: AsJson = False,
) -> None:
    """Check whether pictures look like the training set.

    Compares them with the noisy training pictures in data/noisy/train: light, colours, sharpness, noise, and what the
    model removes, one by one and all together.

    Exit codes: 0 no drift, 3 drift, 1 failed (also if a picture cannot be read and the rest shows no drift), 2 wrong
    usage.
    """
    if clean and reference:
        raise typer.BadParameter("use either --clean or --reference, not both.")
    incoming, training = _read(pictures, reference, clean)
    found, name = _examine(training, incoming, model)
    # the model was trained for the noisy training pictures, and for no others
    _tell(found, name, training.name if clean or reference else None, page, as_json)
    if found.drift:
        raise typer.Exit(DRIFT)
    if incoming.unreadable or training.unreadable:
        raise typer.Exit(1)


# SciPy, scikit-image and matplotlib take seconds: they are imported below, once the call is known to make sense


def _read(pictures: list[Path], reference: Path | None, clean: bool) -> "tuple[Collection, Collection]":
    """What is in question, and what it is compared with; says which pictures cannot be read."""
    from svhn_denoiser.drift.collection import read

    with _progress() as advance:
        incoming = read(pictures, advance=advance)
        training = read([reference], advance=advance) if reference else _training(clean)
    for error in incoming.unreadable + training.unreadable:
        typer.echo(f"error: {error}", err=True)
    return incoming, training


def _examine(training: "Collection", incoming: "Collection", model: str | None) -> "tuple[Examination, str | None]":
    """What was found, and the name of the model that helped."""
    from svhn_denoiser.drift.examination import examine

    with _model(model) as (denoise, name):
        return examine(training, incoming, denoise), name


def _tell(found: "Examination", name: str | None, reference: str | None, page: Path | None, as_json: bool) -> None:
    """The answer, as a page, as JSON or as a table."""
    from svhn_denoiser.drift import table, words

    if page:
        from svhn_denoiser.drift.page import render

        now = datetime.now(UTC)
        write_text(page, render(found, reference, name, f"{now:%Y-%m-%d %H:%M} UTC"))
    if as_json:
        print_json(words.as_json(found, reference, name))
    else:
        table.show(found, reference)


def _training(clean: bool) -> "Collection":
    from svhn_denoiser.drift.collection import read_training
    from svhn_denoiser.tracking.location import repository_root

    folder = repository_root() / NOISY
    if not folder.is_dir():
        raise DenoiserError(
            f"{folder}: no such folder. `dvc repro generate` makes the training pictures; --reference names other "
            "pictures to compare with."
        )
    return read_training(folder, clean=clean)


@contextmanager
def _model(named: str | None) -> "Iterator[tuple[Denoise | None, str | None]]":
    with chosen_model.choose(named) as chosen:
        if named is None and not chosen.file.exists():
            typer.echo("there is no model yet: leaving out what it would remove", err=True)
            yield None, None
            return
        if named is None:
            typer.echo(f"measuring what is removed by {chosen.name}", err=True)
        yield partial(_denoise, cache(partial(_load, chosen.file))), chosen.name


def _load(file: Path) -> "keras.Model":
    from svhn_denoiser.networks.model_file import load_model

    return load_model(file)


def _denoise(load: "Callable[[], keras.Model]", pictures: "NDArray[np.float32]") -> "NDArray[np.float32]":
    # report too few pictures before importing TensorFlow, which takes seconds
    from svhn_denoiser.networks import inference

    return inference.denoise(load(), pictures)


@contextmanager
def _progress() -> Iterator[Callable[[], None]]:
    columns = TextColumn("reading pictures: {task.completed}"), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda: progress.advance(task)
