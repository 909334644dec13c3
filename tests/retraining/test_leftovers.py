"""What a killed process leaves behind does not stop the next retraining."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining import leftovers
from svhn_denoiser.retraining.pipeline import Pipeline
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import ALL, Go, Toy

RWLOCK = Path(".dvc/tmp/rwlock")


def note(toy: Toy, pid: int, command: str = "/venv/bin/dvc repro") -> None:
    """An entry of a process that writes what train makes, and reads what generate made."""
    entry = {"pid": pid, "cmd": command}
    made, read = (str(toy.folder / name) for name in ("models/denoiser.keras", "data/noisy"))
    (toy.folder / RWLOCK).parent.mkdir(parents=True, exist_ok=True)
    (toy.folder / RWLOCK).write_text(json.dumps({"write": {made: entry}, "read": {read: [entry]}}))


def forget(toy: Toy) -> list[str]:
    said: list[str] = []
    leftovers.forget_the_dead(Pipeline(), said.append)
    return said


def entries(toy: Toy) -> int:
    content = json.loads((toy.folder / RWLOCK).read_text())
    return len(content["write"]) + len(content["read"])


def test_a_lock_whose_process_id_is_now_another_programs_does_not_stop_a_retraining(toy: Toy) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        note(toy, other.pid)
        done = toy.program()
        other.kill()
    assert done.returncode == 0, done.stderr
    assert f"a lock of DVC's is removed: `/venv/bin/dvc repro` (process {other.pid}) is gone" in done.stderr
    assert toy.ran() == ALL


def test_a_commit_that_was_killed_does_not_stop_the_next_retraining(toy: Toy, go: Go) -> None:
    signer = toy.folder.parent / "signer"
    signer.write_text("#!/bin/sh\nkill -9 $PPID\n")
    signer.chmod(0o755)
    toy.git("config", "gpg.program", str(signer))
    toy.git("config", "commit.gpgsign", "true")
    with pytest.raises(DenoiserError, match="git"):
        go(toy, commit=True)
    lock = toy.folder / ".git/index.lock"
    assert lock.exists()
    toy.git("config", "commit.gpgsign", "false")
    go(toy, commit=True)
    assert not lock.exists()
    assert toy.git("log", "-1", "--format=%s").startswith("Record a retraining")


def test_a_lock_of_somebody_elses_git_is_left_alone(toy: Toy, go: Go) -> None:
    lock = toy.folder / ".git/index.lock"
    lock.touch()
    with pytest.raises(DenoiserError, match=r"index\.lock"):
        go(toy, commit=True)
    assert lock.exists()


def test_an_entry_of_this_very_process_is_of_one_that_had_its_id_before(toy: Toy) -> None:
    note(toy, os.getpid())
    assert len(forget(toy)) == 1
    assert entries(toy) == 0


def test_a_process_of_dvcs_that_began_after_the_file_was_written_did_not_write_it(toy: Toy) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "dvc"], stdin=subprocess.PIPE) as other:
        note(toy, other.pid)
        os.utime(toy.folder / RWLOCK, (1e9, 1e9))
        assert len(forget(toy)) == 1
        other.kill()


@pytest.mark.parametrize(
    ("argument", "command"),
    [("/venv/bin/dvc", "/venv/bin/dvc repro"), ("dvc", "/venv/lib/dvc/__main__.py repro"), ("mine.py", "mine.py")],
)
def test_a_process_that_may_be_the_one_keeps_its_lock(toy: Toy, argument: str, command: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE) as other:
        note(toy, other.pid, command)
        assert forget(toy) == []
        assert entries(toy) == 2
        other.kill()


@pytest.mark.parametrize("content", ["", '{"write": {"/a": {"pi', '{"write": 3}'])
def test_a_lock_file_that_was_cut_off_is_removed(toy: Toy, content: str) -> None:
    note(toy, 1)
    (toy.folder / RWLOCK).write_text(content)
    assert forget(toy) == [".dvc/tmp/rwlock was cut off, as a full disk leaves it: it is removed"]
    assert not (toy.folder / RWLOCK).exists()


@pytest.mark.parametrize("content", ["", "\n", "\0\0\0"])
def test_an_empty_dvc_lock_is_none(toy: Toy, content: str) -> None:
    (toy.folder / "dvc.lock").write_text(content)
    said: list[str] = []
    leftovers.mend_lock(said.append)
    assert said == ["dvc.lock was empty, as a full disk leaves it: it is removed"]
    assert not (toy.folder / "dvc.lock").exists()


def test_an_empty_dvc_lock_is_the_committed_one_again(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    (toy.folder / "dvc.lock").write_text("")
    with pytest.raises(DenoiserError, match=r"dvc\.lock.*`git checkout HEAD -- dvc\.lock`"):
        go(toy, dry_run=True)
    assert (toy.folder / "dvc.lock").read_text() == "", "a dry run mends nothing"
    toy.ran()
    assert go(toy).outcome is Outcome.NOTHING_TO_DO
    assert toy.git("status", "--porcelain") == ""
    assert toy.ran() == []
