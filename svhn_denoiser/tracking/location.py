"""Where MLflow's store is, found without a request and without importing MLflow, which takes 3 s."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from svhn_denoiser.credentials import public_address, take_out
from svhn_denoiser.errors import DenoiserError

EXPERIMENT = "svhn-denoiser"

# a store of the repository's own, as `MLFLOW_TRACKING_URI` has it
OWN_STORE = "sqlite:///mlflow.db"

_URI = "MLFLOW_TRACKING_URI"
_REGISTRY = "MLFLOW_REGISTRY_URI"
_FILE = "sqlite:///"

# MLflow hands the path of a file on as an address: SQLAlchemy takes what follows a ? for options and decodes a %, and
# MLflow makes folders of the undecoded name
_NOT_IN_A_PATH = "?%"

# what begins the part of an address that MLflow's requests would go after
_NOT_OF_A_SERVER = "#?"

# with it, MLflow keeps a store by workspaces: what is there is not seen in another one
_WORKSPACES = "MLFLOW_ENABLE_WORKSPACES"

# where DVC copies a repository to for an experiment of its queue
_COPIES = Path(".dvc", "tmp")


def repository_root() -> Path:
    """The repository that runs belong to: the one around the working folder.

    DVC runs an experiment of the queue in a temporary copy that it deletes; `DVC_ROOT` then names the real repository.
    A `DVC_ROOT` that the working folder is no copy of, as that of another project, counts for nothing.
    """
    here = Path.cwd()
    around = next((folder for folder in (here, *here.parents) if _is_repository(folder)), here)
    anchor = os.environ.get("DVC_ROOT")
    real = Path(anchor).resolve() if anchor else around
    return real if around.resolve().is_relative_to((real / _COPIES).resolve()) else around


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else `mlflow.db` in the repository; a relative sqlite path is taken from there too.

    Credentials in it are moved to the variables that MLflow has for them: no library gets an address with a password.

    Raises:
        DenoiserError: the address is of a kind that is not supported or has a mistake in it, or `MLFLOW_REGISTRY_URI`
            names another place for the models.
    """
    if given := _normal(os.environ.get(_URI)):
        os.environ[_URI] = given
    take_out()
    uri = _normal(os.environ.get(_URI)) or OWN_STORE
    if problem := _problem(uri):
        raise DenoiserError(problem)
    address = _absolute(uri)
    # MLflow would take it without a word: models would be looked for, and registered, in another place than their runs
    if registry := _normal(os.environ.get(_REGISTRY)):
        if _absolute(public_address(registry)) != public_address(address):
            raise DenoiserError(
                f"{_REGISTRY} = {public_uri(registry)}: models are registered where their runs are, in "
                f"{public_uri(uri)}. Unset {_REGISTRY}, or set {_URI} to the same address."
            )
        os.environ[_REGISTRY] = address
    return address


def public_uri(uri: str) -> str:
    """An address without its credentials; a store in the repository relative to it."""
    database = database_of(uri)
    if database is not None:
        root = repository_root()
        return f"{_FILE}{database.relative_to(root) if database.is_relative_to(root) else database}"
    return public_address(uri)


def store_exists() -> bool:
    """Whether there is a store to connect to; a server counts as one, and a file with nothing in it does not.

    Raises:
        DenoiserError: as `tracking_uri`.
    """
    database = database_of(tracking_uri())
    return database is None or (database.exists() and database.stat().st_size > 0)


def database_of(uri: str) -> Path | None:
    """The file of a sqlite store; None for a server."""
    if not uri.startswith(_FILE):
        return None
    return repository_root() / uri.removeprefix(_FILE)


def _is_repository(folder: Path) -> bool:
    return (folder / ".dvc").is_dir() or (folder / ".git").exists()


def _normal(uri: str | None) -> str:
    # a scheme may be written in any case
    scheme, colon, rest = (uri or "").strip().partition(":")
    return f"{scheme.lower()}{colon}{rest}"


def _absolute(uri: str) -> str:
    database = database_of(uri)
    return uri if database is None else f"{_FILE}{database}"


def _problem(uri: str) -> str | None:
    database = database_of(uri)
    if database is not None:
        return _problem_of_file(uri, database)
    if not uri.startswith(("http://", "https://")):
        return (
            f"{_URI} = {public_uri(uri)}: expected the address of an MLflow server (http:// or https://) or "
            f"{_FILE}FILE."
        )
    try:
        parts = urlsplit(uri)
        # the port is read only when it is asked for
        well_formed = bool(parts.hostname) and " " not in parts.netloc and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        return f"{_URI} = {public_uri(uri)}: is no address. Expected http://HOST:PORT."
    # as a browser shows it: http://HOST:PORT/#/experiments/1
    if sign := next((sign for sign in _NOT_OF_A_SERVER if sign in uri), None):
        return f"{_URI} = {public_uri(uri)}: is the address of a page. Leave out the {sign} and all after it."
    return None


def _problem_of_file(uri: str, database: Path) -> str | None:
    given = uri.removeprefix(_FILE)
    if "?" in given:
        return f"{_URI} = {public_uri(uri)}: options of a file are not taken. Leave out the ? and all after it."
    if given.startswith("~"):
        return f"{_URI} = {public_uri(uri)}: ~ stands for no folder here. Write it out: {_FILE}/home/…."
    if os.environ.get(_WORKSPACES, "").strip().lower() in {"true", "1"}:
        return f"{_WORKSPACES} = {os.environ[_WORKSPACES]}: a store in a file is kept without workspaces. Unset it."
    if given in {"", ":memory:"} or given.endswith("/") or database.is_dir():
        return f"{_URI} = {public_uri(uri)}: names no file. Expected {_FILE}FILE."
    found = next((f"with a {sign} in it" for sign in _NOT_IN_A_PATH if sign in str(database)), None)
    try:
        str(database).encode()
    except UnicodeEncodeError:  # bytes of a name that are no text
        found = "that is not UTF-8"
    if found is not None:
        return (
            f"{database}: MLflow cannot keep a store in a path {found}. Rename the folder, or set {_URI} to a server "
            f"or to a file elsewhere."
        )
    return None
