"""`svhn-denoiser denoise`."""

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.terminal import AsJson, err, in_one_line, print_json

if TYPE_CHECKING:
    from svhn_denoiser.denoising.compare_page import ComparePage
    from svhn_denoiser.denoising.denoiser import Denoiser
    from svhn_denoiser.denoising.flow import Result, Settings
    from svhn_denoiser.denoising.jobs import Plan

_PIPE = "-"
# what comes through standard input is called so
_PIPED = "standard-input"
Format = Literal["png", "jpeg", "webp", "tiff"]


def denoise(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURES...",
            help="Files, folders, patterns such as 'photos/**/*.jpg', or - for standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write into, or - for standard output.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="champion, shipped, an address of MLflow's such as models:/svhn-denoiser/3, or a file. By default the "
            "champion where the repository has one, else shipped, the model that comes with the package.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Format to write. By default that of each picture; PNG where it is none of these.",
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="How much to denoise: 0 leaves pictures as they are.")
    ] = 1.0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write compare.html: before and after, with a line to drag.")
    ] = False,
    strip: Annotated[bool, typer.Option("--strip", help="Leave out EXIF, place and XMP; keep the colours.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier call.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove noise from pictures of any size.

    Each keeps its name, format, depth, colours, metadata and time. Exits with 1 if any picture was not denoised.
    """
    from svhn_denoiser.denoising.flow import Settings

    settings = Settings(into, strength, strip, overwrite)
    if output == _PIPE:
        with TemporaryDirectory() as folder:
            _to_standard_output(pictures, Path(folder), model, settings, compare=compare, as_json=as_json)
        return
    with _arguments(pictures) as arguments:
        _into_folder(arguments, output, model, settings, compare=compare, as_json=as_json)


def _into_folder(
    arguments: list[str], output: str, model: str | None, settings: "Settings", *, compare: bool, as_json: bool
) -> None:
    from svhn_denoiser.denoising import compare_page, jobs

    if not output:
        raise DenoiserError("--output is an empty name; name the folder to write into, or - for standard output.")
    folder = jobs.as_path(output)
    jobs.check_output(folder)
    page_file = folder / compare_page.NAME
    if compare and page_file.exists() and not settings.overwrite:
        raise DenoiserError(f"{page_file} exists; --overwrite replaces it.")
    plan = jobs.plan(arguments, folder, into=settings.into, overwrite=settings.overwrite)
    page = compare_page.ComparePage() if compare else None
    begun = time.monotonic()
    results, network = _run(plan, model, settings, page)
    if page is not None and network is not None and any(result.target for result in results):
        page.write(page_file, _about(network, settings.strength))
    done = sum(result.target is not None for result in results)
    if as_json:
        _print_json(results, network, folder, begun)
    else:
        typer.echo(in_one_line(f"{done} of {len(results)} pictures denoised into {folder}"))
        if page is not None and done:
            typer.echo(in_one_line(f"compare them in {page_file}"))
    if done < len(results):
        raise typer.Exit(1)


def _to_standard_output(
    pictures: list[str], folder: Path, model: str | None, settings: "Settings", *, compare: bool, as_json: bool
) -> None:
    from svhn_denoiser.denoising import jobs

    if compare or as_json:
        raise DenoiserError("--output - leaves no room for --compare and --json; name a folder.")
    if sys.stdout is None:
        raise DenoiserError("--output - has no standard output to write to: it is closed.")
    if sys.stdout.isatty():
        raise DenoiserError("--output - would write a picture's bytes to the terminal; send it to a file or a program.")
    with _arguments(pictures) as arguments:
        plan = jobs.plan(arguments, folder, into=settings.into)
        if len(plan.jobs) + len(plan.failures) != 1:
            raise DenoiserError("--output - takes one picture; name a folder for several.")
        ((result,), _) = _run(plan, model, settings, None)
    if result.target is None:
        raise typer.Exit(1)
    with result.target.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


@contextmanager
def _arguments(pictures: list[str]) -> Iterator[list[str]]:
    """What was named, with what comes through standard input as a file."""
    if _PIPE not in pictures:
        yield pictures
        return
    if sys.stdin is None:
        raise DenoiserError("- has no standard input to read from: it is closed.")
    with TemporaryDirectory() as folder:
        piped = Path(folder) / _PIPED
        with piped.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [str(piped) if name == _PIPE else name for name in dict.fromkeys(pictures)]


def _run(
    plan: "Plan", model: str | None, settings: "Settings", page: "ComparePage | None"
) -> tuple[list["Result"], "Denoiser | None"]:
    """Denoise, and say on standard error what is to be said."""
    from svhn_denoiser.denoising import flow, summary
    from svhn_denoiser.denoising.denoiser import Denoiser

    failures = [flow.Result(_as_named(failure.source), reason=failure.reason) for failure in plan.failures]
    for failure in failures:
        _say(f"error: {failure.source}: {failure.reason}")
    if not plan.jobs:
        return failures, None
    network = Denoiser.load(model, say=_say)
    _say(f"denoising with {network.about}")
    results = []
    look = {"look": page.add} if page is not None else {}
    for found in _shown(flow.denoise_files(plan.jobs, network, settings, **look), len(plan.jobs)):
        result = replace(found, source=_as_named(found.source))
        results.append(result)
        if result.reason is not None:
            _say(f"error: {result.source}: {result.reason}")
    for remark in summary.remarks(results, network.trained_noise, shipped=network.shipped):
        _say(f"note: {remark}")
    return failures + results, network


def _as_named(source: Path) -> Path:
    return Path(_PIPED.replace("-", " ")) if source.name == _PIPED else source


def _shown(results: Iterable["Result"], count: int) -> Iterator["Result"]:
    """Pass results on, with a line of progress where a person looks."""
    if not err.is_terminal:
        yield from results
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    with Progress(TextColumn("denoising"), *columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=count, speed="")
        begun, pixels = time.monotonic(), 0
        for result in results:
            pixels += result.pixels
            speed = pixels / 1e6 / max(time.monotonic() - begun, 1e-6)
            progress.update(task, advance=1, speed=f"{speed:.1f} megapixels/s")
            yield result


def _about(network: "Denoiser", strength: float) -> str:
    return f"Denoised with {network.about}{'' if strength == 1 else f', at strength {strength:g}'}."


def _print_json(results: list["Result"], network: "Denoiser | None", folder: Path, begun: float) -> None:
    from svhn_denoiser.denoising import summary

    done = sum(result.target is not None for result in results)
    noise = network.trained_noise if network else None
    print_json(
        {
            "model": network.name if network else None,
            "runtime": network.runtime if network else None,
            "trained_for": None if noise is None else {"kind": noise.kind, "strength": [noise.low, noise.high]},
            "output": str(folder),
            "denoised": done,
            "failed": len(results) - done,
            "seconds": round(time.monotonic() - begun, 3),
            "pictures": [summary.as_dict(result) for result in results],
        }
    )


def _say(sentence: str) -> None:
    typer.echo(in_one_line(sentence), err=True)
