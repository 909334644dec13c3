"""Models of git revisions, of DVC's experiments and of the working folder: each with the settings that made it."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.causes import reason
from svhn_denoiser.comparison.side import Side, described
from svhn_denoiser.credentials import public_address
from svhn_denoiser.dotted import as_text, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.git import git
from svhn_denoiser.noise import in_words
from svhn_denoiser.params import parse
from svhn_denoiser.paths import DVC_LOCK, METRICS, MODEL, NOISY, PARAMS, RUN
from svhn_denoiser.tracking.lineage import dvc_hash, locked_settings
from svhn_denoiser.tracking.location import repository_root

_EXPERIMENTS = "refs/exps/"


def commit_of(name: str) -> str | None:
    """The commit that a branch, a tag, a commit's id or the name of a DVC experiment stands for; None for neither.

    Raises:
        DenoiserError: several experiments have that name.
    """
    if name.startswith("-"):
        return None
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except DenoiserError:
        pass
    try:
        lines = git("for-each-ref", "--format=%(objectname) %(refname)", _EXPERIMENTS).splitlines()
    except DenoiserError:
        return None
    # refs/exps/12/34567…/NAME: the name may hold no slash, and DVC's own marks are less deep
    refs = [line.split(" ", 1) for line in lines]
    found = {commit for commit, ref in refs if ref.count("/") == 4 and ref.rpartition("/")[2] == name}
    if len(found) > 1:
        raise DenoiserError(
            f"{name}: {len(found)} DVC experiments have that name. Give the commit: {', '.join(sorted(found))}."
        )
    return next(iter(found), None)


def of_commit(asked: str, commit: str, folder: Path) -> Side:
    """The model that a commit's pipeline made, from DVC's cache or its remote.

    Args:
        asked: the name that was given.
        commit: its whole id.
        folder: where the model is put.

    Raises:
        DenoiserError: the commit has no model, or neither cache nor remote gives it.
    """
    file = folder / MODEL.name
    _fetch(asked, commit, file)

    def read(path: Path) -> str | None:
        # what git has is read through DVC, too
        return _read(commit, path)

    lock = _read(commit, DVC_LOCK)
    locked = folder / DVC_LOCK.name
    if lock:
        locked.write_text(lock, encoding="utf-8")
    name = commit[:9] if commit.startswith(asked) else f"{asked} ({commit[:9]})"
    date = git("show", "--no-patch", "--format=%cI", commit)
    return _with_its_outs(asked, name, file, read, locked, {"commit": commit, "date": date})


def of_working_folder(asked: str) -> Side:
    """The model that lies in models/ of this repository, with what lies beside it.

    Raises:
        DenoiserError: there is none.
    """
    root = repository_root()
    if not (root / MODEL).is_file():
        raise DenoiserError(f"{asked}: there is no {MODEL} here. `dvc repro` makes it, `dvc pull` fetches it.")

    def read(path: Path) -> str | None:
        # a comment in another encoding is no reason to know nothing
        return (root / path).read_text(encoding="utf-8", errors="replace") if (root / path).is_file() else None

    return _with_its_outs(asked, f"the working folder's {MODEL}", root / MODEL, read, root / DVC_LOCK, {})


def _with_its_outs(
    asked: str, name: str, file: Path, read: Callable[[Path], str | None], lock: Path, facts: dict[str, str]
) -> Side:
    settings = _settings(read(PARAMS), lock)
    metrics, run = _json(read(METRICS)), _json(read(RUN))
    scores = metrics.get("denoised", {})
    known = {
        "run": run.get("run_id"),
        "network": settings.get("train.network"),
        "data": settings.get("download.source"),
    }
    return described(
        asked,
        name,
        file,
        noise=_noise(settings),
        facts=facts | known,
        settings={key: as_text(value) for key, value in settings.items()},
        recorded={key: float(scores[key]) for key in ("psnr", "ssim") if key in scores},
        data_hash=dvc_hash(NOISY, lock, seen_by="train"),
    )


def _settings(params: str | None, lock: Path) -> dict[str, Any]:
    try:
        # typed, as runs record them: 30 is 30.0 where a number of seconds is meant
        settings = flat(parse(params or "").model_dump(by_alias=True))
    except DenoiserError:  # of a release that had other settings
        settings = flat(_yaml(params))
    # params.yaml may be ahead of the results; dvc.lock says what they were made with
    locked = locked_settings(lock.read_text(encoding="utf-8", errors="replace")) if lock.is_file() else {}
    return settings | {key: value for key, value in locked.items() if settings.get(key) != value}


def _noise(settings: Mapping[str, Any]) -> str | None:
    kind, strength = settings.get("generate.noise.kind"), settings.get("generate.noise.strength")
    if kind is None or strength is None:
        return None
    return in_words(kind, strength, settings.get("generate.noise.read_sigma"))


def _fetch(asked: str, commit: str, file: Path) -> None:
    import dvc.api
    from dvc.exceptions import PathMissingError

    try:
        with (
            dvc.api.open(MODEL.as_posix(), repo=str(repository_root()), rev=commit, mode="rb") as model,
            file.open("wb") as target,
        ):
            shutil.copyfileobj(model, target)
    except PathMissingError as error:  # also where the remote cannot be reached
        raise DenoiserError(f"{asked}: {_not_there(commit)}") from error
    except Exception as error:  # DVC and each kind of remote raise errors of their own
        raise DenoiserError(
            f"{asked}: the {MODEL} of commit {commit[:9]} cannot be had: {reason(error)} `dvc fetch --all-commits` "
            f"has to work first."
        ) from error


def _not_there(commit: str) -> str:
    if MODEL.as_posix() not in (_read(commit, DVC_LOCK) or ""):
        return (
            f"commit {commit[:9]} records no {MODEL}: nobody trained and committed there. `dvc repro` in a checkout of "
            f"that commit trains it."
        )
    missing = f"the {MODEL} of commit {commit[:9]} is not in DVC's cache here, and"
    remote = _remote()
    if remote is None:
        return (
            f"{missing} no remote is set. Name the one that it was pushed to (`dvc remote add --default`), or train it "
            f"again with `dvc repro` in a checkout of that commit."
        )
    return (
        f"{missing} the remote {remote} does not give it: it cannot be reached, or nobody pushed the model there. "
        f"`dvc fetch --all-commits` tells which; `dvc push` where it was trained brings it there."
    )


def _remote() -> str | None:
    """Name and address of DVC's default remote, without credentials."""
    from dvc.repo import Repo

    with Repo(str(repository_root())) as repo:
        name = repo.config["core"].get("remote")
        return f"{name} ({public_address(repo.config['remote'][name]['url'])})" if name else None


def _read(commit: str, path: Path) -> str | None:
    import dvc.api

    try:
        return str(dvc.api.read(path.as_posix(), repo=str(repository_root()), rev=commit))
    except Exception:  # the commit is older than the file, or the remote has lost it
        return None


def _yaml(text: str | None) -> dict[str, Any]:
    try:
        tree = YAML(typ="safe", pure=True).load(text or "")
    except YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _json(text: str | None) -> dict[str, Any]:
    try:
        tree = json.loads(text or "{}")
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
