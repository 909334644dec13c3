"""DVC's part: what its stages say when they fail."""

import json
import os
import subprocess

import pytest

from svhn_denoiser.errors import DenoiserError
from tests.retraining.toy_pipeline import Go, Toy


def test_a_stage_that_fails_says_why_and_nothing_is_registered(toy: Toy, go: Go) -> None:
    toy.edit("params.yaml", "epochs: 30", "epochs: 13")
    done = toy.program("--json")
    assert done.returncode == 1
    assert "error: train.epochs = 13: brings bad luck.\n  Choose another.\n" in done.stderr
    result = json.loads(done.stdout)
    assert result["outcome"] == "failed"
    assert result["reasons"] == ["train.epochs = 13: brings bad luck.\n  Choose another."]
    assert not (toy.shared / "registry.json").exists()
    summary = (toy.folder / "reports/retraining.md").read_text()
    assert "Failed: nothing was promoted." in summary
    assert "train.epochs = 13: brings bad luck. Choose another." in summary


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"h\xffouse.png", "h\udcffouse.png: its name is not UTF-8, and DVC keeps no such file. Rename it."),
        (b"house.png", "house.png: is a link to nothing. Mend it, or delete it."),
    ],
)
def test_a_file_that_dvc_cannot_keep_is_named(toy: Toy, go: Go, name: bytes, said: str) -> None:
    toy.edit("dvc.yaml", "deps: [generate.py]", "deps: [generate.py, photos]")
    (toy.folder / "photos").mkdir()
    (toy.folder / "photos/1.png").write_text("1")
    subprocess.run(["dvc", "repro", "--quiet", "generate"], check=True)
    (toy.folder / "photos" / os.fsdecode(name)).symlink_to("1.png" if "UTF-8" in said else "gone.png")
    for options in ({"dry_run": True}, {"report_only": True}):
        with pytest.raises(DenoiserError) as error:
            go(toy, **options)
        assert str(error.value).endswith(f"photos/{said}")


def test_a_lock_file_that_git_ignores_is_not_to_be_deleted(toy: Toy, go: Go) -> None:
    (toy.folder / ".git/info/exclude").write_text("*.lock\n")
    with pytest.raises(
        DenoiserError, match=r"is git-ignored\. `git check-ignore [^`]*` tells .* add the line !dvc\.lock"
    ):
        go(toy)
    (toy.folder / ".git/info/exclude").write_text("*.lock\n!dvc.lock\n")
    go(toy, commit=True)
