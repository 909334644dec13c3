"""Models of MLflow's registry and of its runs, with what the run knows of them."""

from collections.abc import Mapping
from pathlib import Path

from mlflow.exceptions import MlflowException

from svhn_denoiser.comparison.side import Side, described
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import versions
from svhn_denoiser.registry.versions import Version
from svhn_denoiser.tracking.runs import known_of_run
from svhn_denoiser.tracking.store import Store, is_not_there, open_store

# of a run's id, which has 32
_FEWEST_DIGITS = 8


def of_version(asked: str, name: str, folder: Path) -> Side:
    """A version by its number or alias.

    Raises:
        DenoiserError: there is no store, no such version, or its model cannot be fetched.
    """
    with open_store() as store:
        return _of_version(asked, store, versions.find(store, name), folder)


def of_address(asked: str, folder: Path) -> Side:
    """A model by an address of MLflow's: `models:/svhn-denoiser/3`, `models:/svhn-denoiser@champion`, `runs:/…`.

    Raises:
        DenoiserError: there is no store or no such model.
    """
    with open_store() as store:
        name = asked.removeprefix(f"models:/{versions.MODEL}").lstrip("/@")
        if ":" not in name:
            return _of_version(asked, store, versions.find(store, name), folder)
        file = versions.fetch(store, asked, folder)
        run_id = asked.removeprefix("runs:/").partition("/")[0] if asked.startswith("runs:/") else ""
        return _with_its_run(asked, asked, file, store, run_id, {}, {})


def other(asked: str, folder: Path) -> Side | None:
    """The version with an alias of somebody's own, or the one that a run became, by the first digits of its id.

    Returns:
        None where there is neither.

    Raises:
        DenoiserError: several runs begin so, or the run has no model.
    """
    with open_store() as store:
        known = versions.versions(store)
        found = [version for version in known if asked in version.aliases]
        if not found and _is_id(asked):
            made_by = (*(version.run_id for version in known), *(v.tags.get("also_made_by", "") for v in known))
            runs = {run_id for run_id in made_by if run_id.startswith(asked)}
            if len(runs) > 1:
                raise DenoiserError(
                    f"{asked}: {len(runs)} runs begin so. Give more digits of one of {', '.join(runs)}."
                )
            found = [v for v in known if runs & {v.run_id, v.tags.get("also_made_by", "")}]
            if not found and len(asked) == 32 and known_of_run(store, asked):
                raise DenoiserError(
                    f"{asked}: this run has no model in {store.name}: it was not registered, or its version is gone. "
                    f"`dvc repro register` registers what lies in the working folder."
                )
        return _of_version(asked, store, found[0], folder) if found else None


def _is_id(name: str) -> bool:
    return len(name) >= _FEWEST_DIGITS and not set(name) - set("0123456789abcdef")


def _of_version(asked: str, store: Store, version: Version, folder: Path) -> Side:
    file = versions.fetch(store, f"models:/{versions.MODEL}/{version.number}", folder)
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    recorded = {name: score for name in ("psnr", "ssim") if (score := version.score(name)) is not None}
    tags = {**version.tags, "date": version.created}
    name = f"version {version.number}{aliases}"
    return _with_its_run(asked, name, file, store, version.run_id, tags, recorded)


def _with_its_run(
    asked: str,
    name: str,
    file: Path,
    store: Store,
    run_id: str,
    tags: Mapping[str, str],
    recorded: Mapping[str, float],
) -> Side:
    known = {**(known_of_run(store, run_id) if run_id else {}), **tags}
    return described(
        asked,
        name,
        file,
        sha256=tags.get("sha256"),
        noise=known.get("noise"),
        facts={
            "commit": known.get("git_commit"),
            "date": known.get("date"),
            "run": run_id,
            "network": known.get("network"),
            "data": known.get("data_source"),
        },
        settings=_settings(store, run_id) if run_id else None,
        recorded=recorded,
        data_hash=known.get("data_hash"),
    )


def _settings(store: Store, run_id: str) -> dict[str, str]:
    try:
        return dict(store.client.get_run(run_id).data.params)
    except MlflowException as error:
        if is_not_there(error):
            return {}
        raise
