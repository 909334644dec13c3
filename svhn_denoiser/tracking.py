"""MLflow runs: where the store is, one run a training, its scores and its report.

Nothing here keeps state in MLflow's "active run": a run is named by its id, so that stages, which are processes of
their own, write to the same one.
"""

import hashlib
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from PIL import Image
from requests import RequestException
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.json_files import write_json
from svhn_denoiser.params import Params

# read while MLflow is imported: nothing is reported to anybody, and a line is printed only when something is wrong
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.utils.file_utils import local_file_uri_to_path

EXPERIMENT = "svhn-denoiser"
LOCK_FILE = Path("dvc.lock")
RUN_FILE = Path("reports/run.json")

# what MLflow raises when a store refuses or is gone; artifacts of a server come by requests alone
_REFUSALS = (MlflowException, RequestException)

# long enough for the migrations of a fresh store on a busy machine (4 s on two idle cores)
_LOCK_SECONDS = 120


@dataclass(frozen=True)
class Store:
    """An MLflow store that was reached.

    Attributes:
        uri: its address, with credentials if it has any.
        client: talks to it.
        experiment_id: of the project's experiment; empty where there is none and none was to be made.
    """

    uri: str
    client: MlflowClient
    experiment_id: str

    @property
    def name(self) -> str:
        """The address as people and files may see it: no credentials, and no path of this machine for its own store."""
        return public_uri(self.uri)

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine rather than a server."""
        return _database(self.uri) is not None

    def lock(self) -> AbstractContextManager[object]:
        """Keep other processes of this machine from changing a local store; a server orders its requests itself."""
        return _lock(self.uri)


def root() -> Path:
    """The repository that runs belong to.

    DVC runs an experiment of the queue in a temporary copy that it deletes; `DVC_ROOT` then still names the real one.
    """
    if anchor := os.environ.get("DVC_ROOT"):
        return Path(anchor).resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if _is_repository(folder)), here)


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else `mlflow.db` in the repository; a relative sqlite path is taken from there too."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    database = _database(uri)
    return uri if database is None else f"sqlite:///{database}"


def public_uri(uri: str) -> str:
    """An address without its credentials; a store in the repository relative to it."""
    database = _database(uri)
    if database is not None:
        return f"sqlite:///{database.relative_to(root()) if database.is_relative_to(root()) else database}"
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def exists() -> bool:
    """Whether there is a store to connect to; a server counts as one."""
    database = _database(tracking_uri())
    return database is None or database.exists()


def connect(*, create: bool = True) -> Store:
    """Reach the store; make it, and the experiment, where there is none.

    Args:
        create: whether what is missing is made; who only reads, perhaps without the right to write, wants nothing made.

    Raises:
        DenoiserError: the address is of a kind that is not supported, nothing answers there, or the store is damaged,
            of another version of MLflow, or was moved.
    """
    uri = tracking_uri()
    database = _database(uri)
    if database is None and not uri.startswith(("http://", "https://")):
        raise DenoiserError(
            f"MLFLOW_TRACKING_URI = {public_uri(uri)}: expected the address of an MLflow server (http:// or https://) "
            f"or sqlite:///FILE."
        )
    if database is not None and not create and not exists():
        raise DenoiserError(f"{database}: no MLflow store there yet. `dvc repro` makes it, or set MLFLOW_TRACKING_URI.")
    try:
        # six processes that open a fresh sqlite store at once: five crash in its migrations
        with _lock(uri), _impatience():
            if database is not None:
                _probe(database)
            # MLflow's registry on sqlite looks a model up at the global address, whatever the client's is
            mlflow.set_tracking_uri(uri)
            client = MlflowClient(uri)
            return Store(uri, client, _experiment(client, database, create))
    except (MlflowException, sqlite3.Error) as error:
        where = "is no usable MLflow store" if database else "no MLflow server answers there as expected"
        remedy = (
            "Move the file away to begin a new one."
            if database
            else "Start the server, mend MLFLOW_TRACKING_URI, or unset it to use mlflow.db in the repository."
        )
        raise DenoiserError(f"{public_uri(uri)}: {where}: {_one_line(error, uri)} {remedy}") from error


def refused(error: DenoiserError) -> bool:
    """Whether :func:`connect` failed because the server wants credentials, or others."""
    cause = error.__cause__
    return isinstance(cause, MlflowException) and cause.get_http_status_code() in {401, 403}


def can_write(store: Store) -> bool:
    """Whether runs can be recorded in the store's experiment: found out by giving the experiment a tag."""
    try:
        store.client.set_experiment_tag(store.experiment_id, "recorded_by", EXPERIMENT)
    except _REFUSALS:
        return False
    return True


@contextmanager
def explained(store: Store) -> Iterator[None]:
    """Turn what MLflow raises in this block into an error for people.

    Raises:
        DenoiserError: MLflow refused something, or stopped answering.
    """
    try:
        yield
    except _REFUSALS as error:
        raise DenoiserError(f"{store.name}: MLflow says: {_one_line(error, store.uri)}") from error


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
    data_hash = dvc_hash("data/noisy")
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
            store.client.log_batch(run.run_id, params=[Param(*item) for item in flat(params).items()])
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
            with _impatience():
                monitor.finish()
    except _REFUSALS as error:
        status = "FAILED"
        raise DenoiserError(
            f"{store.name}: the MLflow store takes no more records: {_one_line(error, store.uri)} "
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
            quietly = nullcontext() if status == "FINISHED" else suppress(*_REFUSALS)
            with _impatience(), quietly:
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


def lineage(params: Params) -> dict[str, str]:
    """Where a model comes from, as tags: git commit, settings, and DVC's hash of the data it learns from.

    A tag that cannot be known (no git, no `dvc.lock` yet) is left out.
    """
    commit = git_commit()
    dirty = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":(exclude){LOCK_FILE}")
    known = {
        "git_commit": commit,
        # what the UI's column "Source" shows
        "mlflow.source.git.commit": commit,
        "git_dirty": None if dirty is None else ("yes" if dirty else "no"),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "data_hash": dvc_hash("data/noisy"),
        "data_source": params.download.source,
        "params_hash": params_hash(params),
    }
    return {key: value for key, value in known.items() if value}


def dvc_hash(out: str, lock: Path = LOCK_FILE) -> str | None:
    """The md5 that DVC recorded for an output, 32 hex digits; None where there is no `dvc.lock` or no such output.

    Raises:
        DenoiserError: `dvc.lock` cannot be read, as after a merge with conflicts.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except YAMLError as error:
        raise DenoiserError(
            f"{lock}: is no valid YAML. Delete it and run `dvc repro`, which writes it anew."
        ) from error
    stages = (tree or {}).get("stages", {}).values()
    hashes = (entry.get("md5") for stage in stages for entry in stage.get("outs", ()) if entry.get("path") == out)
    found = next(hashes, None)
    return str(found).removesuffix(".dir") if found else None


def params_hash(params: Params) -> str:
    """An md5 of all settings, whatever the order and the comments of the file they stand in."""
    text = json.dumps(params.model_dump(by_alias=True), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def flat(params: Params) -> dict[str, str]:
    """Settings under dotted names, as MLflow's params: `{"train.epochs": "30", ...}`."""
    return {key: _shown(value) for key, value in _leaves(params.model_dump(by_alias=True))}


def git_commit() -> str | None:
    """The commit the code stands at; under `dvc exp run`, the one the experiment began from."""
    return os.environ.get("DVC_EXP_BASELINE_REV") or _git("rev-parse", "HEAD")


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: Any) -> str:
    # as params.yaml writes it: true, null, [0.1, 0.2]
    return value if isinstance(value, str) else json.dumps(value)


def _data_set(source: str, data_hash: str | None) -> DatasetInput:
    # DVC has hashed the pictures already, and MLflow's own hash reads them all
    data = Dataset(
        name=source,
        digest=data_hash or "unversioned",
        source_type="local",
        source=json.dumps({"uri": "data/noisy"}),
    )
    return DatasetInput(data, tags=[InputTag("mlflow.data.context", "training")])


def _log_metrics(store: Store, run_id: str, metrics: Mapping[str, float], step: int) -> None:
    now = int(time.time() * 1000)
    store.client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _is_repository(folder: Path) -> bool:
    return (folder / ".dvc").is_dir() or (folder / ".git").exists()


def _database(uri: str) -> Path | None:
    # the file of a sqlite store
    if not uri.startswith("sqlite:///"):
        return None
    return root() / uri.removeprefix("sqlite:///")


@contextmanager
def _lock(uri: str) -> Iterator[None]:
    database = _database(uri)
    if database is None:
        yield
        return
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock", timeout=_LOCK_SECONDS):
            yield
    except Timeout:
        raise DenoiserError(
            f"{database}.lock: another process has kept the store for {_LOCK_SECONDS} s. Wait for it, or end it."
        ) from None
    except OSError as error:
        raise DenoiserError(f"{database}: cannot be written: {error}.") from error


def _probe(database: Path) -> None:
    # SQLAlchemy under MLflow would try for minutes to open a file that is no database
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("PRAGMA schema_version")


@contextmanager
def _impatience() -> Iterator[None]:
    # MLflow's patience (7 tries, two minutes each) is right for a training that meets a server's restart, and wrong for
    # the first word with a server that is not there; what the user set holds
    wanted = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
    ours = {key: value for key, value in wanted.items() if key not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key in ours:
            os.environ.pop(key, None)


def _experiment(client: MlflowClient, database: Path | None, create: bool) -> str:
    artifacts = None if database is None else database.parent / "mlartifacts"
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None and not create:
        return ""
    if experiment is None:
        # on a server the artifacts are its own affair; here they must not follow the working folder
        location = None if artifacts is None else artifacts.as_uri()
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location=location))
        except MlflowException as error:
            experiment = client.get_experiment_by_name(EXPERIMENT)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise DenoiserError(
            f"the MLflow experiment {EXPERIMENT} was deleted. "
            f"Bring it back with `mlflow experiments restore --experiment-id {experiment.experiment_id}`."
        )
    if artifacts is not None:
        recorded = Path(local_file_uri_to_path(experiment.artifact_location))
        if recorded != artifacts and not recorded.exists():
            raise DenoiserError(
                f"{database}: was moved here. MLflow keeps the place of every artifact, and these were in {recorded}: "
                f"move the store back, make {recorded} a link to {artifacts}, or delete {database} to begin anew."
            )
    return str(experiment.experiment_id)


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


def _one_line(error: Exception, uri: str) -> str:
    # the first line says it; the rest is a stack of causes, and any of it may quote the address with its password
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "Max retries exceeded" in text and (cause := re.search(r"\[Errno -?\d+\] ([\w ]+)|([\w ]+ timed out)", text)):
        text = (cause[1] or cause[2]).strip()
    credentials = urlsplit(uri).netloc.rpartition("@")[0]
    text = text.replace(f"{credentials}@", "") if credentials else text
    return text if text.endswith(".") else f"{text}."
