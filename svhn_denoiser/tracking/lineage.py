"""The lineage of a result: git commit, DVC's hash of the data, a hash of the settings."""

import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.dotted import flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import characters
from svhn_denoiser.git import git
from svhn_denoiser.params import Params
from svhn_denoiser.paths import DVC_LOCK, PARAMS

LOCK_REMEDY = (
    f"Take back the committed one with `git checkout HEAD -- {DVC_LOCK}`; where none is committed, delete it: nothing "
    f"is lost, as DVC finds what was made in its run cache."
)


def experiment() -> str | None:
    """The name of the experiment of DVC's that this is part of; None outside of one, and in one of another project."""
    return os.environ.get("DVC_EXP_NAME") if _foreign_base() is None else None


def git_commit() -> str | None:
    """The commit the code stands at; under `dvc exp run`, the one the experiment began from. None without git."""
    base = os.environ.get("DVC_EXP_BASELINE_REV") if _foreign_base() is None else None
    return base or _git("rev-parse", "HEAD")


def git_dirty() -> bool | None:
    """Whether a tracked file differs from the commit.

    `dvc.lock` does not count, as each run writes it; nor does params.yaml in an experiment of DVC's, which changes it
    by `-S`: the run records every setting.
    """
    written = [DVC_LOCK, PARAMS] if experiment() else [DVC_LOCK]
    besides = [f":(exclude){file}" for file in written]
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *besides)
    return None if changed is None else bool(changed)


def person() -> str:
    """The user's name, to record who trained or decided."""
    try:
        return characters(getpass.getuser())
    except (OSError, KeyError):  # no such user in a container
        return "unknown"


def dvc_hash(path: Path, lock: Path = DVC_LOCK, *, seen_by: str | None = None) -> str | None:
    """The md5 that DVC recorded for an output, 32 hex digits; None where there is no `dvc.lock` or no such output.

    Args:
        path: the output.
        lock: DVC's record.
        seen_by: a stage: then what the output was as that stage's dependency when it ran last.

    Raises:
        DenoiserError: `dvc.lock` cannot be read, as after a merge with conflicts, or is empty.
    """
    if not lock.exists():
        return None
    with _damage_in_words(str(lock)):
        text = lock.read_text(encoding="utf-8")
        if not text.strip():
            raise DenoiserError(f"{lock}: is empty, as a full disk leaves it. {LOCK_REMEDY}")
        stages = _locked_stages(text)
        if seen_by is None:
            entries = [entry for stage in stages.values() for entry in stage.get("outs", ())]
        else:
            entries = stages.get(seen_by, {}).get("deps", ())
        found = next((entry.get("md5") for entry in entries if entry.get("path") == path.as_posix()), None)
    return str(found).removesuffix(".dir") if found else None


def locked_settings(lock: str) -> dict[str, Any]:
    """The settings that results were made with, by dotted name.

    Args:
        lock: the text of dvc.lock.

    Raises:
        DenoiserError: it is damaged.
    """
    found: dict[str, Any] = {}
    with _damage_in_words(str(DVC_LOCK)):
        for stage in _locked_stages(lock).values():
            found |= flat(stage.get("params", {}).get(str(PARAMS), {}))
    return found


def _locked_stages(text: str) -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe", pure=True).load(text).get("stages", {})
    return stages


@contextmanager
def _damage_in_words(name: str) -> Iterator[None]:
    try:
        yield
    # no text, no YAML, or a tree of another form
    except (YAMLError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DenoiserError(f"{name}: is damaged or has conflicts of a merge. {LOCK_REMEDY}") from error


def params_hash(params: Params) -> str:
    """An md5 of all settings but who promotes, whatever the order and the comments of the file they stand in."""
    settings = params.model_dump(by_alias=True, exclude={"register_": {"promotion"}})
    text = json.dumps(settings, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _foreign_base() -> str | None:
    # the environment may hold the variables of an experiment of another project: it began from a commit not known here
    base = os.environ.get("DVC_EXP_BASELINE_REV")
    if not base or _git("rev-parse", "HEAD") is None:
        return None
    return base if _git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None else None


def _git(*arguments: str) -> str | None:
    try:
        return git(*arguments)
    except DenoiserError:
        return None
