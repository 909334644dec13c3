"""The program as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.example_settings import ROOT


def program(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `svhn-denoiser` in a folder, without what MLflow and DVC left in the environment."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    command = [sys.executable, "-m", "svhn_denoiser", *arguments]
    clean |= {"PYTHONPATH": str(ROOT), "COLUMNS": "120", **environment}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
