"""MLflow runs: one run a training, its curves, pictures, scores and report.

Nothing here keeps state in MLflow's "active run": a run is named by its id, so that stages, which are processes of
their own, write to the same one.
"""

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
from svhn_denoiser.paths import IMAGES, NOISY, REPORT, REPORTS
from svhn_denoiser.tracking.lineage import dvc_hash
from svhn_denoiser.tracking.location import EXPERIMENT
from svhn_denoiser.tracking.store import REFUSALS, Store, connect, impatience, in_words, is_not_there
from svhn_denoiser.tracking.tags import RESTORED_FROM, RESUMED_FROM, of_stand_in, of_training

# isort: split
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

# internal to MLflow: seen with 3.17, which pyproject.toml pins
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor


class TrainingRun:
    """A run that is being written to; made by `training_run`."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve: loss, validation_psnr in dB, learning_rate, pictures_per_second; epochs from 1."""
        _log_metrics(self.store, self.run_id, metrics, epoch)

    def log_pictures(self, pictures: Mapping[str, NDArray[np.uint8]], step: int) -> None:
        """Pictures that the UI shows with a slider over the steps; what the run has already is not added again.

        Args:
            pictures: by name, uint8 (H, W, 3) or (H, W).
            step: the epoch.
        """
        # a training that was killed at its very end is published again, into the same run
        files = [file.path.rpartition("/")[2] for file in self.store.client.list_artifacts(self.run_id, "images")]
        for name, picture in pictures.items():
            # as MLflow 3.17 names them: NAME+step+STEP+timestamp+...
            if not any(file.startswith(f"{name}+step+{step}+") for file in files):
                self.store.client.log_image(self.run_id, Image.fromarray(picture), key=name, step=step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or change them."""
        self.store.client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])


@contextmanager
def training_run(
    params: Params,
    *,
    run_id: str | None = None,
    resumed: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[TrainingRun]:
    """One training as one run: params, tags, the data set as its input, system metrics, and how it ended.

    The run ends FINISHED, FAILED on an error, or KILLED on Ctrl-C and on SIGTERM (a cancelled CI job).

    Args:
        params: all settings; each becomes a param under its dotted name.
        run_id: the run of the interrupted training that is resumed. If the store still has it, this training goes on
            in it, else a new run names it in its tag `resumed_from`.
        resumed: whether the training resumes from a state on disk, even if its run is gone.
        tags: more tags, such as the device.

    Raises:
        DenoiserError: the store cannot be reached, or stops answering meanwhile.
    """
    store = connect()
    with _refusals_in_words(store):
        known = run_id is not None and run_exists(store, run_id)
        labels = of_training(params, resumed=resumed, more=tags or {})
        if run_id is not None and known:
            run = _reopened(store, run_id)
        else:
            labels |= {RESUMED_FROM: run_id} if run_id else {}
            run = _created(store, labels)
        with _status_at_the_end(run):
            if known:
                run.set_tags(labels)
            else:
                _describe(run, params)
            with _system_metrics(run, go_on=known), _sigterm_ends():
                yield run


def run_exists(store: Store, run_id: str) -> bool:
    """Whether the store has that run, and nobody deleted it."""
    try:
        return bool(store.client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if is_not_there(error):
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
    wanted = f"tags.{RESTORED_FROM} = '{run_id}'"
    with store.lock():
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
    scores = {
        f"{group}.{score}": float(metrics[group][score])
        for group in ("noisy", "denoised", "gain")
        for score in ("psnr", "ssim")
    }
    _log_metrics(store, run_id, scores, step=0)


def log_report(store: Store, run_id: str, folder: Path) -> None:
    """Attach report.html and images/ of a folder of reports to the run, as far as they are there."""
    page, images = folder / REPORT.name, folder / IMAGES.name
    if page.exists():
        store.client.log_artifact(run_id, str(page), REPORTS.as_posix())
    if images.is_dir():
        store.client.log_artifacts(run_id, str(images), IMAGES.as_posix())


def write_run(path: Path, store: Store, run_id: str) -> None:
    """Write which run a training was, for the stages after it and for a result that DVC restores later."""
    write_json(path, {"experiment": EXPERIMENT, "run_id": run_id, "tracking_uri": store.name})


def _reopened(store: Store, run_id: str) -> TrainingRun:
    store.client.update_run(run_id, status="RUNNING")
    return TrainingRun(store, run_id)


def _created(store: Store, labels: Mapping[str, str]) -> TrainingRun:
    # without a name, MLflow draws one
    name = os.environ.get("DVC_EXP_NAME")
    return TrainingRun(store, store.client.create_run(store.experiment_id, run_name=name, tags=labels).info.run_id)


def _describe(run: TrainingRun, params: Params) -> None:
    settings = [Param(key, as_text(value)) for key, value in flat(params.model_dump(by_alias=True)).items()]
    run.store.client.log_batch(run.run_id, params=settings)
    # DVC has hashed the pictures already, and MLflow's own hash reads them all
    data = Dataset(
        name=params.download.source,
        digest=dvc_hash(NOISY) or "unversioned",
        source_type="local",
        source=json.dumps({"uri": NOISY.as_posix()}),
    )
    training = InputTag("mlflow.data.context", "training")
    run.store.client.log_inputs(run.run_id, [DatasetInput(data, tags=[training])])


@contextmanager
def _refusals_in_words(store: Store) -> Iterator[None]:
    try:
        yield
    except REFUSALS as error:
        raise DenoiserError(
            f"{store.name}: the MLflow store takes no more records: {in_words(error)} "
            f"Run the same command again when it answers."
        ) from error


@contextmanager
def _status_at_the_end(run: TrainingRun) -> Iterator[None]:
    status = "FINISHED"
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        # an error about the run's status must not hide the error that is being raised
        quietly = nullcontext() if status == "FINISHED" else suppress(*REFUSALS)
        with impatience(), quietly:
            run.store.client.set_terminated(run.run_id, status)


@contextmanager
def _system_metrics(run: TrainingRun, *, go_on: bool) -> Iterator[None]:
    # MLflow's own class, but not in its documented interface, which measures only its "active run"
    monitor = SystemMetricsMonitor(run.run_id, resume_logging=go_on, tracking_uri=run.store.uri)
    monitor.start()
    try:
        yield
    finally:
        with impatience():
            monitor.finish()


def _log_metrics(store: Store, run_id: str, metrics: Mapping[str, float], step: int) -> None:
    now = int(time.time() * 1000)
    store.client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    # by default SIGTERM ends the process at once, and the run would stay "running" for ever
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
