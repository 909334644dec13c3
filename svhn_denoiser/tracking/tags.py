"""Tags of runs: the code, settings and data of a training, and how it ended."""

import os
from collections.abc import Mapping

from svhn_denoiser.params import Params
from svhn_denoiser.paths import NOISY
from svhn_denoiser.tracking.lineage import dvc_hash, git_commit, git_dirty, params_hash

# the run that a training resumes, if that run is gone
RESUMED_FROM = "resumed_from"
# the run that a stand-in stands for
RESTORED_FROM = "restored_from"


def of_lineage(params: Params) -> dict[str, str]:
    """A model's lineage: git commit, settings, and DVC's hash of its training data.

    A tag that cannot be known (no git, no `dvc.lock` yet) is left out.
    """
    commit, dirty = git_commit(), git_dirty()
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


def of_training(params: Params, *, resumed: bool, more: Mapping[str, str]) -> dict[str, str]:
    """Tags of a training's run: where it comes from, its network, whether it was resumed, and `more`."""
    return {**of_lineage(params), "network": params.train.network, "resumed": "yes" if resumed else "no", **more}


def of_stand_in(run_id: str) -> dict[str, str]:
    """Tags of the run that stands for one in another store."""
    return {RESTORED_FROM: run_id, "git_commit": git_commit() or "unknown"}
