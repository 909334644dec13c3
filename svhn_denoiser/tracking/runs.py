"""Runs in MLflow: finding one, and what the stages after the training add to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svhn_denoiser.files import write_json
from svhn_denoiser.paths import IMAGES, REPORT, REPORTS
from svhn_denoiser.tracking import outbox, rights
from svhn_denoiser.tracking.location import EXPERIMENT
from svhn_denoiser.tracking.store import Store, is_not_there
from svhn_denoiser.tracking.tags import COPIED_FROM, RESTORED_FROM, of_stand_in

# isort: split
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException

# metrics of a run, by name: what reports/metrics.json has of them
_SCORES = {f"{group}.{score}": (group, score) for group in ("noisy", "denoised", "gain") for score in ("psnr", "ssim")}


def run_exists(store: Store, run_id: str) -> bool:
    """Whether the store has that run, and nobody deleted it."""
    run = _found(store, run_id)
    return run is not None and run.info.lifecycle_stage == "active"


def known_of_run(store: Store, run_id: str) -> dict[str, str]:
    """A run's tags and its final scores, also where somebody deleted it; empty where it is gone for good.

    The scores are those of `log_scores`, as text: noisy_psnr and so on.
    """
    run = _found(store, run_id)
    if run is None:
        return {}
    data = run.data
    scores = {"_".join(path): repr(data.metrics[name]) for name, path in _SCORES.items() if name in data.metrics}
    return dict(data.tags) | scores


def ensure_run(store: Store, run_id: str) -> str:
    """The run with that id, its copy, or a stand-in where this store never had it.

    A run that `svhn-denoiser store copy` brought here has another id, and the tag `copied_from`. DVC restores a trained
    model from its cache without training, so on another machine a result can name a run that is in another store. The
    stand-in has the tag `restored_from`, and there is at most one for each run.

    Returns:
        The id of the run to write to.
    """
    if run_exists(store, run_id):
        return run_id
    with store.lock():
        for name in (COPIED_FROM, RESTORED_FROM):
            wanted = f"tags.{name} = '{run_id}'"
            found = store.client.search_runs([store.experiment_id], wanted, ViewType.ACTIVE_ONLY, max_results=1)
            if found:
                return str(found[0].info.run_id)
        created = store.client.create_run(
            store.experiment_id, run_name=f"restored-{run_id[:8]}", tags=of_stand_in(run_id)
        )
        store.client.set_terminated(created.info.run_id)
    return str(created.info.run_id)


def log_scores(store: Store, run_id: str, metrics: Mapping[str, Any]) -> None:
    """The final scores of reports/metrics.json as metrics of the run: few names, so that runs compare at a glance."""
    scores = {name: float(metrics[group][score]) for name, (group, score) in _SCORES.items()}
    outbox.send_record(store.client, run_id, {"metrics": scores, "step": 0, "at": outbox.now()})


def log_report(store: Store, run_id: str, folder: Path) -> None:
    """Attach report.html and images/ of a folder of reports to the run, as far as they are there."""
    page, images = folder / REPORT.name, folder / IMAGES.name
    if page.exists():
        store.client.log_artifact(run_id, str(page), REPORTS.as_posix())
    if images.is_dir():
        store.client.log_artifacts(run_id, str(images), IMAGES.as_posix())


def _found(store: Store, run_id: str) -> Run | None:
    try:
        return store.client.get_run(run_id)
    except MlflowException as error:
        # MLflow's accounts forbid a run that does not exist, so that nobody finds out what does
        if is_not_there(error) or rights.status(error) == 403:
            return None
        raise


def write_run(path: Path, store: Store, run_id: str, record: Mapping[str, Any]) -> None:
    """Write which run a training was, for the stages after it and for a result that DVC restores later.

    Args:
        path: reports/run.json.
        store: where the run is.
        run_id: which one.
        record: when it began, of which commit, data and settings.
    """
    named = {"experiment": EXPERIMENT, "run_id": run_id, "tracking_uri": store.name}
    write_json(path, named | {"training": dict(record)})
