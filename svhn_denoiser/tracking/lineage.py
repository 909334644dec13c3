"""Where a result comes from: the git commit, DVC's hash of the data, a hash of the settings."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params

LOCK_FILE = Path("dvc.lock")


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


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
