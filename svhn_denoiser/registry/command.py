"""`svhn-denoiser registry`: list, show, promote, rollback."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.terminal import AsJson, out, print_json

if TYPE_CHECKING:
    from svhn_denoiser.registry.versions import Version

app = typer.Typer(help="List the registered models, and change the champion.", no_args_is_help=True)

VersionName = Annotated[str, typer.Argument(metavar="VERSION", help="A version number, `champion` or `challenger`.")]
NameOrWaiting = Annotated[
    str | None,
    typer.Argument(
        metavar="[VERSION]",
        help="A version number or `challenger`. Default: the version that passed the gate and waits for a person.",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option(help="The reason; stored with the version.")]


@app.command("list")
def registry_list(as_json: AsJson = False) -> None:
    """List all versions, newest first, with their scores on the test pictures of that time."""
    from svhn_denoiser.registry.versions import FIRST_VERSION, versions
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        found = versions(store)
    if as_json:
        print_json([version.as_dict() for version in found])
    elif not found:
        typer.echo(f"{store.name}: no version is registered yet. {FIRST_VERSION}")
    else:
        out.print(_table(found))
        for version in found:
            if version.waiting:
                typer.echo(f"version {version.number} passed the gate and waits: {_promote(version.number)}")


@app.command("show")
def registry_show(
    name: VersionName,
    card: Annotated[bool, typer.Option("--card", help="Print its model card, in Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything known about a version: scores, lineage and promotions; with --card, its model card."""
    from svhn_denoiser.registry import card_file
    from svhn_denoiser.registry.description import of_its_run
    from svhn_denoiser.registry.versions import find
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        version = find(store, name)
        known = version.as_dict()
        known["tags"] = of_its_run(store, version) | known["tags"]
        known["card"] = card_file.read(store, version) if card or as_json else None
    if as_json:
        print_json(known)
    elif card:
        if known["card"] is None:
            raise DenoiserError(
                f"version {version.number}: there is no card: an earlier release registered it, or its artifacts are "
                "out of reach. `registry show` without --card has what else is known."
            )
        typer.echo(known["card"], nl=False)
    else:
        typer.echo("\n".join(_lines(known)))


@app.command("promote")
def registry_promote(name: NameOrWaiting = None, reason: Reason = "by hand") -> None:
    """Make a version champion, whatever the gate decided; without a name, the one that waits for it."""
    from svhn_denoiser.registry import promotion, versions
    from svhn_denoiser.tracking.lineage import person
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        version = promotion.the_waiting(store) if name is None else versions.find(store, name)
        before = versions.champion(store)
        if before and before.number == version.number:
            typer.echo(f"version {version.number} is champion already")
            return
        try:
            promotion.promote(store, version, over=before, by=person(), reason=reason)
        except promotion.ChampionChangedError:
            raise DenoiserError("another version became champion in the meantime. Look at it, and try again.") from None
    replaced = f", in place of version {before.number}" if before else ""
    typer.echo(f"version {version.number} is now champion{replaced}")


@app.command("rollback")
def registry_rollback(reason: Reason = "by hand") -> None:
    """Restore the version that the champion replaced."""
    from svhn_denoiser.registry import promotion
    from svhn_denoiser.tracking.lineage import person
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        left, back = promotion.rollback(store, by=person(), reason=reason)
    typer.echo(f"version {back.number} is champion again, in place of version {left.number}")


def _promote(number: int) -> str:
    return f"svhn-denoiser registry promote {number} --reason WHY"


def _lines(known: dict[str, Any]) -> Iterator[str]:
    tags = known.pop("tags")
    # their tags say it in a line
    del known["promotion"], known["rollback"]
    known["aliases"] = ", ".join(known["aliases"])
    known["waiting"] = _promote(known["version"]) if known["waiting"] else ""
    for key, value in {**known, **tags}.items():
        if value not in (None, ""):
            yield f"{key:18} {value:.4f}" if isinstance(value, float) else f"{key:18} {value}"


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
