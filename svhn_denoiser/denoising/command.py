"""`svhn-denoiser denoise`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from svhn_denoiser.registry import chosen_model
from svhn_denoiser.terminal import err


def denoise(
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="PICTURES...", help="Files and folders.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the denoised pictures.", file_okay=False)],
    model: Annotated[
        str | None, typer.Option(metavar="URI-OR-FILE", help=chosen_model.OPTION_HELP, show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that an earlier run wrote.")] = False,
) -> None:
    """Denoise pictures of any size and mode. Each keeps its name and becomes a PNG."""
    from svhn_denoiser.denoising import picture_files
    from svhn_denoiser.denoising.denoiser import Denoiser

    jobs = picture_files.plan(pictures, output)
    with chosen_model.choose(None) if model is None else nullcontext() as chosen:
        if chosen is not None:
            typer.echo(f"denoising with {chosen.name}", err=True)
        network = Denoiser.load(chosen.file if chosen else model, say=_say)
    failures = 0
    results = picture_files.denoise_files(jobs, network, overwrite=overwrite)
    for result in track(results, "denoising", len(jobs), console=err, transient=True, disable=not err.is_terminal):
        if result is not None:
            failures += 1
            typer.echo(f"error: {result.source}: {result.reason}", err=True)
    typer.echo(f"{len(jobs) - failures} of {len(jobs)} pictures denoised into {output}")
    if failures:
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    if err.is_terminal:
        err.print(sentence, style="dim", markup=False, highlight=False)
