"""What git answers is read alike in any locale, and what it refuses is told whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.git import ForeignRepositoryError, git
from tests.example_settings import ROOT


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    return tmp_path


def test_names_and_contents_are_the_same_in_the_locale_of_a_bare_machine(checkout: Path) -> None:
    (checkout / "häuser.txt").write_text("37 → 38\n", encoding="utf-8")
    subprocess.run(["git", "add", "."], check=True)
    code = (
        "from svhn_denoiser.git import git\n"
        "name = git('ls-files', '-z').rstrip('\\0')\n"
        "print(ascii(name), ascii(git('show', f':{name}')))"
    )
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    environment = {"PATH": os.environ["PATH"], **locale}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == r"'h\xe4user.txt' '37 \u2192 38'"


def test_a_name_that_is_not_utf8_leads_to_its_file(checkout: Path) -> None:
    name = os.fsdecode(b"h\xffouse.png")
    (checkout / name).write_bytes(b"x")
    listed = git("ls-files", "-z", "--others", strip=False).rstrip("\0")
    assert (checkout / listed).read_bytes() == b"x"


def test_a_folder_may_end_in_a_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blank ").mkdir()
    monkeypatch.chdir(tmp_path / "blank ")
    subprocess.run(["git", "init", "-q"], check=True)
    assert git("rev-parse", "--show-toplevel") == str(tmp_path / "blank ")


def test_a_refusal_is_told_whole(checkout: Path) -> None:
    with pytest.raises(DenoiserError, match=r"git commit -m: .*Please tell me who you are|nothing to commit"):
        git("commit", "-m", "x")


def test_a_repository_of_another_user_is_told_as_such(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its tests
    with pytest.raises(ForeignRepositoryError, match=r"dubious ownership[\s\S]*safe\.directory"):
        git("rev-parse", "--show-toplevel")


def test_no_git_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DenoiserError, match="git: is not installed"):
        git("status")
