"""Each stage is killed, or the machine refuses it something: the same command again ends with the same bytes."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.tally import FOLDER, some
from tests.faults.workplace import STAGES, Ended, Workplace

KILLED = {-9, -27}  # SIGKILL, and SIGPROF of the timer


def repeated(workplace: Workplace, stage: str, first: Ended) -> tuple[bool, bool, str]:
    """Run the stage again, without a fault: whether all is right, a traceback, what both said."""
    again = workplace.stage(stage)
    right = again.code == 0 and workplace.is_right(stage)
    return right, first.traceback or again.traceback, f"{first.code}: {first.output}\n{again.code}: {again.output}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_between_any_two_changes_of_files_costs_nothing(workplace, tallying, stage):
    row = tallying(f"killed before a change of a file, in `{stage}`")
    few = {"download": 3, "generate": 3, "train": 3, "evaluate": 2, "register": 3}[stage]
    for at in some(range(1, workplace.whole[stage].changes + 1), few):
        workplace.put_back(f"before-{stage}")
        first = workplace.stage(stage, at=at)
        assert first.code in {*KILLED, 0}, first.output
        right, traceback, said = repeated(workplace, stage, first)
        row.count(f"change {at}", right=right, traceback=traceback, said=said)


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_at_any_moment_costs_nothing(workplace, tallying, stage):
    row = tallying(f"killed at a moment drawn at random, in `{stage}`")
    for number in range(12):
        workplace.put_back(f"before-{stage}")
        seconds = workplace.whole[stage].seconds * (number + 0.5) / 12
        first = workplace.stage(stage, after=max(seconds, 0.01))
        right, traceback, said = repeated(workplace, stage, first)
        row.count(f"after {seconds:.2f} s", right=right, traceback=traceback, said=said)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_at_any_file_is_an_error_in_words_and_costs_nothing(workplace, tallying, stage):
    row = tallying(f"no space for a change of a file, in `{stage}`")
    few = {"download": 3, "generate": 3, "train": 2, "evaluate": 1, "register": 2}[stage]
    for at in some(range(1, workplace.whole[stage].changes + 1), few):
        workplace.put_back(f"before-{stage}")
        first = workplace.stage(stage, at=at, error=errno.ENOSPC)
        right, traceback, said = repeated(workplace, stage, first)
        # some files can be done without; then the result has to be right at once
        row.count(f"change {at}", right=right, traceback=traceback, said=said)


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which root may")
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_is_really_full_is_an_error_in_words_and_costs_nothing(workplace, tallying, stage, tmp_path):
    row = tallying(f"a small disk is full, in `{stage}`")
    before = size(workplace.kept / f"before-{stage}")
    after = workplace.kept / ("finished" if stage == "register" else f"before-{STAGES[STAGES.index(stage) + 1]}")
    needed = max(size(after) - before, 65536)
    for share in (0.02, 0.15, 0.3, 0.5, 0.7, 0.9):
        workplace.put_back(f"before-{stage}")
        aside = tmp_path / "aside"
        workplace.folder.rename(aside)
        workplace.folder.mkdir()
        room = before + int(needed * share)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(workplace.folder)])
        if mounted.returncode:
            shutil.rmtree(aside)
            pytest.skip("no tmpfs can be mounted here")
        try:
            shutil.copytree(aside, workplace.folder, symlinks=True, dirs_exist_ok=True)
            first = workplace.stage(stage)
            subprocess.run(["mount", "-o", "remount,size=1G", str(workplace.folder)], check=True)
            right, traceback, said = repeated(workplace, stage, first)
        finally:
            subprocess.run(["umount", "--lazy", str(workplace.folder)], check=True)
            shutil.rmtree(aside)
        row.count(f"{share:.0%} of the space", right=right, traceback=traceback, said=said)


def size(folder: Path) -> int:
    """Bytes that a folder takes on a disk with pages of 4 KiB."""
    return sum(4096 + -(-path.lstat().st_size // 4096) * 4096 for path in folder.rglob("*"))


FORBIDDEN = {
    "download": ("data", "."),
    "generate": ("data", "data/raw/train_32x32.mat"),
    "train": ("models", "reports", ".resume", "mlflow.db", "data/noisy/train/noisy.npy"),
    "evaluate": ("reports", "models/denoiser.keras", "data/noisy/test"),
    "register": ("reports", "mlartifacts", "mlflow.db", "reports/run.json"),
}


@pytest.mark.parametrize(
    ("stage", "name"), some([(stage, name) for stage, names in FORBIDDEN.items() for name in names], 5)
)
def test_a_missing_right_is_an_error_in_words_and_costs_nothing(workplace, tallying, stage, name):
    row = tallying(f"no right to a file or folder, in `{stage}`")
    workplace.put_back(f"before-{stage}")
    path = workplace.folder / name
    if not path.exists():
        path.mkdir(parents=True)
    mode = path.stat().st_mode
    writes = path.is_dir() and name != "data/noisy/test"
    path.chmod(0o555 if writes else 0o444 if name == "mlflow.db" else 0)
    first = workplace.stage(stage, unprivileged=True)
    path.chmod(mode)
    right, traceback, said = repeated(workplace, stage, first)
    row.count(name, right=right and (first.code == 1 or first.code == 0), traceback=traceback, said=said)


@pytest.mark.parametrize("stage", STAGES)
def test_few_open_files_are_an_error_in_words_and_cost_nothing(workplace, tallying, stage):
    row = tallying(f"few open files, in `{stage}`")
    for limit in some((8, 12, 16, 24, 32, 48), 1):
        workplace.put_back(f"before-{stage}")
        first = workplace.stage(stage, limits={"RLIMIT_NOFILE": limit})
        right, traceback, said = repeated(workplace, stage, first)
        row.count(f"{limit} files", right=right, traceback=traceback, said=said)


@pytest.mark.parametrize("stage", STAGES if FOLDER else ("generate", "register"))
def test_a_limit_on_the_size_of_files_is_an_error_in_words_and_costs_nothing(workplace, tallying, stage):
    row = tallying(f"files may not grow, in `{stage}`")
    for limit in some((100, 5_000, 20_000, 100_000), 1):
        workplace.put_back(f"before-{stage}")
        first = workplace.stage(stage, limits={"RLIMIT_FSIZE": limit})
        right, traceback, said = repeated(workplace, stage, first)
        row.count(f"{limit:,} bytes", right=right, traceback=traceback, said=said)
