"""Where a result comes from: the git commit, DVC's hash of the data, a hash of the settings."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params
from svhn_denoiser.paths import DVC_LOCK, NOISY


def lineage(params: Params) -> dict[str, str]:
    """Where a model comes from, as tags: git commit, settings, and DVC's hash of the data it learns from.

    A tag that cannot be known (no git, no `dvc.lock` yet) is left out.
    """
    commit = git_commit()
    dirty = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":(exclude){DVC_LOCK}")
    known = {
        "git_commit": commit,
        # what the UI's column "Source" shows
        "mlflow.source.git.commit": commit,
        "git_dirty": None if dirty is None else ("yes" if dirty else "no"),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "data_hash": dvc_hash(NOISY),
        "data_source": params.download.source,
        "params_hash": params_hash(params),
    }
    return {key: value for key, value in known.items() if value}


def dvc_hash(out: Path, lock: Path = DVC_LOCK) -> str | None:
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
    hashes = (
        entry.get("md5") for stage in stages for entry in stage.get("outs", ()) if entry.get("path") == out.as_posix()
    )
    found = next(hashes, None)
    return str(found).removesuffix(".dir") if found else None


def params_hash(params: Params) -> str:
    """An md5 of all settings, whatever the order and the comments of the file they stand in."""
    text = json.dumps(params.model_dump(by_alias=True), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def git_commit() -> str | None:
    """The commit the code stands at; under `dvc exp run`, the one the experiment began from."""
    return os.environ.get("DVC_EXP_BASELINE_REV") or _git("rev-parse", "HEAD")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
