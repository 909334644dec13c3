"""A server that asks for a password gets it, and nobody else does."""

import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.registry import versions
from svhn_denoiser.tracking.store import connect
from svhn_denoiser.tracking.training_run import training_run
from tests.guard import guarded

# a raw % is what an escape begins with, and is decoded
PASSWORD = "7/" + string.punctuation + " 100%word"


@pytest.mark.parametrize("escaped", [False, True], ids=["raw", "escaped"])
def test_a_password_of_every_character_opens_the_server_and_is_in_no_address(
    repository: Path, settings: Params, server: str, monkeypatch: pytest.MonkeyPatch, escaped: bool
) -> None:
    with guarded(server, {"me": PASSWORD}) as address:
        written = quote(PASSWORD, safe="") if escaped else PASSWORD
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("://", f"://me:{written}@"))
        with training_run(settings) as run:
            run.log_epoch(1, {"loss": 0.5})
            run.log_pictures({"p": np.zeros((8, 8, 3), np.uint8)}, 1)
        assert run.store.uri == run.store.name == address
        with pytest.raises(DenoiserError, match=f"cannot be fetched from {address}") as error:
            versions.fetch(connect(), f"runs:/{run.run_id}/none", repository / "model")
    assert "word" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["registry", "list"],
        ["denoise", "a.png", "-o", "out"],
        ["denoise", "a.png", "-o", "out", "--model", "runs:/a/b"],
    ],
    ids=" ".join,
)
def test_no_command_shows_the_password_of_a_server_that_is_gone(repository: Path, arguments: list[str]) -> None:
    (repository / "a.png").write_bytes(b"")
    environment = {"MLFLOW_TRACKING_URI": f"http://me:{PASSWORD}@127.0.0.1:9"}
    command = [sys.executable, "-c", "from svhn_denoiser.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "http://127.0.0.1:9: no MLflow server answers there as expected" in done.stderr
    assert "word" not in done.stdout + done.stderr
