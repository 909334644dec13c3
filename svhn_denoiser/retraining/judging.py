"""The registry as a retraining meets it: is it there, does it know a model, what would its gate decide.

Imports MLflow, and TensorFlow where a model is scored: only where they are needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svhn_denoiser import params as settings
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.json_files import read_json


@dataclass(frozen=True)
class Access:
    """What may be done with the registry.

    Attributes:
        report_only: nothing may be registered.
        knows_champion: whether it can say who is champion; otherwise it is a new one in this checkout.
        note: what is to be said about it.
    """

    report_only: bool
    knows_champion: bool
    note: str | None = None


def access(report_only: bool) -> Access:
    """Find out what may be done before hours are spent on a training.

    A server that refuses makes a run that only reports, with a store of its own in this checkout: such is a fork, which
    has no credentials. A server that does not answer is an error, unless nothing is to be registered anyway.

    Raises:
        DenoiserError: the store cannot be reached.
    """
    from svhn_denoiser import tracking

    uri = tracking.tracking_uri()
    try:
        if tracking.exists():
            tracking.connect(create=False)
            return Access(report_only, knows_champion=True)
    except DenoiserError as error:
        refused = tracking.refused(error)
        if not refused and not report_only:
            raise
        tracking.use_local_store()
        problem = "asks for credentials that are not here" if refused else "does not answer"
        only_reports = f"{tracking.public_uri(uri)} {problem}: nothing is promoted, this only reports."
        return Access(report_only=True, knows_champion=False, note=only_reports)
    note = None if report_only else "MLFLOW_TRACKING_URI is not set: the registry is mlflow.db, new in this checkout."
    return Access(report_only, knows_champion=False, note=note)


def registered_elsewhere(registration: Mapping[str, Any]) -> str | None:
    """Why a model has to be registered although DVC takes that for done: another registry has it, as at a desk.

    Args:
        registration: what reports/registration.json of the commit says.
    """
    from svhn_denoiser import tracking

    try:
        if not tracking.exists():
            return None
        store = tracking.connect(create=False)
        with tracking.explained(store):
            known = tracking.run_exists(store, registration["run_id"])
    except DenoiserError:
        # it is not needed for anything else now: a change of the documents must not fail for it
        return None
    return None if known else f"{store.name} does not have the model: it was registered elsewhere"


def would_decide() -> dict[str, Any]:
    """What the gate would decide of the model in the working folder; nothing is registered."""
    from svhn_denoiser import pairs, registration

    trained = registration.Trained(
        model_file=Path("models/denoiser.keras"),
        run_id=read_json(Path("reports/run.json"))["run_id"],
        data_source=read_json(Path("data/raw/source.json"))["source"],
        scores=read_json(Path("reports/metrics.json")),
    )
    return registration.would_decide(settings.load(), trained, pairs.read(Path("data/noisy"), "test"))
