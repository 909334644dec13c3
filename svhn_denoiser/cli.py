"""The command line for people: `svhn-denoiser --help`.

What takes long to import (MLflow 3 s, TensorFlow 6 s) is imported by the command that needs it.
"""

import json
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from svhn_denoiser import chosen_model, stage
from svhn_denoiser import params as settings
from svhn_denoiser.chosen_model import open_store
from svhn_denoiser.drift.command import command as drift
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining.command import command as retrain

if TYPE_CHECKING:
    from svhn_denoiser.registry import Version

app = typer.Typer(
    help="Removes noise from pictures of house numbers, and looks after the models that do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
params_commands = typer.Typer(help="The settings of the pipeline.", no_args_is_help=True)
registry_commands = typer.Typer(help="The registered models: who is champion, and who was.", no_args_is_help=True)
app.add_typer(params_commands, name="params")
app.add_typer(registry_commands, name="registry")
app.command("retrain")(retrain)
app.command("drift")(drift)

_out = Console()
_err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
VersionName = Annotated[str, typer.Argument(metavar="VERSION", help="A number, `champion` or `challenger`.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]


def main() -> None:
    """Run the command line; an error for people is one line, and the exit code says whether all was done."""
    stage.run(app)


def _show_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(installed("svhn-denoiser"))
        except PackageNotFoundError:
            typer.echo("a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def scores(
    reports: Annotated[Path, typer.Argument(metavar="[REPORTS]", help="The folder `reports` of a run.")] = Path(
        "reports"
    ),
    as_json: AsJson = False,
) -> None:
    """What the last run reached, beside the noisy pictures and classical denoisers."""
    from svhn_denoiser.score_table import read_scores, score_table

    if as_json:
        _print_json(read_scores(reports))
    else:
        _out.print(score_table(reports))


@params_commands.command("check")
def params_check(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The settings.")] = settings.PARAMS_FILE,
) -> None:
    """Say whether the settings are fine, or all that is wrong with them."""
    settings.load(file)
    typer.echo(f"{file}: all settings are fine")


@params_commands.command("recipe")
def params_recipe(
    name: Annotated[str | None, typer.Argument(help="Which; without it, all are listed.", show_default=False)] = None,
) -> None:
    """Named settings: what `dvc exp run` is given for one, or what there is.

    `dvc exp run $(svhn-denoiser params recipe long)` runs the pipeline with one of them.
    """
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
    _out.print(table)


@registry_commands.command("list")
def registry_list(as_json: AsJson = False) -> None:
    """All versions, the newest first, with their scores on the test pictures of their time."""
    from svhn_denoiser import registry

    with open_store() as store:
        versions = registry.versions(store)
    if as_json:
        _print_json([version.as_dict() for version in versions])
    elif not versions:
        typer.echo(f"{store.name}: no version is registered yet; `dvc repro` registers one")
    else:
        _out.print(_table(versions))


@registry_commands.command("show")
def registry_show(name: VersionName, as_json: AsJson = False) -> None:
    """All that is known of a version: scores, lineage, and what became of it."""
    from svhn_denoiser import registry

    with open_store() as store:
        known = registry.find(store, name).as_dict()
    if as_json:
        _print_json(known)
        return
    tags = known.pop("tags")
    known["aliases"] = ", ".join(known["aliases"])
    for key, value in {**known, **tags}.items():
        if value not in (None, ""):
            typer.echo(f"{key:18} {value:.4f}" if isinstance(value, float) else f"{key:18} {value}")


@registry_commands.command("promote")
def registry_promote(name: VersionName, reason: Reason = "by hand") -> None:
    """Make a version champion, whatever the gate said."""
    from svhn_denoiser import registry

    with open_store() as store:
        version = registry.find(store, name)
        before = registry.champion(store)
        if before and before.number == version.number:
            typer.echo(f"version {version.number} is champion already")
            return
        try:
            registry.promote(store, version, over=before, by=registry.person(), reason=reason)
        except registry.ChampionChangedError:
            raise DenoiserError("another version became champion at this moment. Look at it, and try again.") from None
    replaced = f", in place of version {before.number}" if before else ""
    typer.echo(f"version {version.number} is now champion{replaced}")


@registry_commands.command("rollback")
def registry_rollback(reason: Reason = "by hand") -> None:
    """Make the version champion again that the champion replaced."""
    from svhn_denoiser import registry

    with open_store() as store:
        left, back = registry.rollback(store, by=registry.person(), reason=reason)
    typer.echo(f"version {back.number} is champion again, in place of version {left.number}")


@app.command()
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
    from svhn_denoiser import picture_files

    jobs = picture_files.plan(pictures, output)
    with chosen_model.choose(model) as chosen:
        from svhn_denoiser import inference

        if model is None:
            typer.echo(f"denoising with {chosen.name}", err=True)
        network = picture_files.with_model(inference.load_model(chosen.file))
    failures = 0
    results = picture_files.denoise_files(jobs, network, overwrite=overwrite)
    for result in track(results, "denoising", len(jobs), console=_err, transient=True, disable=not _err.is_terminal):
        if result is not None:
            failures += 1
            typer.echo(f"error: {result.source}: {result.reason}", err=True)
    typer.echo(f"{len(jobs) - failures} of {len(jobs)} pictures denoised into {output}")
    if failures:
        raise typer.Exit(1)


def _table(versions: "list[Version]") -> Table:
    # fits into 80 columns
    names = ("version", "aliases", "PSNR (dB)", "SSIM", "source", "run", "registered")
    table = Table(*names, box=box.SIMPLE_HEAD, pad_edge=False)
    for version in versions:
        psnr, ssim = version.score("psnr"), version.score("ssim")
        table.add_row(
            str(version.number),
            "\n".join(version.aliases),
            "" if psnr is None else f"{psnr:.2f}",
            "" if ssim is None else f"{ssim:.4f}",
            escape(version.tags.get("data_source", "")),
            version.run_id[:8],
            version.created[:10],
        )
    return table


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))
