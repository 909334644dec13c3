"""A retraining's access to the registry: can it be reached, does it have a model, what would the gate decide.

Imports MLflow, and TensorFlow where a model is scored: only where they are needed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from svhn_denoiser import params as settings
from svhn_denoiser.credentials import user_of
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking.location import OWN_STORE

if TYPE_CHECKING:
    from svhn_denoiser.tracking.store import Store

_URI = "MLFLOW_TRACKING_URI"
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_WITHOUT = "--report-only does without."


@dataclass(frozen=True)
class Access:
    """What a retraining may do with the registry.

    Attributes:
        report_only: nothing may be registered.
        knows_champion: whether it can say who is champion; otherwise it is a new one in this checkout.
        takes_runs: whether trainings are recorded there; otherwise in this checkout's mlflow.db.
        note: a sentence about it for the report.
    """

    report_only: bool
    knows_champion: bool
    takes_runs: bool = True
    note: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the stages that are run: the address at which they record, where it is not the configured one.

        What this process asks the registry goes to the configured address all the same.
        """
        return {} if self.takes_runs else {_URI: OWN_STORE}


def access(report_only: bool, *, to_be_committed: bool = False) -> Access:
    """Find out what is allowed before training for hours.

    A server that asks for credentials where there are none makes a run that only reports, with a store of its own in
    this checkout: such is a fork, or a newcomer. One that refuses those there are is an error, as trainings whose
    results nobody gets would go unnoticed; so is one that does not answer, and one that lets us read only. A report
    does without either. Nothing is changed to find out.

    Args:
        report_only: nothing is to be registered.
        to_be_committed: the result goes into the history, so a report is not what is wanted.

    Raises:
        DenoiserError: the store cannot be reached, or refuses.
    """
    from svhn_denoiser.tracking import artifacts, rights
    from svhn_denoiser.tracking.location import public_uri, store_exists, tracking_uri
    from svhn_denoiser.tracking.store import connect, explained, refused_credentials

    name = public_uri(tracking_uri())
    try:
        if not store_exists():
            note = f"MLFLOW_TRACKING_URI is not set: the registry is {name}, new in this checkout."
            return Access(report_only, knows_champion=False, note=None if report_only else note)
        store = connect(create=False)
    except DenoiserError as error:
        refused, have = refused_credentials(error), _has_credentials(tracking_uri())
        if not report_only and refused and (have or to_be_committed):
            raise _refusal(error, have) from error
        if not report_only and not refused:
            raise
        unlike = "refuses these credentials" if have else "asks for credentials, and none are set"
        problem = unlike if refused else "does not answer"
        note = f"{name} {problem}: nothing is promoted, this only reports."
        return Access(report_only=True, knows_champion=False, takes_runs=False, note=note)
    with explained(store):
        lacking = [] if store.is_local else rights.missing(store.client, store.experiment_id)
    if not report_only:
        if lacking:
            raise DenoiserError(f"{name}: {rights.lacks(lacking)} {_WITHOUT}")
        artifacts.require_plug_in(name, store.artifacts)
    elif any("experiment" in right for right in lacking):
        note = f"{name} can only be read: the training is recorded in this checkout."
        return Access(report_only, knows_champion=True, takes_runs=False, note=note)
    return Access(report_only, knows_champion=True)


def problem(report_only: bool, *, to_be_committed: bool = False) -> str | None:
    """Why a retraining would be refused by the server before it trains; None where it would not, or there is no server.

    Args: as for `access`.
    """
    from svhn_denoiser.tracking.location import database_of, tracking_uri

    try:
        if database_of(tracking_uri()) is None:
            access(report_only, to_be_committed=to_be_committed)
    except DenoiserError as error:
        return str(error)
    return None


def _has_credentials(address: str) -> bool:
    # CI sets the variable of a secret that it does not have to nothing
    return user_of(address) != "" or any(os.environ.get(name) for name in CREDENTIALS)


def _refusal(error: DenoiserError, have: bool) -> DenoiserError:
    elsewhere = f" If {_URI} has credentials, look there too." if have else ""
    return DenoiserError(f"{error}{elsewhere} {_WITHOUT}")


def registered_elsewhere(registration: Mapping[str, Any]) -> str | None:
    """Why a model has to be registered although DVC takes that for done: another registry has it, as at a desk.

    Args:
        registration: what reports/registration.json of the commit says.
    """
    from svhn_denoiser.tracking.store import explained

    try:
        store = _store()
        if store is None:
            return None
        with explained(store):
            return _unknown_to(store, registration)
    except DenoiserError:
        # it is not needed for anything else now: a change of the documents must not fail for it
        return None


def out_of_date(registration: Mapping[str, Any]) -> str | None:
    """Why a verdict of an earlier registration holds no more: another registry gave it, or the champion has changed.

    Args:
        registration: what reports/registration.json says.

    Raises:
        DenoiserError: the store cannot be reached.
    """
    from svhn_denoiser.registry import versions
    from svhn_denoiser.tracking.store import explained

    store = _store()
    if store is None:
        return None
    with explained(store):
        unknown = _unknown_to(store, registration)
        champion = versions.champion(store)
    now, before = champion and champion.number, registration["champion_after"]
    return unknown or (None if now == before else f"the champion is version {now} now, and was {before}")


def reminders() -> list[str]:
    """A sentence for each version that passed the gate and waits for a person; none where the registry is away."""
    if settings.load().register_.promotion == "automatic":
        return []
    from svhn_denoiser.registry import versions
    from svhn_denoiser.tracking.store import explained

    try:
        store = _store()
        if store is None:
            return []
        with explained(store):
            waiting = [version.number for version in versions.versions(store) if version.waiting]
    except DenoiserError:
        # a reminder is not worth a failure
        return []
    return [f"Version {number} waits for a person: `svhn-denoiser registry promote {number}`." for number in waiting]


def _store() -> "Store | None":
    from svhn_denoiser.tracking.location import store_exists
    from svhn_denoiser.tracking.store import connect

    return connect(create=False) if store_exists() else None


def _unknown_to(store: "Store", registration: Mapping[str, Any]) -> str | None:
    from svhn_denoiser.tracking.runs import run_exists

    known = run_exists(store, registration["run_id"])
    return None if known else f"{store.name} does not have the model: it was registered elsewhere"


def would_decide(access: Access) -> dict[str, Any]:
    """What the gate would decide of the model in the working folder; nothing is registered.

    Where the champion is not known, the answer is never a promotion.
    """
    from svhn_denoiser import pairs
    from svhn_denoiser.registry import registration
    from svhn_denoiser.registry.trained import read_trained

    test = pairs.read(NOISY, "test")
    answer = registration.would_decide(settings.load(), read_trained(), test, ask_registry=access.knows_champion)
    if not access.knows_champion:
        unknown = "No registry could be asked: the champion is not known here."
        answer |= {"promoted": False, "waiting": False, "reasons": [*answer["reasons"], unknown]}
    return answer
