"""A real MLflow server on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


class MlflowServer:
    """A real MLflow server that can be killed and started again at one address.

    Args:
        folder: for its log, and for all that it keeps, unless `options` say otherwise.
        empty_database: a store to begin with; None where `options` name one.
        options: of `mlflow server`, instead of a store in the folder.
        environment: variables for it.
        prefix: the path that it answers under.
    """

    def __init__(
        self,
        folder: Path,
        empty_database: Path | None,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        prefix: str = "",
    ) -> None:
        self.folder = folder
        if empty_database is not None:
            shutil.copy(empty_database, folder / "mlflow.db")
        own = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
        self.options = [*(options or own), *(["--static-prefix", prefix] if prefix else [])]
        self.environment = environment or {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}{prefix}"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, without waiting."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", *self.options]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        # six more processes, of 240 MB each, for jobs that nothing here asks for
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment | self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.begin()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        _wait_for(f"{self.address}/health", self.process, self.folder / "log")

    def kill(self) -> None:
        """Kill it with all its processes; nothing if it does not run."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def mlflow_server(folder: Path, empty_database: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a real MLflow server on loopback, for a block; `settings` are variables that it gets."""
    server = MlflowServer(folder, empty_database, environment=settings)
    try:
        server.start()
        yield server.address
    finally:
        server.kill()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    # no deadline: on a loaded machine it starts slowly, and if it cannot start, it ends
    while process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=30).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the MLflow server did not start:\n{log.read_text()}")
