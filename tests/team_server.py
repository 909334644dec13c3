"""A team's server with real parts, as docs/team-server.md sets it up: PostgreSQL, an S3, MLflow's accounts."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.example_settings import ROOT
from tests.mlflow_server import MlflowServer

ADMIN, MEMBER, READER = "admin", "member", "reader"
RIGHTS = {MEMBER: "EDIT", READER: "READ"}
# not written down: tests look for them where they must not be
PASSWORDS = {name: sha256(name.encode()).hexdigest()[:20] for name in (ADMIN, *RIGHTS)}
BUCKET = "team"
S3_KEYS = {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret-key", "AWS_DEFAULT_REGION": "us-east-1"}
NAME = "svhn-denoiser"


@dataclass
class TeamServer:
    """One that was started.

    Attributes:
        address: where it answers.
        database: of PostgreSQL, that it keeps runs and models in.
        accounts: whether it asks who one is.
        environment: what a machine needs to reach its artifacts, where it does not hand them on.
        touched: whether somebody may have changed the rights that tests begin with, or nobody gave them yet.
    """

    address: str
    database: str
    accounts: bool
    environment: dict[str, str]
    touched: bool = True

    def of(self, user: str) -> dict[str, str]:
        """The variables with which a user works on it."""
        ours = {"MLFLOW_TRACKING_URI": self.address, **self.environment}
        who = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": PASSWORDS[user]}
        return ours | (who if self.accounts else {})

    def empty(self) -> None:
        """Forget all runs and models; with accounts, make the experiment and the model, and give the rights on them."""
        import psycopg2

        with psycopg2.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute("select tablename from pg_tables where schemaname = 'public'")
            tables = {name for (name,) in cursor.fetchall()} - {"alembic_version", "workspaces"}
            cursor.execute(f"truncate {', '.join(sorted(tables))} restart identity cascade")
        connection.close()
        if self.accounts:
            # the same id each time, and rights are in a database of their own
            experiment = self._post("2.0/mlflow/experiments/create", name=NAME)["experiment_id"]
            self._post("2.0/mlflow/registered-models/create", name=NAME)
            for user, right in RIGHTS.items() if self.touched else ():
                self.grant(user, "experiment", experiment, right)
                self.grant(user, "registered_model", NAME, right)
            self.touched = False

    def grant(self, user: str, kind: str, identity: str, right: str) -> None:
        """Give a right to a user, in place of another."""
        self.touched = True
        what = {"username": user, "resource_type": kind, "resource_id": identity}
        self._post("3.0/mlflow/users/permissions/revoke", missing_ok=True, **what)
        self._post("3.0/mlflow/users/permissions/grant", permission=right, **what)

    def add_users(self) -> None:
        """Add those that tests work as."""
        for user in RIGHTS:
            self._post("2.0/mlflow/users/create", username=user, password=PASSWORDS[user])

    def _post(self, path: str, *, missing_ok: bool = False, **content: str) -> dict[str, str]:
        who = (ADMIN, PASSWORDS[ADMIN])
        got = requests.post(f"{self.address}/api/{path}", json=content, auth=who, timeout=None)
        assert got.ok or (missing_ok and "RESOURCE_DOES_NOT_EXIST" in got.text), got.text
        return dict(got.json())


@dataclass(frozen=True)
class AnyStore:
    """An empty store: of the repository's own, or a team's server."""

    team: TeamServer | None

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """In this block, do what people with all rights do, such as deleting a version."""
        with pytest.MonkeyPatch.context() as patch:
            if self.team is not None:
                self.team.touched = True
                set_variables(patch, self.team.of(ADMIN))
            yield


def set_variables(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set variables of the environment for as long as `patch` holds."""
    for name, value in variables.items():
        patch.setenv(name, value)


class TeamServers:
    """PostgreSQL and S3, and the servers before them, each started when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._servers: dict[str, TeamServer] = {}
        self._postgres: str | None = None
        self._s3 = ""

    def __call__(self, kind: str) -> TeamServer:
        """A server of a kind.

        Args:
            kind: `accounts` has MLflow's accounts, hands artifacts on to S3, and answers under a path; `direct` has no
                accounts, and leaves it to those who use it to reach S3.
        """
        if kind not in self._servers:
            self._servers[kind] = self._start(kind)
        return self._servers[kind]

    def _start(self, kind: str) -> TeamServer:
        database = self._database(kind)
        folder = self._folder / kind
        folder.mkdir()
        environment = {**S3_KEYS, "MLFLOW_S3_ENDPOINT_URL": self._s3}
        options = ["--backend-store-uri", _for_sqlalchemy(database)]
        if kind == "accounts":
            options += ["--artifacts-destination", f"s3://{BUCKET}/{kind}", "--app-name", "basic-auth"]
            settings = (ROOT / "deploy/basic_auth.ini").read_text()
            users = self._database("users")
            (folder / "basic_auth.ini").write_text(
                settings.replace(_for_sqlalchemy("postgresql:///mlflow_users"), _for_sqlalchemy(users))
            )
            environment |= {
                "MLFLOW_AUTH_CONFIG_PATH": f"{folder}/basic_auth.ini",
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORDS[ADMIN],
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-secret-of-the-server",
            }
        else:
            options += ["--no-serve-artifacts", "--default-artifact-root", f"s3://{BUCKET}/{kind}"]
        server = MlflowServer(folder, None, options, environment, prefix="/mlflow" if kind == "accounts" else "")
        self._stack.callback(server.kill)
        server.start()
        direct = {**S3_KEYS, "MLFLOW_S3_ENDPOINT_URL": self._s3}
        team = TeamServer(server.address, database, kind == "accounts", {} if kind == "accounts" else direct)
        if team.accounts:
            team.add_users()
        return team

    def _database(self, name: str) -> str:
        if self._postgres is None:
            self._s3 = self._stack.enter_context(s3())
            self._postgres = self._stack.enter_context(postgres())
        import psycopg2

        connection = psycopg2.connect(f"postgresql://mlflow@/postgres?host={self._postgres}")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name}")
        connection.close()
        return f"postgresql://mlflow@/{name}?host={self._postgres}"


def missing_parts() -> str | None:
    """Why there can be no such server here; None where there can."""
    if _programs() is None:
        return "no PostgreSQL here: install Debian's package postgresql, as .ci/run does"
    lacking = [name for name in ("psycopg2", "boto3", "moto", "flask_wtf") if find_spec(name) is None]
    return f"no {', '.join(lacking)} here: `make team-server`" if lacking else None


@contextmanager
def postgres() -> Iterator[str]:
    """The folder of the socket of a real PostgreSQL in a folder of its own, with the superuser `mlflow`."""
    programs = _programs()
    assert programs is not None
    # it refuses root, and another user may not enter the folders of pytest
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    who: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(folder, "nobody", "nogroup")
    made = ["--pgdata", f"{folder}/data", "--username", "mlflow", "--auth", "trust", "--no-sync", "--encoding", "UTF8"]
    # nothing here outlives a test
    quick = [part for name in ("fsync", "synchronous_commit", "full_page_writes") for part in ("-c", f"{name}=off")]
    command = [programs / "postgres", "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses=", *quick]
    try:
        with (folder / "log").open("wb") as log:
            out: dict[str, Any] = {"stdout": log, "stderr": log, "cwd": folder, **who}
            subprocess.run([programs / "initdb", *made], check=True, **out)
            process = subprocess.Popen(command, **out)
            try:
                while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.1)
                yield str(folder)
            finally:
                process.terminate()  # to PostgreSQL: when all have left
                process.send_signal(2)  # now
                process.wait()
    finally:
        shutil.rmtree(folder)


@contextmanager
def s3() -> Iterator[str]:
    """The address of an S3 of moto's with a bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        requests.put(f"{address}/{BUCKET}", timeout=None).raise_for_status()
        yield address
    finally:
        server.stop()


@contextmanager
def team_servers(folder: Path) -> Iterator[TeamServers]:
    """The servers, for a block; the tests are skipped where a part is missing."""
    if reason := missing_parts():
        pytest.skip(reason)
    with ExitStack() as stack:
        yield TeamServers(folder, stack)


def _for_sqlalchemy(address: str) -> str:
    # it would take another driver
    return address.replace("postgresql:", "postgresql+psycopg2:")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    folders += [Path(found).resolve().parent] if found else []
    needed = ("initdb", "postgres", "pg_isready")
    return next((folder for folder in folders if all((folder / name).exists() for name in needed)), None)
