"""`svhn-denoiser denoise`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from svhn_denoiser.registry import chosen_model
from svhn_denoiser.terminal import err


def denoise(
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="PICTURES...", help="Files, and folders of them.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the denoised pictures.", file_okay=False)],
    model: Annotated[
        str | None, typer.Option(metavar="URI-OR-FILE", help=chosen_model.OPTION_HELP, show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier call.")] = False,
) -> None:
    """Denoise pictures of any size and mode; each keeps its name and becomes a PNG."""
    from svhn_denoiser.denoising import picture_files, tiles

    jobs = picture_files.plan(pictures, output)
    with chosen_model.choose(model) as chosen:
        from svhn_denoiser.networks.model_file import load_model

        if model is None:
            typer.echo(f"denoising with {chosen.name}", err=True)
        network = tiles.with_model(load_model(chosen.file))
    failures = 0
    results = picture_files.denoise_files(jobs, network, overwrite=overwrite)
    for result in track(results, "denoising", len(jobs), console=err, transient=True, disable=not err.is_terminal):
        if result is not None:
            failures += 1
            typer.echo(f"error: {result.source}: {result.reason}", err=True)
    typer.echo(f"{len(jobs) - failures} of {len(jobs)} pictures denoised into {output}")
    if failures:
        raise typer.Exit(1)
