"""`svhn-denoiser ui`: the runs in MLflow's interface, opened where they compare at a glance."""

import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from svhn_denoiser.errors import DenoiserError

if TYPE_CHECKING:
    from svhn_denoiser.tracking.store import Store


def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to answer; 0: any free port.")] = 5000,
    host: Annotated[str, typer.Option(help="Which address to answer at; 0.0.0.0: all of this machine.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the first address in the browser.")] = True,
) -> None:
    """Compare the runs in MLflow's interface: best first, with what differs among them.

    For the store in the repository it starts MLflow's server, until Ctrl-C. Where MLFLOW_TRACKING_URI names a server,
    it only prints addresses there. --port and --host are for the server that it starts.
    """
    from svhn_denoiser.tracking.store import explained

    store = _store()
    saved = _saved(store)
    if not store.is_local:
        with explained(store):
            _show(store, store.name, saved=saved, browser=browser)
        return
    from svhn_denoiser.tracking.ui_server import served

    with suppress(KeyboardInterrupt), served(store.uri, host, port) as (address, running):
        with explained(store):
            _show(store, address, saved=saved, browser=browser)
        typer.echo("Ctrl-C ends the server.")
        code = running.wait()
        raise DenoiserError(
            f"MLflow's server ended by itself, with code {code}. Start it again with `svhn-denoiser ui`."
        )


def _store() -> "Store":
    from svhn_denoiser.tracking.location import EXPERIMENT
    from svhn_denoiser.tracking.store import connect

    # who may only read looks at what is there, too
    store = connect(create=False)
    if not store.experiment_id:
        raise DenoiserError(f"{store.name}: there is no experiment {EXPERIMENT} yet. `dvc repro` makes it.")
    return store


def _saved(store: "Store") -> bool:
    from svhn_denoiser.tracking import views
    from svhn_denoiser.tracking.store import REFUSALS, explained, in_words

    try:
        views.write(store)
    except REFUSALS as error:
        with explained(store):
            there = views.are_there(store)
        which = "these are older ones" if there else "this is MLflow's own page of runs"
        typer.echo(f"The views could not be saved, so {which}: {in_words(error)}", err=True)
        return there
    return True


def _show(store: "Store", base: str, *, saved: bool, browser: bool) -> None:
    from svhn_denoiser.tracking import views

    found = list(views.addresses(store, base, saved=saved))
    for name, address in found:
        typer.echo(f"{name}:\n  {address}")
    if browser:
        _open(found[0][1])


def _open(address: str) -> None:
    with suppress(webbrowser.Error):
        program = webbrowser.get()
        # a browser of the terminal would take it over
        if type(program) is not webbrowser.GenericBrowser:
            program.open(address)
