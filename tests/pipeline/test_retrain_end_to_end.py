"""Retraining as a CI does it, with real parts: git with a hook, a DVC remote, an MLflow server behind a password.

One story, told in order: a project is trained for the first time on machines that are killed one after the other, then
come pushes, a pull request and a fork.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.guard import guarded
from tests.mlflow_server import mlflow_server
from tests.pipeline.clone import SMALL, Clone

pytestmark = pytest.mark.slow

TRAINER, READER = "trainer", "reader"
# not written down here: this file is in the clones that are searched for them
PASSWORDS = {name: sha256(name.encode()).hexdigest() for name in (TRAINER, READER)}

# what CI does with a push: BRANCH COMMIT MACHINE
CI = """#!/bin/sh
unset $(git rev-parse --local-env-vars)
if [ ! -d "$WORLD/$3" ]; then
    git clone --quiet "$WORLD/origin.git" "$WORLD/$3"
    cd "$WORLD/$3" && git checkout --quiet -B "$1" "$2"
    dvc remote add --quiet --local --default storage "$WORLD/storage"
fi
cd "$WORLD/$3"
case $1 in pr/*)
    report=--report-only
    export MLFLOW_TRACKING_USERNAME="$READER" MLFLOW_TRACKING_PASSWORD="$READERS_PASSWORD"
esac
python -m svhn_denoiser retrain $report --commit --summary comment.md --json > result.json 2> log.txt
echo $? > exit-code
if [ "$1" = main ] && [ "$(git rev-parse HEAD)" != "$2" ]; then
    CI_PUSHES=yes git push --quiet origin HEAD:main
fi
"""
HOOK = """#!/bin/sh
while read old new ref; do
    [ -n "$CI_PUSHES" ] || "$WORLD/ci" "${ref#refs/heads/}" "$new" "machine-$new"
done
"""


class Run:
    """What a run of CI left on its machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = (folder / "log.txt").read_text()
        assert (folder / "exit-code").exists(), self.log
        self.code = int((folder / "exit-code").read_text())
        text = (folder / "result.json").read_text()
        assert text, self.log
        self.result: dict[str, Any] = json.loads(text)
        self.comment = (folder / "comment.md").read_text()
        self.verdict = self.comment.splitlines()[2].removeprefix("### ")

    @property
    def ran(self) -> list[str]:
        """Stages whose command was started."""
        return [line.split("'")[1] for line in self.log.splitlines() if line.startswith("Running stage '")]


class World:
    """A developer's clone, the origin it is pushed to, with CI behind a hook, the storage and the registry."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.desk = Clone(folder / "desk")
        small = SMALL | {"train.epochs": "3"}
        self.desk.set(**{key.replace(".", "__"): value for key, value in small.items()})
        self.desk.commit("Small settings")
        self.desk.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "origin.git"))
        self.desk.run("git", "remote", "add", "origin", str(folder / "origin.git"))
        for file, text in ((folder / "ci", CI), (folder / "origin.git/hooks/post-receive", HOOK)):
            file.write_text(text)
            file.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        ours = self.desk.environment(WORLD=str(self.folder), MLFLOW_TRACKING_URI=self.address)
        for name in ("GITHUB_STEP_SUMMARY", "PYTHONPATH"):
            ours.pop(name, None)
        known = {"MLFLOW_TRACKING_USERNAME": TRAINER, "MLFLOW_TRACKING_PASSWORD": PASSWORDS[TRAINER]}
        known |= {"READER": READER, "READERS_PASSWORD": PASSWORDS[READER]}
        who = {"GIT_AUTHOR_NAME": "CI", "GIT_AUTHOR_EMAIL": "ci@localhost"}
        return (
            ours | known | who | {f"{key.replace('AUTHOR', 'COMMITTER')}": value for key, value in who.items()} | more
        )

    def push(self, branch: str, change: Callable[[Clone], object]) -> Callable[[], Run]:
        """Commit a change of main on a branch, and push it when called; what CI made of it."""
        self.desk.run("git", "fetch", "--quiet", "origin")
        self.desk.run("git", "checkout", "--quiet", "-B", branch.replace("/", "-"), "origin/main")
        change(self.desk)
        self.desk.commit(branch)
        commit = self.desk.run("git", "rev-parse", "HEAD").strip()

        def go() -> Run:
            command = ["git", "push", "--quiet", "origin", f"{commit}:refs/heads/{branch}"]
            subprocess.run(command, cwd=self.desk.folder, env=self.environment(), check=True)
            return Run(self.folder / f"machine-{commit}")

        return go

    def start(self, machine: str, commit: str) -> "subprocess.Popen[bytes]":
        """CI on a machine, for a push to main."""
        (self.folder / machine / "log.txt").unlink(missing_ok=True)
        command = [str(self.folder / "ci"), "main", commit, machine]
        return subprocess.Popen(command, env=self.environment(), start_new_session=True)

    def kill_when(self, machine: str, commit: str, reached: Callable[[str], bool]) -> None:
        """Run CI and kill all of it, without a warning, once it has reached a point in its log."""
        process, log = self.start(machine, commit), self.folder / machine / "log.txt"
        while not reached(log.read_text() if log.exists() else ""):
            assert process.poll() is None, f"it ended before:\n{log.read_text()}"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @functools.cached_property
    def registry(self) -> MlflowClient:
        address = self.address.replace("://", f"://{TRAINER}:{PASSWORDS[TRAINER]}@")
        return MlflowClient(address, registry_uri=address)

    def versions(self) -> dict[int, dict[str, str]]:
        """Tags of all versions, by number."""
        return {int(v.version): v.tags for v in self.registry.search_model_versions("name='svhn-denoiser'")}

    def champion(self) -> int | None:
        try:
            return int(self.registry.get_model_version_by_alias("svhn-denoiser", "champion").version)
        except Exception:  # there is no model, or no champion
            return None

    def runs(self) -> dict[str, str]:
        """How each run ended, by id."""
        experiment = self.registry.get_experiment_by_name("svhn-denoiser")
        found = self.registry.search_runs([experiment.experiment_id]) if experiment else []
        return {run.info.run_id: run.info.status for run in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "server").mkdir()
    with mlflow_server(folder / "server", empty_database) as server, guarded(server, PASSWORDS, [READER]) as address:
        yield World(folder, address)


@pytest.fixture(scope="module")
def first(world: World) -> Run:
    """The first training, on machines that are killed in each phase; the next one goes on."""
    world.desk.run("git", "push", "--quiet", "origin", "HEAD:main", CI_PUSHES="yes")
    commit = world.desk.run("git", "rev-parse", "HEAD").strip()
    world.kill_when("one", commit, lambda log: "fetching the run cache" in log)
    world.kill_when("one", commit, lambda log: "Running stage 'generate'" in log)
    world.kill_when("one", commit, lambda log: "epoch 2/3" in log)
    world.kill_when("one", commit, lambda log: "pushing what" in log)
    world.kill_when("one", commit, lambda log: "scoring: noise levels" in log)
    # what it trained is in the storage: another machine goes on
    world.kill_when("two", commit, lambda _: bool(world.versions()))
    world.kill_when("three", commit, lambda log: "pushing the results" in log)
    assert world.start("four", commit).wait() == 0
    return Run(world.folder / "four")


def test_machines_killed_in_each_phase_leave_nothing_half_done_and_nothing_doubled(world: World, first: Run) -> None:
    assert first.ran == ["register"], "all else was restored"
    assert first.result["outcome"] in ("promoted", "nothing-to-do")
    assert world.champion() == 1
    (tags,) = world.versions().values()
    assert tags["gate"] == "passed"
    assert "promotion_claim" not in tags
    assert list(world.runs().values()) == ["FINISHED"], "it was resumed"
    world.desk.run("git", "fetch", "--quiet", "origin")
    assert "dvc.lock" in world.desk.run("git", "show", "--stat", "--format=%s", "origin/main")


def test_documents_run_nothing(world: World, first: Run) -> None:
    run = world.push("main", lambda desk: (desk.folder / "README.md").write_text("New"))()
    assert (run.code, run.ran, run.result["outcome"]) == (4, [], "nothing-to-do")
    assert run.verdict == "Nothing to do: nothing that a stage depends on has changed."
    assert not (run.folder / "data/raw").exists(), "nothing was even fetched"


def test_the_same_commit_again_trains_nothing_and_registers_nothing(world: World, first: Run) -> None:
    before = world.champion(), world.versions(), world.runs()
    commit = first.result["commit"]
    command = ["git", "push", "--quiet", "origin", f"{commit}:refs/heads/push/again"]
    subprocess.run(command, cwd=world.desk.folder, env=world.environment(), check=True)
    again = Run(world.folder / f"machine-{commit}")
    assert (again.code, again.result["outcome"]) == (4, "nothing-to-do"), again.comment
    assert again.ran == ["register"], "another machine, and all else came out of the storage"
    assert (world.champion(), world.versions(), world.runs()) == before


def test_of_two_pushes_at_once_the_better_one_is_champion_and_both_are_recorded(world: World, first: Run) -> None:
    pushes = [
        world.push("push/helps", lambda desk: desk.set(train__epochs="12")),
        world.push("push/hurts", lambda desk: desk.set(train__learning_rate="0.00001")),
    ]
    with ThreadPoolExecutor(2) as pool:
        helps, hurts = pool.map(lambda push: push(), pushes)

    assert (helps.code, helps.result["outcome"]) == (0, "promoted"), helps.comment
    assert helps.ran == hurts.ran == ["train", "evaluate", "register"]
    assert (helps.result["champion_before"], helps.result["champion_after"]) == (1, helps.result["version"])
    psnr = helps.result["metrics"]["denoised"]["psnr"]
    assert helps.comment.startswith("<!-- svhn-denoiser retrain -->\n")
    assert helps.verdict == (
        f"Promoted: version {helps.result['version']} is champion in place of version 1, with {psnr:.2f} dB."
    )
    assert "| train.epochs | 3 | 12 |" in helps.comment
    gain = psnr - helps.result["base_metrics"]["denoised"]["psnr"]
    assert f"| {gain:+.2f} |" in helps.comment
    assert "- train: `train.epochs: 3 → 12`" in helps.comment
    assert "reports/images/best.png" in helps.comment

    assert (hurts.code, hurts.result["outcome"]) == (3, "not-better")
    assert hurts.verdict.startswith(f"Not better: version {hurts.result['version']} is not made champion")
    assert "PSNR differs from the champion's (version" in hurts.comment
    assert "its lower end must exceed +0.000 dB." in hurts.comment

    assert world.champion() == helps.result["version"]
    assert set(world.versions()) == {1, 2, 3}
    recorded = world.runs()
    assert {recorded[run.result["run_id"]] for run in (helps, hurts)} == {"FINISHED"}
    assert len(recorded) == 3


def test_a_pull_request_is_trained_and_reported_and_promoted_only_when_it_is_merged(world: World, first: Run) -> None:
    champion, versions, runs = world.champion(), world.versions(), world.runs()
    better = world.push("pr/better", lambda desk: desk.set(train__epochs="30"))()
    assert (better.code, better.ran, better.result["report_only"]) == (0, ["train", "evaluate"], True), better.comment
    assert better.verdict.startswith(f"Would be promoted: it would become champion in place of version {champion}")
    assert (world.champion(), world.versions(), world.runs()) == (champion, versions, runs)

    merged = world.push("push/merged", lambda desk: desk.run("git", "merge", "--quiet", better.result["commit"]))()
    assert (merged.code, merged.ran) == (0, ["register"])
    assert merged.result["stages"]["train"] == "restored"
    assert world.champion() == merged.result["version"] == max(versions) + 1
    stand_in = world.registry.get_model_version("svhn-denoiser", str(merged.result["version"])).run_id
    assert world.registry.get_run(stand_in).data.tags["restored_from"] == better.result["run_id"]


def test_a_change_of_one_line_in_the_evaluation_evaluates_only(
    world: World, first: Run, record_property: Callable[[str, object], None]
) -> None:
    runs = world.runs()
    run = world.push("push/evaluation", lambda desk: evaluate_differently(desk, 2))()
    assert run.ran == ["evaluate", "register"]
    assert [run.result["stages"][stage] for stage in ("download", "generate", "train")] == ["unchanged"] * 3
    assert "- evaluate: `svhn_denoiser/evaluation/suite.py changed`" in run.comment
    assert world.runs() == runs, "no training"
    record_property("seconds", run.result["seconds"])


def test_a_fork_without_credentials_reports_and_changes_nothing(world: World, first: Run) -> None:
    before = world.champion(), world.versions(), world.runs(), stored(world)
    fork = world.folder / "fork"
    subprocess.run(["git", "clone", "--quiet", str(world.folder / "origin.git"), str(fork)], check=True)
    clone = Clone.at(fork)
    evaluate_differently(clone, 3)
    secret = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "READERS_PASSWORD")
    environment = {key: value for key, value in world.environment().items() if key not in secret}
    with readable_by_all(world.folder / "storage") as storage:
        clone.run("dvc", "remote", "add", "--quiet", "--local", "--default", "storage", storage)
        done = subprocess.run(
            [sys.executable, "-m", "svhn_denoiser", "retrain", "--json"],
            cwd=fork,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    result = json.loads(done.stdout)
    assert (done.returncode, result["report_only"], result["outcome"]) == (3, True, "not-better"), done.stderr
    note = f"{world.address} asks for credentials, and none are set: nothing is promoted, this only reports."
    assert note in result["notes"]
    assert note in done.stderr
    assert result["reasons"][-1] == "No registry could be asked: the champion is not known here."
    assert result["stages"] == {
        "download": "unchanged",
        "generate": "unchanged",
        "train": "unchanged",
        "evaluate": "ran",
    }, "read from the storage, though nothing can be written there"
    assert before == (world.champion(), world.versions(), world.runs(), stored(world))


@pytest.mark.parametrize("user", PASSWORDS)
def test_no_password_is_written_anywhere(world: World, first: Run, user: str) -> None:
    history = world.desk.run("git", "-C", str(world.folder / "origin.git"), "log", "--all", "--patch", "--format=%B")
    assert PASSWORDS[user] not in history
    secret = PASSWORDS[user].encode()
    files = [file for file in world.folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file for file in files if secret in file.read_bytes()] == []


def evaluate_differently(clone: Clone, revision: int) -> None:
    file = clone.folder / "svhn_denoiser/evaluation/suite.py"
    text = file.read_text()
    assert '"pictures": len(test),' in text
    file.write_text(text.replace('"pictures": len(test),', f'"pictures": len(test), "revision": {revision},'))


def stored(world: World) -> set[str]:
    return {str(file) for file in (world.folder / "storage").rglob("*")}


class readable_by_all:  # noqa: N801
    """A folder under an address that everybody can read, and nobody can write."""

    def __init__(self, folder: Path) -> None:
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
