"""What runs after a change, on this machine and on others, and what a dry run says of it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining import changes
from svhn_denoiser.retraining.pipeline import Pipeline
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import Go, Toy


def test_a_change_runs_what_depends_on_it_on_another_machine_too(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.push()
    toy.ran()
    other = toy.clone("other")
    other.edit("evaluate.py", "/ 10", "/ 20")
    other.edit("params.yaml", "epochs: 30", "epochs: 20")
    other.commit("Score differently, train less")
    result = go(other)
    assert other.ran() == ["train", "evaluate", "register"]
    assert result.stages["generate"] == "unchanged"
    assert result.changes == {
        "train": ["train.epochs: 30 → 20"],
        "evaluate": ["evaluate.py changed"],
    }
    assert result.params_changed == {"train.epochs": (30, 20)}
    assert result.base_metrics is not None
    assert result.base_metrics["denoised"]["psnr"] == 30.0
    other.edit("evaluate.py", "settings", "settings")
    (other.folder / "README.md").write_text("docs")
    other.commit("Docs")
    assert go(other).outcome is Outcome.NOTHING_TO_DO
    assert other.ran() == []


def test_a_change_of_the_evaluation_does_not_train(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.push()
    toy.ran()
    other = toy.clone("other")
    other.edit("evaluate.py", '"ssim": 0.9', '"ssim": 0.8')
    result = go(other)
    assert other.ran() == ["evaluate", "register"]
    assert result.stages == {"generate": "unchanged", "train": "unchanged", "evaluate": "ran", "register": "ran"}
    assert (result.outcome, result.exit_code) == (Outcome.NOT_BETTER, 3)
    assert not (other.folder / "data").exists(), "fetched, but nothing needs it"


def test_an_evaluation_that_comes_out_the_same_leaves_the_registry_alone(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.ran()
    toy.edit("evaluate.py", "import", "# a comment\nimport")
    result = go(toy)
    assert toy.ran() == ["evaluate"]
    assert result.outcome is Outcome.NOT_BETTER
    assert result.reasons == ["The results are the same as for version 1."]


def test_the_same_commit_trains_once_wherever_it_runs(toy: Toy, go: Go) -> None:
    go(toy)
    toy.ran()
    again = go(toy.clone("other"))
    assert toy.ran() == ["register"]
    assert again.stages == {"generate": "restored", "train": "restored", "evaluate": "restored", "register": "ran"}
    assert (again.outcome, again.version) == (Outcome.NOTHING_TO_DO, 1)
    assert toy.registry()["versions"] == ["run-30"]


def test_a_worse_model_is_not_promoted_each_time_it_is_asked(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.edit("params.yaml", "epochs: 30", "epochs: 2")
    toy.commit("Too short")
    toy.push()
    for clone in (toy, toy.clone("other")):
        result = go(clone)
        assert (result.outcome, result.version, result.champion_after) == (Outcome.NOT_BETTER, 2, 1)
    assert toy.ran().count("train") == 2  # the first one and this


def test_a_dry_run_says_why_and_changes_nothing(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.ran()
    before = toy.git("status", "--porcelain"), sorted(map(str, (toy.shared / "remote").rglob("*")))
    assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
    result = go(toy, dry_run=True, chosen=("train.epochs=3,4",))
    assert (result.outcome, result.exit_code) == (Outcome.WOULD_RUN, 0)
    assert result.changes == {
        "train": ["train.epochs: 30 → 3", "train.epochs: 30 → 4"],
        "evaluate": ["its inputs change"],
        "register": ["its inputs change"],
    }
    assert toy.ran() == []
    assert before == (toy.git("status", "--porcelain"), sorted(map(str, (toy.shared / "remote").rglob("*"))))


def test_a_dry_run_knows_what_was_never_pushed_or_registered_here(toy: Toy, go: Go, empty_database: Path) -> None:
    subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
    unfinished = go(toy, dry_run=True)
    assert (unfinished.outcome, unfinished.changes) == (Outcome.WOULD_RUN, {})
    assert "An earlier run" in unfinished.reasons[0]
    go(toy, commit=True)
    assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
    shutil.copy(empty_database, toy.folder / "mlflow.db")
    result = go(toy, dry_run=True)
    assert result.outcome is Outcome.WOULD_RUN
    assert "registered elsewhere" in result.changes["register"][0]


def test_a_lock_that_was_merged_of_two_halves_is_noticed(toy: Toy, go: Go) -> None:
    go(toy)
    lock = YAML(typ="safe").load(toy.folder / "dvc.lock")
    (data,) = (dep for dep in lock["stages"]["train"]["deps"] if dep["path"] == "data/noisy")
    data["md5"] = f"{'0' * 32}.dir"
    YAML(typ="safe").dump(lock, toy.folder / "dvc.lock")
    assert changes.since_lock(Pipeline(), YAML(typ="safe").load(toy.folder / "params.yaml")) == {
        "train": ["it used another version of data/noisy"]
    }
    (toy.folder / "dvc.lock").write_text("<<<<<<< HEAD")
    with pytest.raises(DenoiserError, match=r"dvc\.lock"):
        go(toy)
    # a bit that was flipped in the name of a hash
    for dep in lock["stages"]["train"]["deps"]:
        dep["hash"] = "md4"
    YAML(typ="safe").dump(lock, toy.folder / "dvc.lock")
    with pytest.raises(DenoiserError, match=r"dvc\.lock: is damaged\. Take back the committed one"):
        go(toy, dry_run=True)


def test_a_report_compares_with_the_base_whatever_an_earlier_run_left_in_dvc_lock(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    toy.push()
    toy.edit("params.yaml", "epochs: 30", "epochs: 25")
    toy.commit("Train less")
    subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
    toy.edit("params.yaml", "epochs: 25", "epochs: 3")
    toy.commit("Train still less")
    result = go(toy)
    assert result.changes == {"train": ["train.epochs: 30 → 3"]}
    assert result.params_changed == {"train.epochs": (30, 3)}
    toy.edit("params.yaml", "epochs: 3", "epochs: 30")
    back = go(toy)
    assert back.params_changed == {}
    assert back.changes == {"train": ["as before; dvc.lock here was of another run"]}


def test_a_base_whose_lock_or_settings_were_committed_damaged_is_one_that_was_never_trained(toy: Toy, go: Go) -> None:
    go(toy, commit=True)
    good = {name: (toy.folder / name).read_text() for name in ("dvc.lock", "params.yaml")}
    for name in good:
        (toy.folder / name).write_text("<<<<<<< HEAD\nstages: {\n")
    toy.commit("Merge badly")
    toy.push()
    for name, text in good.items():
        (toy.folder / name).write_text(text)
    toy.commit("Mend it")
    toy.edit("params.yaml", "epochs: 30", "epochs: 25")
    result = go(toy, dry_run=True)
    assert result.changes["train"] == ["train.epochs: 30 → 25"]
