"""The lock files of requirements/: complete, and installed as they are."""

import re
import subprocess
import sys

import pytest

from tests.example_settings import ROOT

INSTALLS = re.findall(r"pip install (.*-r requirements/\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))


def test_the_lock_has_all_that_its_packages_ask_for():
    command = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("options", INSTALLS)
def test_a_lock_is_installed_without_looking_for_newer_releases(options):
    """An older pip takes the newest of what is asked for with an extra, and then refuses it: it is not in the lock."""
    assert {"--require-hashes", "--no-deps"} <= set(options.split())
