"""What a run is called: the settings that are special about it, and the experiment or branch that it belongs to."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from svhn_denoiser.dotted import as_argument, differences, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import characters
from svhn_denoiser.git import git
from svhn_denoiser.params import Params, parse
from svhn_denoiser.paths import PARAMS
from svhn_denoiser.tracking.lineage import experiment, git_commit

# branches that say nothing of a run
_MAIN = {"main", "master", "HEAD", ""}
# MLflow's table shows about 40 characters, and its column in the database holds 250
_LONGEST = 80


def special_settings(params: Params) -> dict[str, Any] | None:
    """The settings that differ from the committed params.yaml, by dotted name.

    Under `dvc exp run` that is the one of the commit that the experiment began from. None where there is no commit, or
    its settings cannot be read.
    """
    commit = git_commit()
    if commit is None:
        return None
    try:
        # `./`: from the working folder, which may be a folder of a larger repository
        before = parse(git("show", f"{commit}:./{PARAMS}"), f"{PARAMS} of {commit}")
    except DenoiserError:
        return None
    now = params.model_dump(by_alias=True)
    changed = differences(before.model_dump(by_alias=True), now)
    # in the order of params.yaml
    return {key: value for key, value in flat(now).items() if key in changed}


def run_name(params: Params, special: Mapping[str, Any] | None) -> str:
    """A name that tells runs apart: "width=24 epochs=51", "default", "brave-owl: width=24".

    Args:
        params: all settings.
        special: those that differ from the committed ones; None where that is not known.
    """
    group = experiment() or _branch()
    if special is None:
        return group or params.train.network
    if not special:
        return group or "default"
    short = _short_names(flat(params.model_dump(by_alias=True)))
    words = [f"{short[key]}={as_argument(value)}" for key, value in special.items()]
    settings = _shortened(words)
    return f"{group}: {settings}" if group else settings


def as_options(settings: Mapping[str, Any]) -> str:
    """Settings as `dvc exp run -S` reads them, quoted for a shell: `train.width=24 'noise_levels=[0.1,0.2]'`."""
    return " ".join(shlex.quote(f"{key}={as_argument(value)}") for key, value in settings.items())


def _short_names(keys: Iterable[str]) -> dict[str, str]:
    # the last part where no other setting has it, else with the part before it, and so on
    known = list(keys)
    ends = Counter(end for key in known for end in _ends(key))
    return {key: next(end for end in _ends(key) if ends[end] == 1) for key in known}


def _ends(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]


def _shortened(words: list[str]) -> str:
    told = list(words)
    while len(told) > 1 and len(" ".join(told)) > _LONGEST:
        told.pop()
    text = " ".join(told)[:_LONGEST]
    more = len(words) - len(told)
    return f"{text} and {more} more" if more else text


def _branch() -> str:
    try:
        name = characters(git("rev-parse", "--abbrev-ref", "HEAD"))
    except DenoiserError:
        return ""
    return "" if name in _MAIN else name
