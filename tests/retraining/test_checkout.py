"""The checkout: one retraining at a time, its commits, and the commit to compare with."""

import subprocess
import sys
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining import checkout
from tests.retraining.toy_pipeline import ALL, Go, Toy


def test_two_at_once_in_one_checkout_train_once(toy: Toy) -> None:
    toy.edit("train.py", "epochs = settings", "import time; time.sleep(2)\nepochs = settings")
    command = [sys.executable, "-m", "svhn_denoiser", "retrain"]
    both = [
        subprocess.Popen(command, cwd=toy.folder, env=toy.environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 4]
    assert sum("another retraining is running in this checkout" in text for text in said) == 1
    assert toy.ran() == ALL


def test_a_dry_run_waits_for_nobody(toy: Toy, go: Go) -> None:
    with checkout.alone(lambda _: None):
        assert toy.program("--dry-run").returncode == 0


def test_a_developers_hooks_do_not_keep_a_result_from_being_recorded(toy: Toy, go: Go) -> None:
    hook = toy.folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    go(toy, commit=True)
    assert toy.git("log", "-1", "--format=%s").startswith("Record a retraining")


@pytest.mark.parametrize("known", [(), ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")], ids=["nobody", "committer"])
def test_where_nobody_said_who_commits_a_commit_is_made_all_the_same(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...]
) -> None:
    for name in ("user.name", "user.email"):
        toy.git("config", "--unset", name)
    toy.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in known:
        monkeypatch.setenv(name, "ci@example.org")
    (toy.folder / "new").touch()
    checkout.commit_files(["new"], "Record")
    names = toy.git("log", "-1", "--format=%an, %cn").split(", ")
    assert names == ["svhn-denoiser retrain", "ci@example.org" if known else "svhn-denoiser retrain"]


def test_the_base_is_main_or_the_commit_before(toy: Toy) -> None:
    first = toy.git("rev-parse", "HEAD")
    assert checkout.base(None) == first, "after a push, HEAD is main: its dvc.lock has what was before"
    (toy.folder / "new").write_text("")
    toy.commit("On a branch")
    assert checkout.base(None) == first
    assert checkout.base("HEAD") == toy.git("rev-parse", "HEAD")
    toy.git("remote", "remove", "origin")
    assert checkout.base(None) == first
    toy.git("checkout", "--quiet", first)
    assert checkout.base(None) is None
    with pytest.raises(DenoiserError, match=r"--base v9: there is no such commit"):
        checkout.base("v9")


def test_outside_of_the_project_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DenoiserError, match="is in no git repository"):
        checkout.root()
    subprocess.run(["git", "init", "--quiet"], check=True)
    with pytest.raises(DenoiserError, match=r"has no .dvc and dvc.yaml"):
        checkout.root()
    with pytest.raises(DenoiserError, match=r"there is no commit yet\. Commit"):
        checkout.head()
