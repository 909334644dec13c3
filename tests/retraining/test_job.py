"""A retraining from beginning to end: what it makes, keeps and commits, also where it was stopped."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import NoReturn

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining import checkout, registry_access
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import ALL, Go, Toy


def test_a_first_run_does_all_of_it_and_a_second_nothing(toy: Toy, go: Go) -> None:
    first = go(toy)
    assert (first.outcome, first.exit_code) == (Outcome.PROMOTED, 0)
    assert first.stages == dict.fromkeys(ALL, "ran")
    assert (first.version, first.champion_before, first.champion_after) == (1, None, 1)
    assert first.metrics is not None
    assert first.metrics["denoised"]["psnr"] == 30.0
    assert first.pictures == ["reports/images/best.png"]
    assert toy.ran() == ALL
    second = go(toy)
    assert (second.outcome, second.exit_code, second.stages) == (Outcome.NOTHING_TO_DO, 4, {})
    assert toy.ran() == []


def test_a_better_setting_stays_and_is_committed(toy: Toy, go: Go) -> None:
    go(toy, chosen=("train.epochs=10",), commit=True)
    result = go(toy, chosen=("train.epochs=25",), commit=True)
    assert result.outcome is Outcome.PROMOTED
    assert result.params_changed == {"train.epochs": (30, 25)}
    assert "epochs: 25" in toy.git("show", "HEAD:params.yaml")
    assert toy.git("status", "--porcelain") == ""
    assert toy.git("log", "-1", "--format=%s").startswith("Record a retraining")
    assert go(toy).outcome is Outcome.NOTHING_TO_DO


def test_a_worse_setting_is_put_back_and_nothing_is_committed(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    commit = toy.git("rev-parse", "HEAD")
    result = go(toy, chosen=("train.epochs=3",), commit=True)
    assert (result.outcome, result.version) == (Outcome.NOT_BETTER, 2)
    assert toy.git("rev-parse", "HEAD") == commit
    assert toy.git("status", "--porcelain") == ""
    toy.ran()
    assert go(toy).outcome is Outcome.NOTHING_TO_DO
    assert toy.ran() == []


def test_where_a_person_is_asked_settings_are_committed_once_their_model_is_promoted(toy: Toy, go: Go) -> None:
    go(toy, chosen=("train.epochs=10",), commit=True)
    toy.edit("params.yaml", "promotion: automatic", "promotion: ask")
    toy.commit("Ask")
    command = {"chosen": ("train.epochs=25",), "commit": True}
    waits = go(toy, **command)
    assert (waits.outcome, waits.exit_code, waits.version, waits.champion_after) == (Outcome.WAITING, 5, 2, 1)
    assert waits.notes[-1] == "The settings are committed by the same command once that version is promoted."
    assert toy.git("log", "-1", "--format=%s") == "Ask"
    assert toy.git("status", "--porcelain") == ""
    known = toy.registry()
    (toy.shared / "registry.json").write_text(json.dumps(known | {"champion": {"version": 2, "psnr": 29.5}}))
    toy.ran()
    recorded = go(toy, **command)
    assert toy.ran() == ["register"]
    assert (recorded.outcome, recorded.is_champion) == (Outcome.NOTHING_TO_DO, True)
    assert "epochs: 25" in toy.git("show", "HEAD:params.yaml")
    assert toy.git("status", "--porcelain") == ""


def test_what_was_made_is_recorded_also_while_it_waits(toy: Toy, go: Go) -> None:
    toy.edit("params.yaml", "promotion: automatic", "promotion: ask")
    toy.commit("Ask")
    waits = go(toy, commit=True)
    assert (waits.outcome, waits.champion_after) == (Outcome.WAITING, None)
    assert toy.git("log", "-1", "--format=%s") == "Record a retraining"
    assert go(toy).outcome is Outcome.NOTHING_TO_DO


def test_a_setting_that_does_not_exist_is_wrong_usage(toy: Toy) -> None:
    done = toy.program("--set", "train.epoch=3")
    assert done.returncode == 2
    assert "no such setting; did you mean epochs?" in " ".join(done.stderr.replace("│", " ").split())
    assert toy.git("status", "--porcelain") == ""


def test_what_a_person_reproduced_is_pushed_and_reported_once(toy: Toy, go: Go) -> None:
    # the same as a retraining that was killed after its last stage
    subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
    toy.ran()
    result = go(toy)
    assert (result.outcome, result.version) == (Outcome.PROMOTED, 1)
    assert result.stages == dict.fromkeys(ALL, "unchanged")
    assert (toy.shared / "remote/runs").is_dir()
    assert go(toy).outcome is Outcome.NOTHING_TO_DO
    assert go(toy, commit=True).outcome is Outcome.NOTHING_TO_DO
    assert toy.git("status", "--porcelain") == ""
    assert toy.ran() == []


def test_what_was_promoted_by_a_machine_that_stopped_then_is_recorded_by_the_next(
    toy: Toy, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(toy, chosen=("train.epochs=10",), commit=True)
    toy.push()
    before = (toy.folder / "params.yaml").read_text()
    with monkeypatch.context() as stopped:
        stopped.setattr(checkout, "commit_files", _stops)
        with pytest.raises(KeyboardInterrupt):
            go(toy, chosen=("train.epochs=25",), commit=True)
    assert toy.registry()["champion"]["version"] == 2
    assert (toy.folder / "params.yaml").read_text() == before, "in no commit, so the same command can go on"
    for clone in (toy.clone("other"), toy):
        result = go(clone, chosen=("train.epochs=25",), commit=True)
        assert (result.version, result.champion_after) == (2, 2)
        assert "epochs: 25" in clone.git("show", "HEAD:params.yaml")
        assert clone.git("status", "--porcelain") == ""


def test_a_report_leaves_the_settings_as_they_were_whatever_the_gate_would_decide(
    toy: Toy, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(toy, commit=True)
    commit = toy.git("rev-parse", "HEAD")
    yes = {"promoted": True, "champion_before": 1, "champion_after": 1, "reasons": []}
    monkeypatch.setattr(registry_access, "would_decide", lambda _: yes)
    result = go(toy, chosen=("train.epochs=25",), report_only=True, commit=True)
    assert (result.outcome, result.report_only) == (Outcome.PROMOTED, True)
    assert toy.git("rev-parse", "HEAD") == commit
    assert toy.git("status", "--porcelain") == ""


def test_a_failure_after_a_promotion_says_that_there_was_one(toy: Toy) -> None:
    hook = toy.folder / ".git/hooks/reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = toy.program("--commit", "--json")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (1, "failed")
    said = "Failed after version 1 was made champion: run the command again to push and record it."
    assert f"### {said}" in (toy.folder / "reports/retraining.md").read_text()
    hook.unlink()
    assert toy.program("--commit").returncode == 0
    assert toy.git("status", "--porcelain") == ""


def _refuse_to_sign(toy: Toy) -> Callable[[], object]:
    toy.git("config", "gpg.program", "false")
    toy.git("config", "commit.gpgSign", "true")
    return lambda: toy.git("config", "commit.gpgSign", "false")


def _refuse_in_latin_1(toy: Toy) -> Callable[[], object]:
    hook = toy.folder / ".git/hooks/prepare-commit-msg"
    hook.write_bytes(b"#!/bin/sh\necho 'no secret key for J\xfcrgen' >&2\necho 'ask your administrator' >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook.unlink


# the last line that git prints names the cause of none
REFUSALS = [
    (_refuse_to_sign, "gpg failed to sign the data", True),
    (_refuse_in_latin_1, "no secret key for J", False),
]


@pytest.mark.parametrize(("refuse", "cause", "recorded_before"), REFUSALS)
def test_a_commit_that_git_refuses_after_a_promotion_is_made_by_the_same_command_later(
    toy: Toy, go: Go, refuse: Callable[[Toy], Callable[[], object]], cause: str, recorded_before: bool
) -> None:
    if recorded_before:
        go(toy, chosen=("train.epochs=10",), commit=True)
    before = toy.git("rev-parse", "HEAD")
    mend = refuse(toy)
    done = toy.program("--commit", "--set", "train.epochs=25", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["version"]) == (1, "failed", result["champion_after"])
    for said in (done.stderr, result["reasons"][0]):
        assert cause in said
        assert "run the same command again" in said
    assert toy.git("status", "--porcelain") == "", "neither the index nor params.yaml keeps what is in no commit"
    mend()
    result = go(toy, chosen=("train.epochs=25",), commit=True)
    assert result.is_champion
    assert "epochs: 25" in toy.git("show", "HEAD:params.yaml")
    assert toy.git("rev-parse", "HEAD^") == before
    assert toy.git("status", "--porcelain") == ""


def test_a_name_that_git_refuses_is_named_and_the_same_command_goes_on(toy: Toy, go: Go) -> None:
    done = toy.program("--commit", "--set", "train.epochs=25", GIT_AUTHOR_NAME=",")
    assert done.returncode == 1
    assert "name consists only of disallowed characters" in done.stderr
    assert toy.git("status", "--porcelain") == ""
    go(toy, chosen=("train.epochs=25",), commit=True)
    assert "epochs: 25" in toy.git("show", "HEAD:params.yaml")


def test_loose_changes_are_not_committed_as_what_was_made_of_the_commit(toy: Toy, go: Go) -> None:
    toy.edit("train.py", "import", "# loose\nimport")
    with pytest.raises(DenoiserError, match=r"--commit: train.py differ from the commit"):
        go(toy, commit=True)
    assert toy.ran() == []


def test_new_files_that_a_stage_depends_on_are_loose_changes_and_others_are_not(toy: Toy, go: Go) -> None:
    toy.edit("dvc.yaml", "data/noisy, train.py", "data/noisy, train.py, networks")
    (toy.folder / "networks").mkdir()
    (toy.folder / "networks/old.py").touch()
    toy.commit("Depend on a folder")
    (toy.folder / "networks/new one.py").touch()
    (toy.folder / "notes.txt").touch()
    with pytest.raises(DenoiserError, match=r"--commit: networks/new one\.py differ from the commit"):
        go(toy, commit=True)
    (toy.folder / ".git/info/exclude").write_text("new*\n")
    go(toy, commit=True)
    assert toy.git("status", "--porcelain") == "?? notes.txt"


def _stops(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_report_whose_registry_takes_no_runs_has_its_stages_record_in_the_checkout(
    toy: Toy, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.edit(
        "train.py", "epochs = settings", "write('reports/uri', os.environ['MLFLOW_TRACKING_URI'])\nepochs = settings"
    )
    access = registry_access.Access(report_only=True, knows_champion=False, takes_runs=False)
    no = {"promoted": False, "champion_before": None, "champion_after": None, "reasons": []}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(registry_access, "access", lambda *_, **__: access)
    monkeypatch.setattr(registry_access, "would_decide", lambda _: no)
    assert go(toy).outcome is Outcome.NOT_BETTER
    assert (toy.folder / "reports/uri").read_text() == "sqlite:///mlflow.db"
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9", "this process goes on asking the server"
