"""What a killed call left is cleared away by the next one, and what another is writing is not."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from svhn_denoiser.denoising import unfinished_folders
from tests.example_settings import ROOT

_WRITES = """
import sys, time
from pathlib import Path
from svhn_denoiser.denoising import unfinished_folders
with unfinished_folders.within(Path(sys.argv[1])) as folder:
    (folder / "photo.png").write_bytes(b"half of it")
    print("writing", flush=True)
    time.sleep(3600)
"""


def test_what_a_killed_call_left_goes_once_nobody_writes_there(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (tmp_path / ".unfinished-link").symlink_to(beside)
    command = [sys.executable, "-c", _WRITES, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        unfinished = set(tmp_path.glob(".unfinished-*"))
        with unfinished_folders.within(tmp_path):
            pass
        assert set(tmp_path.glob(".unfinished-*")) == unfinished
        assert len(unfinished) == 2
        other.send_signal(signal.SIGKILL)
    unfinished_folders._cleared.clear()
    with unfinished_folders.within(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {folder, beside, tmp_path / ".unfinished-link"}
    assert not folder.exists()


def test_where_the_disk_has_no_locks_files_are_written_all_the_same(tmp_path: Path, monkeypatch) -> None:
    def none(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr(fcntl, "flock", none)
    with unfinished_folders.within(tmp_path) as folder:
        assert folder.parent == tmp_path
