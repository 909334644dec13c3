"""The program: as a process of its own, and in this one."""

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from svhn_denoiser import cli
from tests.example_settings import ROOT


def program(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `svhn-denoiser` in a folder, without what MLflow and DVC left in the environment."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    command = [sys.executable, "-m", "svhn_denoiser", *arguments]
    clean |= {"PYTHONPATH": str(ROOT), "COLUMNS": "120", **environment}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)


def invoke(*arguments: str) -> str:
    """The program in this process, which has imported MLflow and TensorFlow already; what it printed."""
    result = CliRunner(env={"COLUMNS": "120"}).invoke(cli.app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout
