"""What a name stands for: a version of the registry, a run, a git revision, a DVC experiment or a file."""

import datetime
from pathlib import Path

from svhn_denoiser.comparison import revisions
from svhn_denoiser.comparison.side import Side, described
from svhn_denoiser.denoising import models
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.paths import MODEL
from svhn_denoiser.tracking.location import repository_root, store_exists

WORKING_FOLDER = "workspace"

# those that stand for a version whatever else has that name
_ALIASES = ("champion", "challenger")
# a number of more digits is the beginning of a commit's id
_LONGEST_NUMBER = 6


def find(asked: str, folder: Path) -> Side:
    """The model that a name stands for.

    The first that there is of: `shipped`; `workspace`, what was trained last here; an address of MLflow's; a version's
    number, `champion`, `challenger`; a file; a git revision or a DVC experiment; another alias; the id of a run.

    Args:
        asked: the name.
        folder: where what has to be fetched is put; exists, and is empty.

    Raises:
        DenoiserError: there is nothing of that name, or its model cannot be had.
    """
    if asked.startswith(("models:/", "runs:/")):
        from svhn_denoiser.comparison import registered

        return registered.of_address(asked, folder)
    if asked in _ALIASES or (asked.isdecimal() and len(asked) <= _LONGEST_NUMBER):
        from svhn_denoiser.comparison import registered

        return registered.of_version(asked, asked, folder)
    if asked == WORKING_FOLDER:
        return revisions.of_working_folder(asked)
    if asked == "shipped" or Path(asked).suffix == ".keras" or Path(asked).is_file():
        return _of_file(asked, folder)
    commit = revisions.commit_of(asked)
    if commit is not None:
        return revisions.of_commit(asked, commit, folder)
    if store_exists():
        from svhn_denoiser.comparison import registered

        side = registered.other(asked, folder)
        if side is not None:
            return side
    raise DenoiserError(
        f"{asked}: is no file, no git revision or DVC experiment of this clone, and no version, alias or run of the "
        f"registry. `svhn-denoiser registry list` and `dvc exp show` list what there is."
    )


def _of_file(asked: str, folder: Path) -> Side:
    if asked != "shipped" and Path(asked).resolve() == (repository_root() / MODEL).resolve():
        return revisions.of_working_folder(asked)
    chosen = models.named(asked, folder)
    changed = datetime.datetime.fromtimestamp(chosen.file.stat().st_mtime, datetime.UTC)
    # of what comes with the package, the date is that of its installation
    facts = {} if asked == "shipped" else {"date": changed.isoformat(timespec="seconds")}
    return described(asked, chosen.name, chosen.file, noise=chosen.noise, facts=facts)
