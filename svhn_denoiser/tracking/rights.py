"""What a server with accounts lets us do: which right a refused call needs, and which rights we lack.

MLflow's accounts give a user READ, EDIT or MANAGE on an experiment and on a registered model. EDIT on both does for
all that this project does: what needs MANAGE, such as deleting a version or a version's tag, is done without.
"""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from svhn_denoiser.credentials import PASSWORD, TOKEN, USERNAME
from svhn_denoiser.tracking.location import EXPERIMENT

if TYPE_CHECKING:
    from mlflow import MlflowClient

# the registered model has the experiment's name
_THINGS = {"experiment": f"the experiment {EXPERIMENT}", "model": f"the registered model {EXPERIMENT}"}
_ENDPOINT = re.compile(r"endpoint (\S+)")
# what reads, by the last part of an endpoint's path, and what only MANAGE may
_READS = ("get", "search", "list")
_MANAGES = {"model-versions/delete", "model-versions/delete-tag", "registered-models/delete", "runs/delete"}
_NOBODYS_TAG = "svhn-denoiser.asks-for-rights"


def status(error: BaseException) -> int | None:
    """The status that a server refused a request with; None where it is not known."""
    if hasattr(error, "get_http_status_code"):  # of MLflow
        return int(error.get_http_status_code())
    # of requests, for artifacts
    return getattr(getattr(error, "response", None), "status_code", None)


def refusal(error: BaseException) -> str | None:
    """What a server's refusal for want of a password (401) or a right (403) means, and what to do; None for others."""
    code = status(error)
    user, told = _user()
    if code == 401 and told is None:
        return f"it asks who you are. Set {USERNAME} and {PASSWORD}, or {TOKEN}."
    if code == 401:
        return f"it does not let {user} in. The password or token is wrong, or expired: look at {told}."
    if code == 403 and "Invalid Host header" in str(error):
        return "it does not answer to this name. Who runs it adds the name to MLFLOW_SERVER_ALLOWED_HOSTS."
    if code == 403:
        return (
            f"{user} may not do this: it needs {_wanted(str(error))}. Who has MANAGE there can give it; "
            f"docs/team-server.md has the rights."
        )
    return None


def missing(client: "MlflowClient", experiment_id: str) -> list[str]:
    """The rights that recording runs and registering models needs and that we lack, such as "EDIT on the experiment X".

    Nothing is changed to find out. What does not exist yet belongs to whoever makes it, and nothing is missing there.

    Raises:
        MlflowException, OSError: the server does not answer.
    """
    # deleting a tag needs the right that all writing needs, and of a tag that nobody has there is nothing to delete
    asked = {
        "experiment": lambda: experiment_id and client.delete_experiment_tag(experiment_id, _NOBODYS_TAG),
        "model": lambda: (
            client.get_registered_model(EXPERIMENT) and client.delete_registered_model_tag(EXPERIMENT, _NOBODYS_TAG)
        ),
    }
    return [f"EDIT on {_THINGS[thing]}" for thing, ask in asked.items() if _is_forbidden(ask)]


def lacks(rights: list[str]) -> str:
    """A sentence about rights that are missing."""
    return f"{_user()[0]} lacks {' and '.join(rights)}. Who has MANAGE there can give it; see docs/team-server.md."


def _is_forbidden(ask: Callable[[], Any]) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        ask()
    except MlflowException as error:
        if status(error) not in {403, 404}:
            raise
        return status(error) == 403
    return False


def _user() -> tuple[str, str | None]:
    # who we are for the server, and where that is set: MLflow takes a password before a token
    from mlflow.utils.credentials import read_mlflow_creds

    known = read_mlflow_creds()
    if known.username and known.password:
        place = f"{USERNAME} and {PASSWORD}" if os.environ.get(USERNAME) else "~/.mlflow/credentials"
        return f"the user {known.username}", place
    return ("this token", TOKEN) if os.environ.get(TOKEN) else ("a user without a name", None)


def _wanted(text: str) -> str:
    # MLflow does not say it, but names the endpoint: /api/2.0/mlflow/runs/create
    found = _ENDPOINT.search(text)
    path = found[1].partition("/mlflow/")[2].strip("'\"") if found else ""
    thing = "model" if path.startswith(("registered-models", "model-versions")) else "experiment"
    reads = path.rpartition("/")[2].startswith(_READS)
    right = "READ" if reads else "MANAGE" if path in _MANAGES else "EDIT"
    return f"{right} on {_THINGS[thing]}"
