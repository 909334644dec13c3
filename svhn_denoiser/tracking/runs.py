"""MLflow runs: one run a training, its curves, pictures, scores and report.

Nothing here keeps state in MLflow's "active run": a run is named by its id, so that stages, which are processes of
their own, write to the same one.
"""

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.dotted import as_text, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import write_json
from svhn_denoiser.params import Params
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking.lineage import dvc_hash, git_commit, lineage
from svhn_denoiser.tracking.location import EXPERIMENT
from svhn_denoiser.tracking.store import REFUSALS, Store, connect, impatience, one_line

# isort: split
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor


class TrainingRun:
    """A run that is being written to; made by :func:`training_run`."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve: loss, validation_psnr in dB, learning_rate, pictures_per_second; epochs from 1."""
        _log_metrics(self.store, self.run_id, metrics, epoch)

    def log_pictures(self, pictures: Mapping[str, NDArray[np.uint8] | bytes], step: int) -> None:
        """Pictures that the UI shows with a slider over the steps.

        Args:
            pictures: by name, uint8 (H, W, 3), (H, W) or the bytes of a picture file.
            step: the epoch.
        """
        for name, picture in pictures.items():
            image = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else Image.fromarray(picture)
            self.store.client.log_image(self.run_id, image, key=name, step=step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or change them."""
        self.store.client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])


@contextmanager
def training_run(
    params: Params,
    *,
    run_id: str | None = None,
    resumed: bool = False,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[TrainingRun]:
    """One training as one run: params, tags, the data set as its input, system metrics, and how it ended.

    The run ends FINISHED, FAILED on an error, or KILLED on Ctrl-C and on SIGTERM (a cancelled CI job).

    Args:
        params: all settings; each becomes a param under its dotted name.
        run_id: the run that an interrupted training left; it is gone on with if it still exists, else a new run says
            in its tag `resumed_from` which one it goes on from.
        resumed: whether the training goes on from a state on disk, whatever became of its run.
        name: the run's name; by default DVC's name of the experiment, else one that MLflow draws.
        tags: more tags, such as the device.

    Raises:
        DenoiserError: the store cannot be reached, or stops answering meanwhile.
    """
    store = connect()
    experiment = os.environ.get("DVC_EXP_NAME")
    data_hash = dvc_hash(NOISY)
    labels = {
        **lineage(params),
        "network": params.train.network,
        "resumed": "yes" if resumed else "no",
        **(tags or {}),
    }
    run: TrainingRun | None = None
    status = "FINISHED"
    try:
        existing = run_id if run_id and run_exists(store, run_id) else None
        if existing is None:
            if run_id:
                labels["resumed_from"] = run_id
            created = store.client.create_run(store.experiment_id, run_name=name or experiment, tags=labels)
            run = TrainingRun(store, created.info.run_id)
            store.client.log_batch(run.run_id, params=_settings(params))
            store.client.log_inputs(run.run_id, [_data_set(params.download.source, data_hash)])
        else:
            run = TrainingRun(store, existing)
            store.client.update_run(existing, status="RUNNING")
            run.set_tags(labels)
        monitor = SystemMetricsMonitor(run.run_id, resume_logging=existing is not None, tracking_uri=store.uri)
        monitor.start()
        try:
            with _sigterm_ends():
                yield run
        finally:
            with impatience():
                monitor.finish()
    except REFUSALS as error:
        status = "FAILED"
        raise DenoiserError(
            f"{store.name}: the MLflow store takes no more records: {one_line(error)} "
            f"Run the same command again when it answers."
        ) from error
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        if run is not None:
            # an error that is on its way out must not be hidden by one more about the run's status
            quietly = nullcontext() if status == "FINISHED" else suppress(*REFUSALS)
            with impatience(), quietly:
                store.client.set_terminated(run.run_id, status)


def run_exists(store: Store, run_id: str) -> bool:
    """Whether the store has that run, and nobody deleted it."""
    try:
        return bool(store.client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return False
        raise


def ensure_run(store: Store, run_id: str) -> str:
    """The run with that id, or a stand-in where this store never had it.

    DVC restores a trained model from its cache without training, so on another machine a result can name a run that
    is in another store. The stand-in has the tag `restored_from`, and there is at most one for each run.

    Returns:
        The id of the run to write to.
    """
    if run_exists(store, run_id):
        return run_id
    wanted = f"tags.restored_from = '{run_id}'"
    with store.lock():
        found = store.client.search_runs([store.experiment_id], wanted, ViewType.ACTIVE_ONLY, max_results=1)
        if found:
            return str(found[0].info.run_id)
        tags = {"restored_from": run_id, "git_commit": git_commit() or "unknown"}
        created = store.client.create_run(store.experiment_id, run_name=f"restored-{run_id[:8]}", tags=tags)
        store.client.set_terminated(created.info.run_id)
    return str(created.info.run_id)


def log_scores(store: Store, run_id: str, metrics: Mapping[str, Any]) -> None:
    """The final scores of reports/metrics.json as metrics of the run: few names, so that runs compare at a glance."""
    scores = {
        f"{group}.{score}": float(metrics[group][score])
        for group in ("noisy", "denoised", "gain")
        for score in ("psnr", "ssim")
    }
    _log_metrics(store, run_id, scores, step=0)


def log_report(store: Store, run_id: str, folder: Path) -> None:
    """Attach report.html and images/ of a folder of reports to the run, as far as they are there."""
    if (folder / "report.html").exists():
        store.client.log_artifact(run_id, str(folder / "report.html"), "reports")
    if (folder / "images").is_dir():
        store.client.log_artifacts(run_id, str(folder / "images"), "reports/images")


def write_run(path: Path, store: Store, run_id: str) -> None:
    """Write which run a training was, for the stages after it and for a result that DVC restores later."""
    write_json(path, {"experiment": EXPERIMENT, "run_id": run_id, "tracking_uri": store.name})


def _settings(params: Params) -> list[Param]:
    return [Param(key, as_text(value)) for key, value in flat(params.model_dump(by_alias=True)).items()]


def _data_set(source: str, data_hash: str | None) -> DatasetInput:
    # DVC has hashed the pictures already, and MLflow's own hash reads them all
    data = Dataset(
        name=source,
        digest=data_hash or "unversioned",
        source_type="local",
        source=json.dumps({"uri": NOISY.as_posix()}),
    )
    return DatasetInput(data, tags=[InputTag("mlflow.data.context", "training")])


def _log_metrics(store: Store, run_id: str, metrics: Mapping[str, float], step: int) -> None:
    now = int(time.time() * 1000)
    store.client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    # by default SIGTERM ends the process at once, and the run would be "running" for ever
    replace = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if replace:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        if replace:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
