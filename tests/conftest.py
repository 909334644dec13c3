"""Parts that several tests share: settings, pictures, a store of MLflow's in a folder of its own, a real server."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import zoom

from svhn_denoiser import params
from tests.browser import Browser, browser
from tests.example_settings import EXAMPLE, ROOT
from tests.mlflow_server import mlflow_server
from tests.team_server import MEMBER, AnyStore, TeamServer, TeamServers, set_variables, team_servers


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Ctrl-C ends what tests start: a shell lets all that it runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Models that are prepared for the fast runtime are kept for the tests alone."""
    os.environ["SVHN_DENOISER_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def settings() -> params.Params:
    """The settings that tests begin with."""
    return params.load(EXAMPLE)


@pytest.fixture(scope="session")
def pictures() -> NDArray[np.uint8]:
    """240 smooth random colour pictures, uint8 (240, 32, 32, 3): quick to make, and with something to learn."""
    coarse = np.random.default_rng(7).random((240, 5, 5, 3))
    smooth = zoom(coarse, (1, 32 / 5, 32 / 5, 1), order=1)
    return (smooth * 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def real_svhn() -> Path:
    """A folder with real SVHN crops in the official format; tests that need it are skipped elsewhere."""
    folder = Path(os.environ.get("SVHN_DENOISER_REAL", ROOT.parent / "shared" / "svhn"))
    if not (folder / "test_32x32.mat").exists():
        pytest.skip(f"no real SVHN pictures in {folder}; name a folder in SVHN_DENOISER_REAL")
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables and nothing in them: making one takes seconds, copying it none."""

    database = tmp_path_factory.mktemp("template") / "mlflow.db"
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store, account or experiment is named in the environment; what MLflow and DVC keep there is put back."""
    for name in (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_S3_ENDPOINT_URL",
        "DVC_ROOT",
        "DVC_EXP_NAME",
        "DVC_EXP_BASELINE_REV",
    ):
        # set first, so that monkeypatch also takes away what MLflow sets meanwhile
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_variables: None) -> Path:
    """A repository without a store, as the working folder."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store_folder(repository: Path, empty_database: Path) -> Path:
    """A repository with an empty store, as the working folder."""
    shutil.copy(empty_database, repository / "mlflow.db")
    return repository


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A page in Chromium; the tests that want one are skipped where there is none."""
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[str]:
    """The address of a real MLflow server on loopback with a store and artifacts of its own."""
    with mlflow_server(tmp_path_factory.mktemp("server"), empty_database) as address:
        yield address


@pytest.fixture(scope="session")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamServers]:
    """A team's servers, by kind, each started when it is first asked for."""
    with team_servers(tmp_path_factory.mktemp("teams")) as servers:
        yield servers


@pytest.fixture(params=["plain", pytest.param("accounts", marks=pytest.mark.slow)])
def on_a_server(request: pytest.FixtureRequest, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server in turn: a plain one, that keeps what earlier tests did, and a team's, as one who has EDIT."""
    if request.param == "plain":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("server"))
        return
    team: TeamServer = request.getfixturevalue("teams")(request.param)
    team.empty()
    set_variables(monkeypatch, team.of(MEMBER))


@pytest.fixture(params=["embedded", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("accounts", "direct"))])
def any_store(
    request: pytest.FixtureRequest, repository: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> AnyStore:
    """An empty store of each kind, in turn; on the server with accounts we have EDIT, and no more."""
    if request.param == "embedded":
        shutil.copy(empty_database, repository / "mlflow.db")
        return AnyStore(None)
    team: TeamServer = request.getfixturevalue("teams")(request.param)
    team.empty()
    set_variables(monkeypatch, team.of(MEMBER))
    return AnyStore(team)
