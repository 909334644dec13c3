"""Settings that a killed retraining left are put back, and nobody else's."""

from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining import checkout, chosen_settings, undo
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import Go, Toy, kill_amid


def test_what_was_killed_amid_its_settings_is_put_back(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    before = (toy.folder / "params.yaml").read_text(), (toy.folder / "dvc.lock").read_text()
    text = chosen_settings.with_settings(before[0], {"train.epochs": 3})
    kill_amid(toy, text)
    assert (toy.folder / "params.yaml").read_text() == text
    toy.ran()
    assert go(toy).outcome is Outcome.NOTHING_TO_DO
    assert ((toy.folder / "params.yaml").read_text(), (toy.folder / "dvc.lock").read_text()) == before
    assert toy.ran() == []


def test_what_was_killed_amid_its_settings_is_not_put_over_another_commit(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    text = chosen_settings.with_settings((toy.folder / "params.yaml").read_text(), {"train.epochs": 25})
    kill_amid(toy, text)
    toy.git("checkout", "--quiet", "--force", "HEAD")
    (toy.folder / "params.yaml").write_text(text)
    toy.commit("Main gets exactly this meanwhile")
    result = go(toy)
    assert result.params_changed == {"train.epochs": (30, 25)}
    assert toy.git("status", "--porcelain", "params.yaml") == ""


def test_what_a_person_wrote_since_stays(toy: Toy) -> None:
    (toy.folder / checkout.STATE).mkdir(parents=True)
    with undo.settings_put_back(["written by a retraining"]):
        (toy.folder / "params.yaml").write_text("written by a person")
    assert (toy.folder / "params.yaml").read_text() == "written by a person"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("params.yaml", b"# caf\xe9\n", r"^params\.yaml: cannot be read as UTF-8 text"),
        (undo._WRITTEN, b'{"head": "', r"written\.json: is damaged .* take them from \.dvc/tmp/retraining/before"),
        (undo._WRITTEN, b"\xff", r"written\.json: is damaged"),
    ],
)
def test_what_is_damaged_is_said(toy: Toy, go: Go, file: str | Path, content: bytes, said: str) -> None:
    (toy.folder / file).parent.mkdir(parents=True, exist_ok=True)
    (toy.folder / file).write_bytes(content)
    for dry_run in (True, False):
        with pytest.raises(DenoiserError, match=said):
            go(toy, dry_run=dry_run)
    assert toy.ran() == []


def test_a_dry_run_leaves_what_was_killed_as_it_is_and_looks_beyond_it(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    params, lock = toy.folder / "params.yaml", toy.folder / "dvc.lock"
    trained = lock.read_text().replace("epochs: 30", "epochs: 25")
    kill_amid(toy, chosen_settings.with_settings(params.read_text(), {"train.epochs": 25}))
    lock.write_text(trained)
    left = params.read_text(), lock.read_text()
    assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
    result = go(toy, dry_run=True, chosen=("train.epochs=3",))
    assert result.changes["train"] == ["train.epochs: 30 → 3"]
    assert (params.read_text(), lock.read_text()) == left
