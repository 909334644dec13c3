"""The tutorial, run as a reader would: every command of the page, in a fresh clone, with settings that take no time."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_settings import ROOT
from tests.pipeline.clone import SMALL, Clone

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
ADDRESS = "https://github.com/OWNER/NAME.git"
# what the page says, and what a test has time for
SMALLER = {
    "download.synthetic.train=1000": "download.synthetic.train=80",
    "download.synthetic.test=200": "download.synthetic.test=24",
    "train.epochs=3": "train.epochs=1",
}


def commands() -> str:
    """The commands of the page, as one script: a reader's shell remembers the folder and the environment too."""
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader types all commands of the page; the last one has ended."""
    origin = Clone(tmp_path_factory.mktemp("origin"))
    # the rest of the settings: those that the page chooses stay as they come
    chosen = {"download.source", "download.synthetic.train", "download.synthetic.test", "train.epochs"}
    origin.set(**{key.replace(".", "__"): value for key, value in SMALL.items() if key not in chosen})
    origin.commit("Small settings")
    script = commands()
    for said, instead in {ADDRESS: str(origin.folder), **SMALLER}.items():
        assert said in script, f"docs/tutorial.md no longer says {said}"
        script = script.replace(said, instead)
    desk = tmp_path_factory.mktemp("desk")
    setting_up, cloned = desk / "set-up", "cd svhn-denoiser\n"
    setting_up.write_text(environment_in_place())
    assert script.count(cloned) == 1
    script = script.replace(cloned, f"{cloned}. {setting_up}\n")
    identity = {f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=desk,
        env=origin.environment(**identity),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (desk / "output").write_text(done.stdout)
    return desk


def environment_in_place() -> str:
    """Shell commands after which `make setup` finds nothing to do: it would install 2 GB."""
    links = [f"ln -s '{path}' .venv/" for path in Path(sys.prefix).iterdir() if path.name != ".ready"]
    older = "touch -d 2000-01-01 requirements/*.txt pyproject.toml"
    return "\n".join(["mkdir .venv", *links, older, "touch .venv/.ready"])


def test_the_second_model_is_promoted_and_rolled_back(folder):
    output = (folder / "output").read_text()
    outcome = json.loads((folder / "svhn-denoiser" / "reports" / "retraining.json").read_text())
    assert outcome["outcome"] == "promoted"
    assert "version 1 is champion again, in place of version 2" in output


def test_the_results_are_committed(folder):
    log = ["git", "log", "--format=%s", "main..tutorial"]
    clone = folder / "svhn-denoiser"
    subjects = subprocess.run(log, cwd=clone, capture_output=True, text=True, check=True).stdout.splitlines()
    assert subjects[-1] == "Train a first model"
    assert len(subjects) == 2
    changed = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert changed.split() in ([], ["??", "denoised/"])
    assert "epochs: 12" in (clone / "params.yaml").read_text()


def test_the_picture_was_denoised(folder):
    assert (folder / "svhn-denoiser" / "denoised" / "drawn-numbers.png").stat().st_size > 0
