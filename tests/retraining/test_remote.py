"""A DVC remote that is missing, chosen, incomplete or broken."""

import shutil
from typing import NoReturn

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import Go, Toy


def test_without_a_remote_all_is_made_here_and_that_is_said(toy: Toy, go: Go) -> None:
    (toy.folder / ".dvc/config.local").unlink()
    result = go(toy)
    assert result.outcome is Outcome.PROMOTED
    assert "There is no DVC remote: the results stay in this checkout." in result.notes
    assert go(toy).outcome is Outcome.NOTHING_TO_DO


def test_a_remote_can_be_chosen_for_one_call(toy: Toy, go: Go) -> None:
    with (toy.folder / ".dvc/config.local").open("a") as file:
        file.write(f"['remote \"second\"']\n    url = {toy.shared}/second\n")
    go(toy, remote="second")
    assert (toy.shared / "second/files").is_dir()
    assert not (toy.shared / "remote").exists()
    with pytest.raises(DenoiserError, match="no DVC remote third; there are: store, second"):
        go(toy, remote="third")


def test_what_the_remote_has_lost_is_made_again_and_no_more(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.push()
    toy.ran()
    lost = toy.git("grep", "-h", "-A2", "path: data/noisy", "HEAD", "--", "dvc.lock").split("md5: ")[1].split()[0]
    shutil.rmtree(toy.shared / "remote/files/md5" / lost[:2])
    shutil.rmtree(toy.shared / "remote/runs", ignore_errors=True)
    other = toy.clone("other")
    other.edit("params.yaml", "epochs: 30", "epochs: 31")
    result = go(other)
    assert other.ran() == ["generate", "train", "evaluate", "register"]
    assert result.outcome is Outcome.NOT_BETTER


def test_a_remote_that_cannot_be_used_stops_before_anything_is_trained(toy: Toy, go: Go) -> None:
    (toy.shared / "remote").write_text("a file where a folder should be")
    with pytest.raises(DenoiserError, match="DVC remote store"):
        go(toy)
    assert "register" not in toy.ran()


def test_nothing_is_registered_that_was_not_pushed(toy: Toy, go: Go) -> None:
    toy.edit(
        "evaluate.py",
        "part =",
        "(toy / 'remote/files').rename(toy / 'gone'); (toy / 'remote/files').touch()\npart =",
    )
    with pytest.raises(DenoiserError, match=r"DVC remote store takes nothing: .* the same command resumes"):
        go(toy)
    assert toy.ran() == ["generate", "train", "evaluate"]
    (toy.shared / "remote/files").unlink()
    result = go(toy)
    assert toy.ran() == ["register"]
    assert result.outcome is Outcome.PROMOTED


def _stops(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt
