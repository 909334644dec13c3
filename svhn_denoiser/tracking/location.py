"""Where MLflow's store is, found without a request and without importing MLflow, which takes 3 s."""

import os
from pathlib import Path

from svhn_denoiser.credentials import public_address, take_out

EXPERIMENT = "svhn-denoiser"

# a store of the repository's own, as `MLFLOW_TRACKING_URI` has it
OWN_STORE = "sqlite:///mlflow.db"


def repository_root() -> Path:
    """The repository that runs belong to.

    DVC runs an experiment of the queue in a temporary copy that it deletes; `DVC_ROOT` then still names the real one.
    """
    if anchor := os.environ.get("DVC_ROOT"):
        return Path(anchor).resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if _is_repository(folder)), here)


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else `mlflow.db` in the repository; a relative sqlite path is taken from there too.

    Credentials in it are moved to the variables that MLflow has for them: no library gets an address with a password.
    """
    take_out()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or OWN_STORE
    database = database_of(uri)
    return uri if database is None else f"sqlite:///{database}"


def public_uri(uri: str) -> str:
    """An address without its credentials; a store in the repository relative to it."""
    database = database_of(uri)
    if database is not None:
        root = repository_root()
        return f"sqlite:///{database.relative_to(root) if database.is_relative_to(root) else database}"
    return public_address(uri)


def store_exists() -> bool:
    """Whether there is a store to connect to; a server counts as one."""
    database = database_of(tracking_uri())
    return database is None or database.exists()


def _is_repository(folder: Path) -> bool:
    return (folder / ".dvc").is_dir() or (folder / ".git").exists()


def database_of(uri: str) -> Path | None:
    """The file of a sqlite store; None for a server."""
    if not uri.startswith("sqlite:///"):
        return None
    return repository_root() / uri.removeprefix("sqlite:///")
