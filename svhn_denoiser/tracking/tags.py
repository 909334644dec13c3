"""Tags of runs: the code, settings and data of a training, and how it ended."""

import math
from collections.abc import Mapping
from contextlib import suppress

from svhn_denoiser.noise import in_words
from svhn_denoiser.params import Params
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking.lineage import dvc_hash, experiment, git_commit, git_dirty, params_hash, person
from svhn_denoiser.tracking.names import as_options, special_settings

# the run that a training resumes, if that run is gone
RESUMED_FROM = "resumed_from"
# the settings that differ from the committed ones, as `dvc exp run -S` reads them
SETTINGS = "settings"
# the run that a stand-in stands for
RESTORED_FROM = "restored_from"
# the run or model, in another store, that this one is a copy of
COPIED_FROM = "copied_from"


def of_lineage(params: Params) -> dict[str, str]:
    """A model's lineage: git commit, settings, and DVC's hash of its training data.

    A tag that cannot be known (no git, no `dvc.lock` yet) is left out.
    """
    commit, dirty = git_commit(), git_dirty()
    known = {
        "git_commit": commit,
        "git_dirty": None if dirty is None else ("yes" if dirty else "no"),
        "dvc_experiment": experiment(),
        "data_hash": dvc_hash(NOISY),
        "data_source": params.download.source,
        "params_hash": params_hash(params),
    }
    return {key: value for key, value in known.items() if value}


def of_training(params: Params, *, resumed: bool, more: Mapping[str, str]) -> dict[str, str]:
    """Tags of a training's run: where it comes from, its network, whether it was resumed, and `more`."""
    own = {"network": params.train.network, "noise": _noise(params), "resumed": "yes" if resumed else "no"}
    special = special_settings(params)
    if special:
        own[SETTINGS] = as_options(special)
    return {**of_lineage(params), **_of_mlflow(), **own, **more}


def _noise(params: Params) -> str:
    # all of it, as the version has it that is made of the run: two of the same words are the same noise
    noise = params.generate.noise
    return in_words(noise.kind, noise.strength, noise.read_sigma)


def number_in(tags: Mapping[str, str], name: str) -> float | None:
    """A number that a tag holds; None where there is none, as anybody may edit a tag."""
    with suppress(ValueError):
        number = float(tags.get(name, ""))
        return number if math.isfinite(number) else None
    return None


def of_stand_in(run_id: str) -> dict[str, str]:
    """Tags of the run that stands for one in another store."""
    return {RESTORED_FROM: run_id, "git_commit": git_commit() or "unknown", **_of_mlflow()}


def _of_mlflow() -> dict[str, str]:
    # MLflow's table shows "-" for the source of a run that lacks its name or its type, and nobody for its user
    commit = git_commit()
    tags = {"mlflow.user": person(), "mlflow.source.type": "LOCAL"}
    if commit is None:
        return {**tags, "mlflow.source.name": "no git commit"}
    changed = " with changes" if git_dirty() else ""
    return {**tags, "mlflow.source.name": f"{commit[:7]}{changed}", "mlflow.source.git.commit": commit}
