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


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_repository_of_another_user_is_told_as_such(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its tests
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("LANGUAGE", language)  # where git's translations are installed
    with pytest.raises(ForeignRepositoryError, match=r"dubious ownership[\s\S]*safe\.directory"):
        git("rev-parse", "--show-toplevel")


@pytest.mark.parametrize(
    ("name", "value"),
    [("GIT_DIR", "{other}/.git"), ("GIT_WORK_TREE", "{other}"), ("GIT_INDEX_FILE", "{other}/.git/index")],
)
def test_the_repository_is_the_one_around_the_working_folder_whatever_the_environment_says(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    other = tmp_path_factory.mktemp("other")
    for folder in (other, checkout):
        (folder / f"{folder.name}.txt").touch()
        for command in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.setenv(name, value.format(other=other))
    assert git("rev-parse", "--show-toplevel") == str(checkout)
    assert git("ls-files") == f"{checkout.name}.txt"
    assert git("status", "--porcelain") == f"A  {checkout.name}.txt"


def test_no_git_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DenoiserError, match="git: is not installed"):
        git("status")
