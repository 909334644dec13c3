"""One training as one MLflow run: what it records on its way, and how it ended.

Nothing here keeps state in MLflow's "active run": a run is named by its id, so that stages, which are processes of
their own, write to the same one.
"""

import json
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.dotted import as_text, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking import alive, artifacts, outbox, rights
from svhn_denoiser.tracking.lineage import dvc_hash
from svhn_denoiser.tracking.names import run_name, special_settings
from svhn_denoiser.tracking.runs import run_exists
from svhn_denoiser.tracking.store import REFUSALS, Store, connect, impatience, in_words
from svhn_denoiser.tracking.tags import RESUMED_FROM, of_training

# isort: split
from mlflow.entities import Dataset, DatasetInput, InputTag, Param
from mlflow.exceptions import MlflowException

# internal to MLflow: seen with 3.17, which pyproject.toml pins
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

# a store that is away is told once, by this module, and without the address that MLflow would quote
logging.getLogger(SystemMetricsMonitor.__module__).setLevel(logging.CRITICAL)

# how often a store that went away is asked again: each try may take seconds
_SECONDS_BETWEEN_TRIES = 60
# the tags that reports/run.json has, too
_LINEAGE = ("git_commit", "git_dirty", "dvc_experiment", "data_hash", "params_hash", "device", "precision")


class TrainingRun:
    """A run that is being written to; made by `training_run`.

    A store that goes away costs nothing: what it does not take is kept on disk, in order, and sent when it answers
    again, during the training, by the next command that reaches it, or by `svhn-denoiser runs sync`.
    """

    def __init__(self, store: Store, run_id: str, say: Callable[[str], object]) -> None:
        self.store = store
        self.run_id = run_id
        # when it began, of which commit, data and settings: for reports/run.json, as the store may go away
        self.record: dict[str, Any] = {}
        self.sign = alive.Sign(run_id, store.name)
        self._say = say
        self._outbox = outbox.of_run(run_id, store.name)
        self._asked_last = -math.inf

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve: loss, validation_psnr in dB, learning_rate, pictures_per_second; epochs from 1."""
        record = {"metrics": dict(metrics), "step": epoch, "at": outbox.now()}
        self._try(lambda: outbox.send_record(self.store.client, self.run_id, record), lambda: self._outbox.add(record))

    def log_missing(self, epochs: Mapping[int, Mapping[str, float]]) -> None:
        """Add the epochs that the run lacks: a training that was killed may have kept one that it did not log."""
        if not epochs:
            return
        name = next(iter(next(iter(epochs.values()))))
        known = {point.step for point in self.store.client.get_metric_history(self.run_id, name)}
        for epoch, metrics in epochs.items():
            if epoch not in known:
                self.log_epoch(epoch, metrics)

    def log_pictures(self, pictures: Mapping[str, NDArray[np.uint8]], step: int) -> None:
        """Pictures that the UI shows with a slider over the steps; what the run has already is not added again.

        Args:
            pictures: by name, uint8 (H, W, 3) or (H, W).
            step: the epoch.
        """
        for name, picture in pictures.items():
            image = Image.fromarray(picture)
            self._try(
                partial(outbox.send_picture, self.store.client, self.run_id, name, image, step),
                partial(self._outbox.add_picture, name, picture, step),
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or change them."""
        record = {"tags": dict(tags)}
        self._try(lambda: outbox.send_record(self.store.client, self.run_id, record), lambda: self._outbox.add(record))

    def end(self, status: str) -> None:
        """Say how the training ended: FINISHED, FAILED or KILLED."""
        record = {"status": status, "at": outbox.now()}
        self._asked_last = -math.inf
        self._try(lambda: outbox.send_record(self.store.client, self.run_id, record), lambda: self._outbox.add(record))
        if self._outbox.waiting:
            self._say(
                f"{self.store.name}: what it did not take of run {self.run_id} is kept in {self._outbox.file}, and "
                f"sent by the next command that reaches it, or by `svhn-denoiser runs sync`."
            )

    def _try(self, send: Callable[[], object], keep: Callable[[], object]) -> None:
        self.sign.beat()
        away = self._outbox.waiting
        if away and time.monotonic() - self._asked_last < _SECONDS_BETWEEN_TRIES:
            keep()
            return
        try:
            # in order: a run that has ended takes no more
            if away:
                self._outbox.send(self.store.client)
            send()
        except REFUSALS as error:
            self._asked_last = time.monotonic()
            if not away:
                self._say(f"{self.store.name}: takes no records now: {in_words(error)} The training goes on.")
            keep()


@contextmanager
def training_run(
    params: Params,
    *,
    run_id: str | None = None,
    resumed: bool = False,
    tags: Mapping[str, str] | None = None,
    say: Callable[[str], object] = print,
) -> Iterator[TrainingRun]:
    """One training as one run: params, tags, the data set as its input, system metrics, and how it ended.

    The run ends FINISHED, FAILED on an error, or KILLED on Ctrl-C and on SIGTERM (a cancelled CI job); where the
    process is killed on the spot, the next command that reaches the store marks it KILLED. Once it has begun, a store
    that goes away ends nothing.

    Args:
        params: all settings; each becomes a param under its dotted name.
        run_id: the run of the interrupted training that is resumed. If the store still has it, this training goes on
            in it, else a new run names it in its tag `resumed_from`.
        resumed: whether the training resumes from a state on disk, even if its run is gone.
        tags: more tags, such as the device.
        say: is told when the store goes away, and beforehand where it will not take the model.

    Raises:
        DenoiserError: the store cannot be reached, or does not take the beginning of a run.
    """
    store = connect()
    with impatience():
        with _refusals_in_words(store):
            if not store.is_local:
                _ask_for_rights(store, say)
            known = run_id is not None and run_exists(store, run_id)
            labels = of_training(params, resumed=resumed, more=tags or {})
            if run_id is None or not known:
                labels |= {RESUMED_FROM: run_id} if run_id else {}
                run_id = _created(store, params, labels)
        run = TrainingRun(store, run_id, say)
        with _status_at_the_end(run):
            with _refusals_in_words(store):
                run.record = _record(params, labels, int(store.client.get_run(run_id).info.start_time))
                if known:
                    store.client.update_run(run_id, status="RUNNING")
                    outbox.send_record(store.client, run_id, {"tags": labels})
                else:
                    _describe(run, params)
                if artifacts.are_written_by_us(store.artifacts):
                    # asked once before hours of training: are the credentials for it here, and is it there?
                    store.client.list_artifacts(run_id)
            with _system_metrics(run, go_on=known), _sigterm_ends():
                yield run


def _ask_for_rights(store: Store, say: Callable[[str], object]) -> None:
    lacking = rights.missing(store.client, store.experiment_id)
    if any("experiment" in right for right in lacking):
        raise DenoiserError(f"{store.name}: {rights.lacks(lacking)}")
    if lacking:
        say(f"{store.name}: {rights.lacks(lacking)} The training is recorded; the model cannot be registered.")


def _created(store: Store, params: Params, labels: Mapping[str, str]) -> str:
    # without a name, MLflow draws one
    name = run_name(params, special_settings(params))
    return str(store.client.create_run(store.experiment_id, run_name=name, tags=labels).info.run_id)


def _record(params: Params, labels: Mapping[str, str], started: int) -> dict[str, Any]:
    """What reports say of a training; the settings of the stages after it are theirs to tell."""
    own = {"evaluate", "register"}
    special = special_settings(params)
    return {
        # of the run, so that a training that is resumed or published again says the same
        "started": f"{datetime.fromtimestamp(started // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC",
        **{name: labels[name] for name in _LINEAGE if name in labels},
        "changed": special and {key: value for key, value in special.items() if key.split(".")[0] not in own},
        "settings": {name: part for name, part in params.model_dump(by_alias=True).items() if name not in own},
    }


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
    inputs = [DatasetInput(data, tags=[InputTag("mlflow.data.context", "training")])]
    try:
        run.store.client.log_inputs(run.run_id, inputs)
    except MlflowException as error:
        if rights.status(error) != 400:
            raise
        # of two trainings that bring the same new data at the same moment, the database refuses one; by now it has them
        run.store.client.log_inputs(run.run_id, inputs)


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
        run.sign.begin()
        yield
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        run.end(status)
        run.sign.end()


@contextmanager
def _system_metrics(run: TrainingRun, *, go_on: bool) -> Iterator[None]:
    # MLflow's own class, but not in its documented interface, which measures only its "active run"
    monitor = SystemMetricsMonitor(run.run_id, resume_logging=go_on, tracking_uri=run.store.uri)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


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
