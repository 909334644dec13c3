"""A process that folders and files without a right really refuse: root, too, as in a container."""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_DROP = 24  # PR_CAPBSET_DROP
_MAY_READ_AND_WRITE_EVERYTHING = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def without_privileges(command: Sequence[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that has no more rights than the owner of its files."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_", "PYTEST_"))}
    return subprocess.run(
        command,
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_drop if os.geteuid() == 0 else None,
    )


def _drop() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    for capability in _MAY_READ_AND_WRITE_EVERYTHING:
        library.prctl(_DROP, capability, 0, 0, 0)
