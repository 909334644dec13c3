"""A program of this project ends with a sentence, and prints in any locale."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_settings import ROOT
from tests.privileges import without_privileges

# the locales of bare machines: neither Python's UTF-8 mode nor its guess helps
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
LATIN = {"PYTHONIOENCODING": "latin-1:strict"}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", f"import svhn_denoiser.program as p\ndef main():\n {code}\np.run(main)"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("locale", [ASCII, LATIN], ids=["C", "Latin-1"])
def test_an_arrow_and_a_name_that_is_not_utf8_are_printed_in_any_locale(locale):
    done = run(r"print('psnr 20.2 \u2192 33.4 h\udcffouse')", **locale)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2192" in done.stdout
    assert b"33.4" in done.stdout


@pytest.mark.parametrize("locale", [ASCII, LATIN, {"PYTHONIOENCODING": "utf-8"}], ids=["C", "Latin-1", "UTF-8"])
def test_json_is_json_in_any_locale(locale):
    done = run(
        r"from svhn_denoiser.terminal import print_json; print_json('\xe4 \u2192 \U0001f600 h\udcffouse')", **locale
    )
    assert json.loads(done.stdout) == "ä \u2192 \U0001f600 h\udcffouse"


def test_characters_that_the_terminal_has_stay_themselves():
    assert run(r"print('\u2192')", PYTHONIOENCODING="utf-8").stdout == "→\n".encode()


@pytest.mark.parametrize(
    "modules",
    [
        "stages.download, svhn_denoiser.sources.drawing",
        "stages.evaluate",
        "svhn_denoiser.cli, svhn_denoiser.drift.page",
    ],
)
def test_the_screen_of_a_notebook_is_not_asked_for(modules):
    command = [sys.executable, "-c", f"import {modules}; import matplotlib"]
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/dev/full', 'wb', 0).write(b'x')", "No space left on device. Make room"),
        ("raise OSError(27, 'File too large', 'mlflow.db')", "mlflow.db: File too large. Raise the limit"),
        ("raise PermissionError(13, 'Permission denied', 'reports/x.json')", "reports/x.json: Permission denied."),
        (
            "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/none', '/proc']; tempfile.TemporaryFile()",
            "['/none', '/proc']. Make room in one of them, or name a folder that you may write to in TMPDIR.",
        ),
        ("raise OSError(30, 'Read-only file system', b'data')", "data: Read-only file system."),
        ("import sqlite3; sqlite3.connect('/nonexistent/x').execute('')", "unable to open database file. Look at the"),
    ],
)
def test_what_the_machine_refuses_is_one_line(code, said):
    done = run(code)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: ")
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("left", "code"), [(1 << 20, 0), ((1 << 20) - 1, 1)])
def test_a_stage_ends_well_only_where_dvc_can_record_it(left, code):
    full = f"import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(2**40, 0, {left})"
    assert run(full).returncode == 0, "no stage of DVC's"
    done = run(full, DVC_STAGE="download")
    assert done.returncode == code
    assert done.stderr.decode().strip() == code * (
        "error: dvc.lock: the disk is too full for DVC to record this stage. Make room there, and run the same command "
        "again."
    )


def test_make_repro_takes_an_empty_dvc_lock_for_none(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    tools = tmp_path / ".venv/bin"
    tools.mkdir(parents=True)
    (tools / "dvc").write_text("#!/bin/sh\ncat dvc.lock || echo none\n")
    (tools / "dvc").chmod(0o755)

    def found(content):
        (tmp_path / "dvc.lock").write_text(content)
        # as if the environment were set up
        make = ["make", "--silent", "--old-file=.venv/.ready", "repro"]
        return subprocess.run(make, cwd=tmp_path, capture_output=True, check=True, text=True).stdout

    assert found("stages: {}") == "stages: {}"
    assert found("") == "none\n"
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    (tmp_path / "dvc.lock").write_text("committed")
    for command in (["init", "-q"], ["add", "dvc.lock"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    assert found("") == "committed"


def test_a_bug_keeps_its_traceback():
    assert b"Traceback" in run("raise FileNotFoundError(2, 'No such file or directory', 'x')").stderr
    assert b"Traceback" in run("raise OSError('of some library')").stderr


def test_who_stops_reading_gets_no_traceback():
    command = (
        f"{sys.executable} -c 'import svhn_denoiser.program as p\np.run(lambda: [print(i) for i in range(99999)])'"
    )
    done = subprocess.run(f"{command} | head -1", shell=True, cwd=ROOT, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"0\n", b"")


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path: Path):
    tmp_path.chmod(0o500)
    code = f"""from svhn_denoiser import files, program
from pathlib import Path
program.run(lambda: files.write_text(Path({str(tmp_path / "reports" / "x")!r}), ""))"""
    done = without_privileges([sys.executable, "-c", code], ROOT)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/reports: Permission denied. Look at who may read and write there.\n"
