"""`svhn-denoiser store`: copy a store of MLflow's to another."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svhn_denoiser.credentials import ADDRESS, user_of
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.locks import waiting
from svhn_denoiser.paths import RESUME
from svhn_denoiser.terminal import AsJson, err, print_json
from svhn_denoiser.tracking.location import database_of, public_uri, repository_root, store_exists, tracking_uri

if TYPE_CHECKING:
    from svhn_denoiser.moving.inventory import Inventory
    from svhn_denoiser.tracking.store import Store

app = typer.Typer(help="The store of runs and models.", no_args_is_help=True)

To = Annotated[str, typer.Argument(metavar="TO", help="The address of an MLflow server, or sqlite:///FILE.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Copy nothing; say what would be copied.")]

# of an inventory's counts, by what they are called
_WORDS = {
    "runs": "runs",
    "points": "points of curves",
    "files": "files",
    "size": "bytes of files",
    "models": "models",
    "versions": "versions",
    "aliases": "aliases",
}
# no more of them are printed; `--json` has all
_MOST_DIFFERENCES = 10


@app.callback()
def _store() -> None:
    # with one command alone, Typer would leave out its name
    pass


@app.command("copy")
def store_copy(to: To, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Copy all runs, models, versions and aliases to another store, and compare what is there then.

    What is there already is not copied twice, so an interrupted copy goes on. The original stays as it is.
    """
    from svhn_denoiser.moving import differences, numbers
    from svhn_denoiser.moving.inventory import take
    from svhn_denoiser.tracking.store import explained

    with _one_at_a_time(), _address_kept():
        source, target = _stores(to, create=not dry_run)
        with explained(target):
            held, there = take(source, copies=False), take(target, copies=True)
            if problem := numbers.refusal(target, held, there):
                raise DenoiserError(problem)
            if not dry_run:
                there = _copied(source, target, held, there)
    lacking = differences.differences(held, there)
    shared = differences.in_common(held, there)
    result = {
        "from": source.name,
        "to": target.name,
        "dry_run": dry_run,
        "held": held.counts().as_dict(),
        "there": shared.counts().as_dict() | {"aliases": _same_aliases(held, there)},
        "differences": lacking,
    }
    if as_json:
        print_json(result)
    else:
        _print(result)
    if lacking and not dry_run:
        raise DenoiserError(f"{target.name}: is no whole copy. Run the same command again, or see to the above.")


def _copied(source: "Store", target: "Store", held: "Inventory", there: "Inventory") -> "Inventory":
    from svhn_denoiser.moving import numbers
    from svhn_denoiser.moving.copying import Copy
    from svhn_denoiser.moving.inventory import take

    copy = Copy(source, target, held, there)
    copy.copy(lambda text: err.print(text, markup=False, highlight=False))
    numbers.copy_versions(copy, held, there)
    return take(target, copies=True)


def _stores(to: str, *, create: bool) -> "tuple[Store, Store]":
    # where runs are recorded now, and where they are to go
    from svhn_denoiser.tracking.runs import run_exists
    from svhn_denoiser.tracking.store import connect, explained

    here = tracking_uri()
    if not store_exists():
        raise DenoiserError(f"{database_of(here)}: no MLflow store there, so there is nothing to copy.")
    if database_of(here) is None and user_of(to):
        raise DenoiserError(
            "both stores are servers, and MLflow knows one user at a time: leave the user out of the address, and give "
            "one that both know in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    source = connect(create=False)
    if not source.experiment_id:
        raise DenoiserError(f"{source.name}: holds no run of this project, so there is nothing to copy.")
    os.environ[ADDRESS] = to
    if not create and not store_exists():
        raise DenoiserError(
            f"{public_uri(to)}: no store there yet: everything would be copied. Leave out --dry-run to do it."
        )
    target = connect(create=create, deliver=False)
    with explained(target):
        known = source.client.search_runs([source.experiment_id], max_results=1)
        # a server may have two addresses
        if source.uri == target.uri or any(run_exists(target, run.info.run_id) for run in known):
            raise DenoiserError(
                f"{target.name}: is where runs are recorded now. To copy the store of the repository, unset {ADDRESS}; "
                f"to copy another, set it to that."
            )
    return source, target


@contextmanager
def _address_kept() -> Iterator[None]:
    # MLflow and `connect` find a store by this variable
    before = os.environ.get(ADDRESS)
    try:
        yield
    finally:
        os.environ.pop(ADDRESS, None)
        if before is not None:
            os.environ[ADDRESS] = before


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    # two at once would copy each run twice
    with waiting(repository_root() / RESUME / "store-copy.lock", lambda: err.print("waiting for another copy to end")):
        yield


def _same_aliases(held: "Inventory", there: "Inventory") -> int:
    return sum(there.aliases.get(alias) == number for alias, number in held.aliases.items())


def _print(result: Mapping[str, Any]) -> None:
    typer.echo(f"{result['from']} → {result['to']}" + (" (nothing was copied)" if result["dry_run"] else ""))
    for name, words in _WORDS.items():
        typer.echo(f"  {words:18} {result['there'][name]:>13,} of {result['held'][name]:,}")
    lacking = result["differences"]
    if not lacking:
        typer.echo(f"Everything is there. To use it: export {ADDRESS}={result['to']}")
    for line in [] if result["dry_run"] else lacking[:_MOST_DIFFERENCES]:
        typer.echo(f"  {line}")
    if not result["dry_run"] and len(lacking) > _MOST_DIFFERENCES:
        typer.echo(f"  and {len(lacking) - _MOST_DIFFERENCES} more")
