"""Connect to MLflow's store: its lock, its experiment, and its errors as sentences."""

import logging
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from svhn_denoiser.credentials import masked
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.tracking import alive, artifacts, outbox, rights, sqlite_file
from svhn_denoiser.tracking.location import (
    EXPERIMENT,
    database_of,
    public_uri,
    store_exists,
    tracking_uri,
)

# read while MLflow is imported: nothing is reported to anybody, and a line is printed only when something is wrong
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

try:
    import mlflow
except ValueError as error:  # such as MLFLOW_LOGGING_LEVEL=loud
    raise DenoiserError(f"a variable of MLflow's in the environment is wrong (MLFLOW_…): {error}.") from error
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

# internal to MLflow: seen with 3.17, which pyproject.toml pins
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy.exc import SQLAlchemyError

# what is raised when a store refuses or is gone: by MLflow, by the database under it, and by the disk or the network
# for artifacts (an error of requests is an OSError), or by S3
REFUSALS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, *artifacts.refusals())

# they print what they raise, or try again, with a traceback or the whole request; it is said here, in words
for noisy in ("mlflow.store.db.utils", "urllib3.connectionpool"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)

# long enough for the migrations of a fresh store on a busy machine (4 s on two idle cores)
_LOCK_SECONDS = 120

# for a first request: a server that has slept, and its database, may need half a minute
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", _TIMEOUT: "30"}
_SECONDS_UNTIL_TOLD = 5.0


@dataclass(frozen=True)
class Store:
    """An MLflow store that was reached.

    Attributes:
        uri: its address, without credentials: those are in variables of the environment.
        client: talks to it.
        experiment_id: of the project's experiment; empty where there is none and none was to be made.
        artifacts: where the experiment's artifacts are; empty where there is none.
    """

    uri: str
    client: MlflowClient
    experiment_id: str
    artifacts: str = ""

    @property
    def name(self) -> str:
        """The address as people and files may see it: no credentials, and no path of this machine for its own store."""
        return public_uri(self.uri)

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine rather than a server."""
        return database_of(self.uri) is not None

    def lock(self) -> AbstractContextManager[object]:
        """Keep other processes of this machine from changing a local store; a server orders its requests itself."""
        return _lock(self.uri)


def connect(*, create: bool = True, deliver: bool = True) -> Store:
    """Reach the store; make it, and the experiment, where there is none.

    What trainings could not record there while it was away, or as they were killed, is sent, as far as it is taken.

    Args:
        create: whether to make what is missing; a command that only reads, perhaps without the right to write, does
            not.
        deliver: whether to send what is waiting for it.

    Raises:
        DenoiserError: the address is of a kind that is not supported, nothing answers there, it does not let us in, or
            the store is damaged, of another version of MLflow, or was moved; or, where it may be written to, a package
            for its artifacts is missing.
    """
    uri = tracking_uri()
    database = database_of(uri)
    if not create and not store_exists():
        raise DenoiserError(
            f"{database}: no MLflow store there yet. `svhn-denoiser runs sync` makes it and registers a model that is "
            f"here already, `dvc repro` trains one; or set MLFLOW_TRACKING_URI."
        )
    try:
        # six processes that open a fresh sqlite store at once: five crash in its migrations. Who makes nothing needs no
        # lock, and may not have the right to one
        with _lock(uri) if create else nullcontext(), impatience(), _waiting_is_told(uri):
            if database is not None:
                sqlite_file.prepare(database, create=create)
            # MLflow's registry on sqlite looks a model up at the global address, whatever the client's is
            mlflow.set_tracking_uri(uri)
            client = MlflowClient(uri)
            experiment = _experiment(client, database, create)
            store = Store(uri, client, "", "")
            if experiment is not None:
                store = Store(uri, client, str(experiment.experiment_id), str(experiment.artifact_location))
            if create:
                artifacts.require_plug_in(store.name, store.artifacts)
            if deliver:
                _deliver(store)
            return store
    except (*REFUSALS, ValueError) as error:  # a ValueError is about a setting of MLflow's in the environment
        raise DenoiserError(f"{public_uri(uri)}: {_unreached(error, database)}") from error


def _deliver(store: Store) -> None:
    for unsent in outbox.waiting():
        with suppress(*REFUSALS):
            if unsent.store == store.name:
                unsent.send(store.client)
    for sign in alive.left(store.name):
        with suppress(*REFUSALS):
            alive.end_if_dead(sign, store.client)


@contextmanager
def open_store() -> Iterator[Store]:
    """The store, for a command that reads, or promotes what is there: none is made, and errors are for people."""
    store = connect(create=False)
    with explained(store):
        yield store


def refused_credentials(error: DenoiserError) -> bool:
    """Whether `connect` failed because the server wants credentials, or others."""
    return error.__cause__ is not None and rights.status(error.__cause__) in {401, 403}


def is_not_there(error: MlflowException) -> bool:
    """Whether MLflow says that it does not have what was asked for; a name of the wrong form counts too."""
    return error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@contextmanager
def explained(store: Store) -> Iterator[None]:
    """Turn what MLflow raises in this block into an error for people.

    Raises:
        DenoiserError: MLflow refused something, or stopped answering.
    """
    try:
        yield
    except REFUSALS as error:
        raise DenoiserError(f"{store.name}: MLflow says: {in_words(error)}") from error


@contextmanager
def _lock(uri: str) -> Iterator[None]:
    database = database_of(uri)
    if database is None:
        yield
        return
    lock = FileLock(f"{database}.lock", timeout=_LOCK_SECONDS)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise DenoiserError(
            f"{database}.lock: another process has kept the store for {_LOCK_SECONDS} s. Wait for it, or end it."
        ) from None
    except OSError as error:
        raise DenoiserError(f"{database}: cannot be written: {error}.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def impatience() -> Iterator[None]:
    """In this block, give up after a minute on a server that does not answer, unless the user's settings say else."""
    # MLflow's patience (7 tries, two minutes each) is right for a training during which a server restarts, and wrong
    # for a first request to a server that is not there; what the user set holds
    ours = {key: value for key, value in _PATIENCE.items() if key not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key in ours:
            os.environ.pop(key, None)


@contextmanager
def _waiting_is_told(uri: str) -> Iterator[None]:
    # a slow server looks like a program that hangs
    def tell() -> None:
        sys.stderr.write(f"waiting for {public_uri(uri)}\n")
        sys.stderr.flush()

    timer = threading.Timer(_SECONDS_UNTIL_TOLD, tell)
    timer.daemon = True
    if database_of(uri) is None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _experiment(client: MlflowClient, database: Path | None, create: bool) -> Experiment | None:
    ours = None if database is None else database.parent / "mlartifacts"
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None and not create:
        return None
    if experiment is None:
        # on a server the artifacts are its own affair; here they must not follow the working folder
        location = None if ours is None else ours.as_uri()
        try:
            return client.get_experiment(client.create_experiment(EXPERIMENT, artifact_location=location))
        except MlflowException as error:
            experiment = client.get_experiment_by_name(EXPERIMENT)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise DenoiserError(
            f"the MLflow experiment {EXPERIMENT} was deleted. "
            f"Bring it back with `mlflow experiments restore --experiment-id {experiment.experiment_id}`."
        )
    if ours is not None:
        recorded = Path(local_file_uri_to_path(experiment.artifact_location))
        if recorded != ours and not recorded.exists():
            raise DenoiserError(
                f"{database}: was moved here. MLflow stores the path of every artifact, and these were in {recorded}: "
                f"move the store back, make {recorded} a link to {ours}, or delete {database} to start again."
            )
    return experiment


def _unreached(error: Exception, database: Path | None) -> str:
    if database is not None:
        return f"is not a usable MLflow store: {in_words(error)}"
    if rights.status(error) in {401, 403}:
        return in_words(error)
    remedy = "Start the server, mend MLFLOW_TRACKING_URI, or unset it to use mlflow.db in the repository."
    return f"no MLflow server answers there as expected: {in_words(error)} {remedy}"


def in_words(error: Exception) -> str:
    """What an error of MLflow's or of the database under it says and, where that is known, what to do about it."""
    if refusal := rights.refusal(error):
        return refusal
    remedy = sqlite_file.remedy(str(error)) or artifacts.remedy(error) or _more_time(error) or ""
    return f"{one_line(error)} {remedy}".rstrip()


def _more_time(error: Exception) -> str | None:
    if "timed out" not in str(error):
        return None
    given = os.environ.get(_TIMEOUT, _PATIENCE[_TIMEOUT])
    return f"It was given {given} s; a slow server gets more from {_TIMEOUT}={4 * int(given)}."


def one_line(error: Exception) -> str:
    """What an error of MLflow's says, as one sentence and without credentials."""
    # the first line says it; the rest is a stack of causes, and any of it may quote the address with its password
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "Max retries exceeded" in text and (cause := re.search(r"\[Errno -?\d+\] ([\w ]+)|([\w ]+ timed out)", text)):
        proxy = "the proxy of HTTP_PROXY or HTTPS_PROXY cannot be used: " if "ProxyError" in text else ""
        text = proxy + (cause[1] or cause[2]).strip()
    text = masked(re.sub(r"^\((sqlite3\.\w+|builtins\.\w+)\) ", "", text))
    return text if text.endswith(".") else f"{text}."
