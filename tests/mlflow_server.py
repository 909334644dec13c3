"""A real MLflow server on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


class MlflowServer:
    """A real MLflow server that keeps all it has in a folder, and can be killed and started again at one address."""

    def __init__(self, folder: Path, empty_database: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.settings = folder, settings or {}
        shutil.copy(empty_database, folder / "mlflow.db")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", f"{self.folder}/artifacts"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        environment |= self.settings
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
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
    server = MlflowServer(folder, empty_database, settings)
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
