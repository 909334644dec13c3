"""MLflow's own server, started for one person who looks at the store of the repository."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from svhn_denoiser.credentials import masked
from svhn_denoiser.errors import DenoiserError

_SECONDS_TO_END = 10
# what may end a program that a person started in a terminal
_ENDINGS = (signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


@contextmanager
def served(store_uri: str, host: str, port: int) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Serve a store for the block; the server's address and process. It ends with the block, however that ends.

    Args:
        store_uri: of the store, `sqlite:////absolute/path`.
        host: the address of this machine to answer at.
        port: to answer at; 0 for any that is free.

    Raises:
        DenoiserError: the port is taken, or the server does not start.
    """
    port = _free(host, port)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store_uri]
    # one worker is enough for one person, and the jobs are those of judges of language models
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with TemporaryDirectory() as folder, _endings_raise():
        log = Path(folder, "log")
        with log.open("wb") as output:
            # a group of its own: Ctrl-C reaches this program alone, which then ends all of the server's processes
            running = subprocess.Popen(  # noqa: S603 - a command of this file
                command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            address = f"http://{_reachable(host)}:{port}"
            _wait_for(f"{address}/health", running, log)
            yield address, running
        finally:
            _end(running)


def _free(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            # as the server itself will: a port that was in use a moment ago is free
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            return int(tried.getsockname()[1])
    except (OSError, OverflowError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise DenoiserError(
            f"{host}, port {port}: no server can be started there: {told}. Name another port with --port "
            f"(`make ui PORT={port + 1}`)."
        ) from error


def _reachable(host: str) -> str:
    # where a browser of this machine finds a server that answers at all addresses
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - no address to bind to
    return f"[{name}]" if ":" in name else name


def _wait_for(address: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    # no deadline: a loaded machine takes minutes, and a server that cannot start ends
    while running.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=30).close()  # noqa: S310 - the server's own address
        except OSError:
            time.sleep(0.2)
        else:
            return
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise DenoiserError(f"MLflow's server did not start: {masked(last[0]) if last else 'it said nothing'}")


def _end(running: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, number)
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=_SECONDS_TO_END)
            return


@contextmanager
def _endings_raise() -> Iterator[None]:
    # by default they end this program at once, and the server would go on without it
    before = {number: signal.signal(number, lambda got, _: sys.exit(128 + got)) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
