"""`svhn-denoiser params`: the settings, checked, and the recipes."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from svhn_denoiser.paths import PARAMS
from svhn_denoiser.terminal import out

app = typer.Typer(help="Check the settings, and list the recipes.", no_args_is_help=True)


@app.command("check")
def params_check(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The settings file.")] = PARAMS,
) -> None:
    """Check the settings, and report every error at once."""
    # pydantic takes a tenth of a second, which every command would pay
    from svhn_denoiser import params as settings

    settings.load(file)
    typer.echo(f"{file}: all settings are fine")


@app.command("recipe")
def params_recipe(
    name: Annotated[str | None, typer.Argument(help="The recipe; default: list all.", show_default=False)] = None,
) -> None:
    """List the recipes, or print the options of one for `dvc exp run`.

    `dvc exp run $(svhn-denoiser params recipe long)` runs the pipeline with one of them.
    """
    from svhn_denoiser import params as settings
    from svhn_denoiser import recipes

    if name is not None:
        recipe = recipes.find(name)
        recipes.applied(settings.load(), name)  # refuses what params.yaml would refuse
        typer.echo(" ".join(recipe.options()))
        return
    table = Table("recipe", "for", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("differs in", no_wrap=True)
    for known, recipe in recipes.load().items():
        table.add_row(known, recipe.about, escape("\n".join(recipe.options()[1::2])))
    out.print(table)
