"""`svhn-denoiser runs`: bring the store up to date."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import typer

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.terminal import AsJson, print_json

if TYPE_CHECKING:
    from svhn_denoiser.tracking.outbox import Sent

app = typer.Typer(help="The runs of trainings in MLflow.", no_args_is_help=True)


@app.callback()
def _runs() -> None:
    # with one command alone, Typer would leave out its name
    pass


@app.command("sync")
def runs_sync(as_json: AsJson = False) -> None:
    """Bring MLflow up to date with this checkout.

    Sends what trainings could not record while MLflow was away, marks runs KILLED whose training was killed, and
    registers the model in models/ if it is not known there: one trained elsewhere, that `dvc pull` brought.
    """
    from svhn_denoiser.registry.catching_up import catch_up
    from svhn_denoiser.tracking import alive, outbox
    from svhn_denoiser.tracking.store import REFUSALS, connect, impatience, in_words

    store = connect(deliver=False)
    sent: list[Sent] = []
    kept: list[str] = []
    elsewhere: list[str] = []
    for unsent in outbox.waiting():
        if unsent.store != store.name:
            elsewhere.append(unsent.store)
            continue
        try:
            with impatience():
                sent.append(unsent.send(store.client))
        except REFUSALS as error:
            kept.append(f"run {unsent.run_id}: {in_words(error)} It stays in {unsent.file}.")
    for sign in alive.left(store.name):
        try:
            with impatience():
                dead = alive.end_if_dead(sign, store.client)
        except REFUSALS as error:
            kept.append(f"run {sign.run_id}, whose training was killed: {in_words(error)}")
            continue
        if dead:
            of_it = next((one for one in sent if one.run_id == sign.run_id), outbox.Sent(sign.run_id))
            sent = [*(one for one in sent if one is not of_it), replace(of_it, ended="KILLED")]
    registered, said = (None, "") if kept else catch_up(store)
    if as_json:
        result = {"store": store.name, "sent": [asdict(one) for one in sent], "kept": kept, "elsewhere": elsewhere}
        print_json({**result, "registered": registered})
    else:
        typer.echo(_in_words(store.name, sent))
        for other in sorted(set(elsewhere)):
            typer.echo(f"{elsewhere.count(other)} waiting for {other}: set MLFLOW_TRACKING_URI to send there")
        if said:
            typer.echo(said)
    if kept:
        raise DenoiserError(f"{store.name}: does not take all: {' '.join(kept)}")


def _in_words(store: str, sent: "list[Sent]") -> str:
    if not sent:
        return f"{store}: nothing was waiting to be sent"
    points, pictures = sum(one.points for one in sent), sum(one.pictures for one in sent)
    said = f"{store}: sent {_count(points, 'point')} and {_count(pictures, 'picture')} of {_count(len(sent), 'run')}"
    killed = [
        f"run {one.run_id}: its training was killed; `dvc repro` goes on with it"
        for one in sent
        if one.ended == "KILLED"
    ]
    damaged = sum(one.damaged for one in sent)
    lost = [f"{_count(damaged, 'record')} could not be read from the disk, and was left out"] if damaged else []
    return "\n".join([said, *lost, *killed])


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
