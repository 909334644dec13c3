"""`compare` where a model is out of reach: of DVC's remote or of MLflow's server. One message, and nothing is left."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.tracking.store import connect
from tests.command_line import invoke
from tests.example_settings import EXAMPLE
from tests.guard import guarded

NOBODY = "http://127.0.0.1:9"
RUN = "0123456789abcdef" * 2


def with_pairs(folder: Path) -> None:
    """The least that `compare` looks for before it fetches a model."""
    (folder / "params.yaml").write_text(EXAMPLE.read_text())
    test = folder / "data/noisy/test"
    test.mkdir(parents=True)
    for name in ("clean", "noisy"):
        np.save(test / f"{name}.npy", np.zeros((2, 32, 32, 3), np.uint8))
    np.save(test / "digits.npy", np.zeros(2, np.uint8))


def refusal(folder: Path, a: str, b: str) -> str:
    """What `compare` says where it fails; nothing in the folder is another than before."""

    def contents() -> dict[str, int]:
        hidden = {".git", ".dvc"}
        return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if not hidden & set(p.parts) and p.is_file()}

    before = contents()
    with pytest.raises(DenoiserError) as refused:
        invoke("compare", a, b, "--page", "page.html")
    assert contents() == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git and DVC; its last commit has a model that is in no cache, the one before (`before`) none."""
    folder = tmp_path_factory.mktemp("lost")
    with_pairs(folder)
    (folder / "models").mkdir()
    stage = {"cmd": "echo a model > models/denoiser.keras", "outs": ["models/denoiser.keras"]}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"train": stage}}))

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def commit() -> None:
        run("git", "add", "dvc.yaml", "dvc.lock" if (folder / "dvc.lock").exists() else "params.yaml")
        run("git", "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "x")

    run("git", "init", "--quiet", "--initial-branch=main")
    run(sys.executable, "-m", "dvc", "init", "--quiet")
    commit()
    run("git", "tag", "before")
    run(sys.executable, "-m", "dvc", "repro", "--quiet")
    commit()
    shutil.rmtree(folder / ".dvc/cache/files")
    return folder


@pytest.mark.parametrize(
    ("revision", "remote", "says"),
    [
        ("main", None, "is not in DVC's cache here, and no remote is set. Name the one"),
        ("main", "empty", "empty) does not give it: it cannot be reached, or nobody pushed the model there."),
        ("main", "http://me:secret@127.0.0.1:9", "the remote r (http://127.0.0.1:9) does not give it"),
        ("main", "nothing://else", "cannot be had: "),
        ("before", None, "records no models/denoiser.keras: nobody trained and committed there. `dvc repro`"),
    ],
)
def test_a_revision_whose_model_cannot_be_had(
    revision: str, remote: str | None, says: str, lost: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lost)
    url = str(repository / remote) if remote == "empty" else remote
    config = "" if url is None else f"[core]\nremote = r\n['remote \"r\"']\nurl = {url}\n"
    (lost / ".dvc/config.local").write_text(config)
    said = refusal(lost, revision, "shipped")
    assert said.startswith(f"{revision}: ")
    assert says in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (None, f"{NOBODY}: no MLflow server answers there as expected"),
        ("", "it asks who you are. Set MLFLOW_TRACKING_USERNAME"),
        ("me:mistyped@", "it does not let the user me in"),
        ("me:password@", "the user me may not do this: it needs READ"),
    ],
    ids=["unreachable", "without a password", "with a wrong password", "without a right"],
)
@pytest.mark.parametrize("name", ["champion", f"runs:/{RUN}/model", RUN])
def test_a_model_on_a_server_that_does_not_give_it(
    user: str | None, says: str, name: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pairs(repository)
    with guarded(NOBODY, {"me": "password"}, strangers=["me"]) as address:
        given = NOBODY if user is None else address.replace("://", f"://{user}")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
        said = refusal(repository, "shipped", name)
    assert says in said
    assert "password@" not in said
    assert "mistyped" not in said


def test_a_run_that_nobody_made(store_folder: Path) -> None:
    with_pairs(store_folder)
    connect()
    assert f"runs:/{RUN}/model: cannot be fetched from" in refusal(store_folder, "shipped", f"runs:/{RUN}/model")
    assert f"{RUN}: is no file, no git revision" in refusal(store_folder, "shipped", RUN)
