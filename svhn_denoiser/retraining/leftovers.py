"""What a killed process or a full disk leaves in the checkout, mended before it stops the next retraining.

A full disk empties dvc.lock. A container that is killed leaves its entries in `.dvc/tmp/rwlock`, where DVC notes which
process works on which file; the next container gives the same process ids to other programs, for which DVC would wait.
A commit that is killed leaves the locks of git.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError, _edit_rwlock

from svhn_denoiser.files import write_text
from svhn_denoiser.git import git
from svhn_denoiser.paths import DVC_LOCK
from svhn_denoiser.retraining import checkout
from svhn_denoiser.retraining.pipeline import Pipeline, explained

# seconds by which the clocks of files and of processes may differ
_CLOCKS = 2.0


def mend_lock(say: Callable[[str], None]) -> None:
    """Take an empty dvc.lock for what it is: none. The committed one takes its place, if there is one."""
    if not DVC_LOCK.is_file() or DVC_LOCK.read_bytes().strip(b"\0 \r\n\t"):
        return
    committed = checkout.show("HEAD", str(DVC_LOCK))
    if committed is None:
        DVC_LOCK.unlink()
        say(f"{DVC_LOCK} was empty, as a full disk leaves it: it is removed")
    else:
        write_text(DVC_LOCK, committed)
        say(f"{DVC_LOCK} was empty, as a full disk leaves it: it is the committed one again")


def unlock_git(say: Callable[[str], None]) -> None:
    """Remove the locks of git that a retraining left which was killed while it committed.

    Call this where no other retraining can work in the checkout. Locks that are older than that commit are not touched,
    nor any while a git is at work here.
    """
    if not checkout.COMMITTING.exists():
        return
    branch = git("rev-parse", "--symbolic-full-name", "HEAD")
    locks = [Path(git("rev-parse", "--git-path", f"{name}.lock")) for name in ("index", "HEAD", branch)]
    began = checkout.COMMITTING.stat().st_mtime
    left = [lock for lock in locks if lock.exists() and lock.stat().st_mtime >= began - _CLOCKS]
    if left and _git_is_at_work():
        return
    for lock in left:
        lock.unlink(missing_ok=True)
        say(f"{lock} is removed: it was left by a retraining that was killed while it committed")
    checkout.COMMITTING.unlink(missing_ok=True)


def forget_the_dead(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    """Remove from DVC's rwlock the entries of processes that are gone, whatever has their process ids by now.

    Call this where no other retraining can work in the checkout, before this process runs a stage.

    Raises:
        DenoiserError: another process of DVC keeps the file to itself.
    """
    repo = pipeline.repo
    file = Path(repo.tmp_dir) / "rwlock"
    if not file.exists():
        return
    written = file.stat().st_mtime
    gone: dict[int, str] = {}

    def holds(entry: Mapping[str, Any]) -> bool:
        if _is_holder(entry, written):
            return True
        gone[entry["pid"]] = entry["cmd"]
        return False

    hardlink = repo.config["core"].get("hardlink_lock", False)
    with explained():
        try:
            with _edit_rwlock(repo.tmp_dir, repo.fs, hardlink) as lock:
                lock["write"] = {path: entry for path, entry in lock["write"].items() if holds(entry)}
                reading = {path: [entry for entry in entries if holds(entry)] for path, entries in lock["read"].items()}
                lock["read"] = {path: entries for path, entries in reading.items() if entries}
        except (RWLockFileCorruptedError, RWLockFileFormatError):
            file.unlink(missing_ok=True)
            say(f"{os.path.relpath(file)} was cut off, as a full disk leaves it: it is removed")
    for pid, command in gone.items():
        say(f"a lock of DVC's is removed: `{command}` (process {pid}) is gone")


def _git_is_at_work() -> bool:
    here = str(Path.cwd())
    with suppress(psutil.Error):
        processes = psutil.process_iter(["name", "cwd"])
        return any(each.info["name"] == "git" and (each.info["cwd"] or "").startswith(here) for each in processes)
    return True


def _is_holder(entry: Mapping[str, Any], written: float) -> bool:
    """Whether the process that has an entry's id can be the one that made the entry.

    Args:
        entry: `pid` and `cmd`, which is DVC's `sys.argv`.
        written: when DVC's file was last written, seconds since the epoch.
    """
    if entry["pid"] == os.getpid():
        return False  # this process has made none yet
    try:
        process = psutil.Process(entry["pid"])
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > written + _CLOCKS:
            return False
        arguments = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    program = Path(entry["cmd"].split(" ")[0])
    names = {"dvc", "svhn-denoiser", "svhn_denoiser", program.name, program.stem}
    # `python -m package` is package/__main__.py in sys.argv
    names |= {program.parent.name} if program.stem == "__main__" else set()
    return any(Path(argument).name in names for argument in arguments)
