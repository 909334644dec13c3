"""Give somebody an account on a team's MLflow server, or another right: `python deploy/account.py NAME RIGHT`.

RIGHT is READ, EDIT or MANAGE, on the experiment and on the registered model `svhn-denoiser`; both are made where they
are missing. It is run by an administrator, whose MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD are set. A new account's password, 12 characters at least, is asked for, or read from standard
input. See docs/team-server.md.
"""

import getpass
import os
import sys
from typing import Any

import requests

NAME = "svhn-denoiser"
EXISTS, MISSING = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"


class Server:
    """MLflow's server, as the administrator."""

    def __init__(self) -> None:
        try:
            address, *self.who = (os.environ[f"MLFLOW_TRACKING_{name}"] for name in ("URI", "USERNAME", "PASSWORD"))
        except KeyError as error:
            raise SystemExit(
                f"{error.args[0]} is not set: whose account gives the right, and on which server?"
            ) from None
        # without the account that may stand in it, too: it is printed
        scheme, mark, rest = address.rstrip("/").partition("://")
        self.address = f"{scheme}{mark}{rest.rpartition('@')[2]}"

    def ask(self, method: str, path: str, *expected: str, **content: str) -> dict[str, Any]:
        """Its answer; empty where it is an error that was expected.

        Raises:
            SystemExit: it refuses, and says why, or it does not answer.
        """
        where = {"params": content} if method == "GET" else {"json": content}
        try:
            got = requests.request(method, f"{self.address}/api/{path}", auth=tuple(self.who), timeout=60, **where)  # type: ignore[arg-type]
        except requests.RequestException as error:
            raise SystemExit(f"{self.address}: no MLflow server answers there: {error}") from None
        if got.ok:
            return dict(got.json())
        code = (
            got.json().get("error_code") if got.headers.get("Content-Type", "").startswith("application/json") else ""
        )
        if code in expected:
            return {}
        raise SystemExit(f"{self.address}: {got.status_code}: {got.text.strip()}")


def main(user: str, right: str) -> None:
    """Make what is missing, and give the right."""
    server = Server()
    if not server.ask("GET", "2.0/mlflow/users/get", MISSING, username=user):
        password = getpass.getpass(f"Password of {user}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        server.ask("POST", "2.0/mlflow/users/create", username=user, password=password)
    server.ask("POST", "2.0/mlflow/experiments/create", EXISTS, name=NAME)
    server.ask("POST", "2.0/mlflow/registered-models/create", EXISTS, name=NAME)
    experiment = server.ask("GET", "2.0/mlflow/experiments/get-by-name", experiment_name=NAME)["experiment"]
    for kind, identity in (("experiment", experiment["experiment_id"]), ("registered_model", NAME)):
        what = {"username": user, "resource_type": kind, "resource_id": identity}
        server.ask("POST", "3.0/mlflow/users/permissions/revoke", MISSING, **what)
        server.ask("POST", "3.0/mlflow/users/permissions/grant", permission=right, **what)
    print(f"{user} has {right} on the experiment and the registered model {NAME} of {server.address}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in ("READ", "EDIT", "MANAGE"):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
