"""What a retraining does with settings, code, remotes and interruptions, on a pipeline that takes no time.

The real pipeline, with a server and a CI, is in tests/pipeline/test_retrain_end_to_end.py.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ruamel.yaml import YAML

from svhn_denoiser.credentials import masked
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import versions
from svhn_denoiser.retraining import checkout, chosen_settings, registry_access, undo
from svhn_denoiser.retraining.chosen_settings import WrongUsageError
from svhn_denoiser.retraining.job import Options, retrain
from svhn_denoiser.retraining.output import StageOutput, on_standard_error
from svhn_denoiser.retraining.pipeline import Pipeline
from svhn_denoiser.retraining.result import Outcome, Result, Trial
from svhn_denoiser.retraining.summary import MARKER, markdown
from svhn_denoiser.tracking.location import public_uri, tracking_uri
from svhn_denoiser.tracking.store import connect
from tests.example_settings import ROOT
from tests.guard import guarded
from tests.toy_pipeline import Toy

ALL = ["generate", "train", "evaluate", "register"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return Toy.create(tmp_path_factory.mktemp("template") / "first")


@pytest.fixture
def toy(template: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A fresh clone as the working folder; nothing was trained yet."""
    shutil.copytree(template.folder.parent, tmp_path / "toy")
    made = Toy(tmp_path / "toy" / "first", tmp_path / "toy" / "shared")
    made.git("remote", "set-url", "origin", str(made.shared / "origin"))
    made.use_remote(str(made.shared / "remote"))
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOY", str(made.shared))
    monkeypatch.setenv("PATH", made.environment()["PATH"])
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Retrains in this process: `go(toy, chosen=("train.epochs=3",))`."""

    def call(toy: Toy, **options: Any) -> Result:
        monkeypatch.chdir(toy.folder)
        result = Result()
        retrain(Options(**options), result, lambda _: None)
        return result

    return call


class TestSettings:
    def test_values_are_yaml_and_a_list_of_them_is_a_sweep(self) -> None:
        assert chosen_settings.combinations([]) == [{}]
        assert chosen_settings.combinations(["train.epochs=60", "generate.noise.strength=[0.1, 0.2]"]) == [
            {"train.epochs": 60, "generate.noise.strength": [0.1, 0.2]}
        ]
        assert chosen_settings.combinations(["train.loss=mse,l1", "train.gradient_clip=null,1.0", "seed=7"]) == [
            {"train.loss": loss, "train.gradient_clip": clip, "seed": 7}
            for loss in ("mse", "l1")
            for clip in (None, 1.0)
        ]

    @pytest.mark.parametrize(
        ("chosen", "complaint"),
        [
            (["train.epochs"], "expected KEY=VALUE"),
            (["=3"], "expected KEY=VALUE"),
            (["train.epochs="], "there is no value"),
            (["train.epochs=[1"], "no valid YAML"),
            (["train.epochs=1", "train.epochs=2"], "is given twice"),
            (["generate.noise.strength=0.1,0.2"], "only settings of train can be swept"),
            (["train.epochs=1,2,3,4,5", "train.width=4,8,12,16"], "20 combinations are asked for; 16 at the most"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, chosen: list[str], complaint: str) -> None:
        with pytest.raises(WrongUsageError, match=complaint):
            chosen_settings.combinations(chosen)

    def test_only_the_chosen_setting_changes_in_the_file(self) -> None:
        text = (ROOT / "params.yaml").read_text()
        before, after = text.splitlines(), chosen_settings.with_settings(text, {"train.epochs": 60}).splitlines()
        assert [line for line in after if line not in before] == ["  epochs: 60"]
        assert len(before) == len(after)
        assert chosen_settings.with_settings(text, {}) == text
        with pytest.raises(WrongUsageError, match="epochs is a setting, not a section"):
            chosen_settings.with_settings(text, {"train.epochs.first": 60})


class TestWhatRuns:
    def test_a_first_run_does_all_of_it_and_a_second_nothing(self, toy: Toy, go: Callable[..., Result]) -> None:
        first = go(toy)
        assert (first.outcome, first.exit_code) == (Outcome.PROMOTED, 0)
        assert first.stages == dict.fromkeys(ALL, "ran")
        assert (first.version, first.champion_before, first.champion_after) == (1, None, 1)
        assert first.metrics is not None
        assert first.metrics["denoised"]["psnr"] == 30.0
        assert first.pictures == ["reports/images/best.png"]
        assert toy.ran() == ALL
        second = go(toy)
        assert (second.outcome, second.exit_code, second.stages) == (Outcome.NOTHING_TO_DO, 4, {})
        assert toy.ran() == []

    def test_a_change_runs_what_depends_on_it_on_another_machine_too(self, toy: Toy, go: Callable[..., Result]) -> None:
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

    def test_a_change_of_the_evaluation_does_not_train(self, toy: Toy, go: Callable[..., Result]) -> None:
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

    def test_an_evaluation_that_comes_out_the_same_leaves_the_registry_alone(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        go(toy, commit=True)
        toy.ran()
        toy.edit("evaluate.py", "import", "# a comment\nimport")
        result = go(toy)
        assert toy.ran() == ["evaluate"]
        assert result.outcome is Outcome.NOT_BETTER
        assert result.reasons == ["All came out as it was for version 1."]

    def test_the_same_commit_trains_once_wherever_it_runs(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy)
        toy.ran()
        again = go(toy.clone("other"))
        assert toy.ran() == ["register"]
        assert again.stages == {"generate": "restored", "train": "restored", "evaluate": "restored", "register": "ran"}
        assert (again.outcome, again.version) == (Outcome.NOTHING_TO_DO, 1)
        assert toy.registry()["versions"] == ["run-30"]

    def test_a_worse_model_is_not_promoted_each_time_it_is_asked(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy, commit=True)
        toy.edit("params.yaml", "epochs: 30", "epochs: 2")
        toy.commit("Too short")
        toy.push()
        for clone in (toy, toy.clone("other")):
            result = go(clone)
            assert (result.outcome, result.version, result.champion_after) == (Outcome.NOT_BETTER, 2, 1)
        assert toy.ran().count("train") == 2  # the first one and this

    def test_a_dry_run_says_why_and_changes_nothing(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy, commit=True)
        toy.ran()
        before = toy.git("status", "--porcelain"), sorted(map(str, (toy.shared / "remote").rglob("*")))
        assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
        result = go(toy, dry_run=True, chosen=("train.epochs=3,4",))
        assert (result.outcome, result.exit_code) == (Outcome.WOULD_RUN, 0)
        assert result.changes == {
            "train": ["train.epochs: 30 → 3", "train.epochs: 30 → 4"],
            "evaluate": ["it depends on what these make"],
            "register": ["it depends on what these make"],
        }
        assert toy.ran() == []
        assert before == (toy.git("status", "--porcelain"), sorted(map(str, (toy.shared / "remote").rglob("*"))))

    def test_a_dry_run_leaves_what_was_killed_as_it_is_and_looks_beyond_it(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        go(toy, commit=True)
        params, lock = toy.folder / "params.yaml", toy.folder / "dvc.lock"
        trained = lock.read_text().replace("epochs: 30", "epochs: 25")
        _kill_amid(toy, chosen_settings.with_settings(params.read_text(), {"train.epochs": 25}))
        lock.write_text(trained)
        left = params.read_text(), lock.read_text()
        assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
        result = go(toy, dry_run=True, chosen=("train.epochs=3",))
        assert result.changes["train"] == ["train.epochs: 30 → 3"]
        assert (params.read_text(), lock.read_text()) == left

    def test_a_dry_run_waits_for_nobody(self, toy: Toy, go: Callable[..., Result]) -> None:
        with checkout.alone(lambda _: None):
            assert toy.program("--dry-run").returncode == 0

    def test_a_dry_run_knows_what_was_never_pushed_or_registered_here(
        self, toy: Toy, go: Callable[..., Result], empty_database: Path
    ) -> None:
        subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
        unfinished = go(toy, dry_run=True)
        assert (unfinished.outcome, unfinished.changes) == (Outcome.WOULD_RUN, {})
        assert "an earlier run" in unfinished.reasons[0]
        go(toy, commit=True)
        assert go(toy, dry_run=True).outcome is Outcome.NOTHING_TO_DO
        shutil.copy(empty_database, toy.folder / "mlflow.db")
        result = go(toy, dry_run=True)
        assert result.outcome is Outcome.WOULD_RUN
        assert "registered elsewhere" in result.changes["register"][0]

    def test_a_lock_that_was_merged_of_two_halves_is_noticed(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy)
        lock = YAML(typ="safe").load(toy.folder / "dvc.lock")
        (data,) = (dep for dep in lock["stages"]["train"]["deps"] if dep["path"] == "data/noisy")
        data["md5"] = f"{'0' * 32}.dir"
        YAML(typ="safe").dump(lock, toy.folder / "dvc.lock")
        assert Pipeline().changes(YAML(typ="safe").load(toy.folder / "params.yaml")) == {
            "train": ["data/noisy is another one than it was made from"]
        }
        (toy.folder / "dvc.lock").write_text("<<<<<<< HEAD")
        with pytest.raises(DenoiserError, match=r"dvc\.lock"):
            go(toy)

    def test_a_stage_that_fails_says_why_and_nothing_is_registered(self, toy: Toy, go: Callable[..., Result]) -> None:
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


class TestChosenSettings:
    def test_a_better_setting_stays_and_is_committed(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy, chosen=("train.epochs=10",), commit=True)
        result = go(toy, chosen=("train.epochs=25",), commit=True)
        assert result.outcome is Outcome.PROMOTED
        assert result.params_changed == {"train.epochs": (30, 25)}
        assert "epochs: 25" in toy.git("show", "HEAD:params.yaml")
        assert toy.git("status", "--porcelain") == ""
        assert toy.git("log", "-1", "--format=%s").startswith("Record a retraining")
        assert go(toy).outcome is Outcome.NOTHING_TO_DO

    def test_a_worse_setting_is_put_back_and_nothing_is_committed(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy, commit=True)
        commit = toy.git("rev-parse", "HEAD")
        result = go(toy, chosen=("train.epochs=3",), commit=True)
        assert (result.outcome, result.version) == (Outcome.NOT_BETTER, 2)
        assert toy.git("rev-parse", "HEAD") == commit
        assert toy.git("status", "--porcelain") == ""
        toy.ran()
        assert go(toy).outcome is Outcome.NOTHING_TO_DO
        assert toy.ran() == []

    def test_the_best_of_a_sweep_on_the_validation_pictures_is_proposed(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        go(toy, chosen=("train.epochs=10",), commit=True)
        toy.ran()
        result = go(toy, chosen=("train.epochs=20,28,40", "train.loss=mse"))
        assert result.trials == [
            Trial({"train.epochs": epochs, "train.loss": "mse"}, validation_psnr, psnr)
            for epochs, validation_psnr, psnr in ((20, 29.8, 29), (28, 29.4, 29.8), (40, 28.2, 29))
        ]
        assert toy.ran() == ["train", "evaluate"] * 3 + ["register"]
        assert (result.outcome, result.run_id) == (Outcome.PROMOTED, "run-20")
        assert "epochs: 20" in (toy.folder / "params.yaml").read_text()
        assert "| train.epochs | train.loss | validation PSNR (dB) | test PSNR (dB) |" in markdown(result)
        assert "| 20 | mse | 29.80 ← best | 29.00 |" in markdown(result)
        assert toy.registry()["versions"] == ["run-10", "run-20"]

    def test_a_sweep_scores_what_was_trained_before_on_another_machine_too(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        go(toy, chosen=("train.epochs=20",), commit=True)
        toy.push()
        toy.ran()
        other = toy.clone("other")
        result = go(other, chosen=("train.epochs=20,28",))
        assert [trial.validation_psnr for trial in result.trials] == [29.8, 29.4]
        assert other.ran() == ["train", "evaluate"]
        assert result.reasons == ["All came out as it was for version 1."]

    def test_a_setting_that_does_not_exist_is_wrong_usage(self, toy: Toy) -> None:
        done = toy.program("--set", "train.epoch=3")
        assert done.returncode == 2
        assert "no such setting; did you mean epochs?" in " ".join(done.stderr.replace("│", " ").split())
        assert toy.git("status", "--porcelain") == ""

    def test_what_was_killed_amid_its_settings_is_put_back(self, toy: Toy, go: Callable[..., Result]) -> None:
        go(toy, commit=True)
        before = (toy.folder / "params.yaml").read_text(), (toy.folder / "dvc.lock").read_text()
        text = chosen_settings.with_settings(before[0], {"train.epochs": 3})
        _kill_amid(toy, text)
        assert (toy.folder / "params.yaml").read_text() == text
        toy.ran()
        assert go(toy).outcome is Outcome.NOTHING_TO_DO
        assert ((toy.folder / "params.yaml").read_text(), (toy.folder / "dvc.lock").read_text()) == before
        assert toy.ran() == []

    def test_what_was_killed_amid_its_settings_is_not_put_over_another_commit(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        go(toy, commit=True)
        text = chosen_settings.with_settings((toy.folder / "params.yaml").read_text(), {"train.epochs": 25})
        _kill_amid(toy, text)
        toy.git("checkout", "--quiet", "--force", "HEAD")
        (toy.folder / "params.yaml").write_text(text)
        toy.commit("Main gets exactly this meanwhile")
        result = go(toy)
        assert result.params_changed == {"train.epochs": (30, 25)}
        assert toy.git("status", "--porcelain", "params.yaml") == ""

    def test_what_a_person_wrote_since_stays(self, toy: Toy) -> None:
        (toy.folder / checkout.STATE).mkdir(parents=True)
        with undo.settings_put_back(["written by a retraining"]):
            (toy.folder / "params.yaml").write_text("written by a person")
        assert (toy.folder / "params.yaml").read_text() == "written by a person"


class TestRemote:
    def test_without_a_remote_all_is_made_here_and_that_is_said(self, toy: Toy, go: Callable[..., Result]) -> None:
        (toy.folder / ".dvc/config.local").unlink()
        result = go(toy)
        assert result.outcome is Outcome.PROMOTED
        assert "There is no DVC remote: what is made stays in this checkout." in result.notes
        assert go(toy).outcome is Outcome.NOTHING_TO_DO

    def test_a_remote_can_be_chosen_for_one_call(self, toy: Toy, go: Callable[..., Result]) -> None:
        with (toy.folder / ".dvc/config.local").open("a") as file:
            file.write(f"['remote \"second\"']\n    url = {toy.shared}/second\n")
        go(toy, remote="second")
        assert (toy.shared / "second/files").is_dir()
        assert not (toy.shared / "remote").exists()
        with pytest.raises(DenoiserError, match="no DVC remote third; there are: store, second"):
            go(toy, remote="third")

    def test_what_the_remote_has_lost_is_made_again_and_no_more(self, toy: Toy, go: Callable[..., Result]) -> None:
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

    def test_a_remote_that_cannot_be_used_stops_before_anything_is_trained(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        (toy.shared / "remote").write_text("a file where a folder should be")
        with pytest.raises(DenoiserError, match="DVC remote store"):
            go(toy)
        assert "register" not in toy.ran()

    def test_nothing_is_registered_that_was_not_pushed(self, toy: Toy, go: Callable[..., Result]) -> None:
        toy.edit(
            "evaluate.py",
            "part =",
            "(toy / 'remote/files').rename(toy / 'gone'); (toy / 'remote/files').touch()\npart =",
        )
        with pytest.raises(DenoiserError, match=r"DVC remote store takes nothing: .* the same command goes on"):
            go(toy)
        assert toy.ran() == ["generate", "train", "evaluate"]
        (toy.shared / "remote/files").unlink()
        result = go(toy)
        assert toy.ran() == ["register"]
        assert result.outcome is Outcome.PROMOTED


class TestRegistry:
    def test_without_any_credentials_a_run_only_reports_and_is_recorded_here(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in registry_access.CREDENTIALS:
            monkeypatch.setenv(name, "")  # as of a secret that a fork does not get
        with guarded("http://127.0.0.1:9", {"somebody": "with a password"}) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            access = registry_access.access(report_only=False)
            with pytest.raises(DenoiserError, match=r"asks for credentials, and there are none\. Set MLFLOW_TRACKING_"):
                registry_access.access(report_only=False, to_be_committed=True)
        assert (access.report_only, access.knows_champion) == (True, False)
        refused = "asks for credentials that are not here: nothing is promoted, this only reports."
        assert access.note == f"{address} {refused}"
        with registry_access.recorded(access):
            assert tracking_uri() == f"sqlite:///{repository}/mlflow.db"
        assert public_uri(tracking_uri()) == address

    @pytest.mark.parametrize("name", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_URI"])
    def test_credentials_that_a_server_refuses_are_an_error_and_no_silent_report(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        for each in registry_access.CREDENTIALS:
            monkeypatch.delenv(each, raising=False)
        monkeypatch.setenv(name, "expired")
        with guarded("http://127.0.0.1:9", {"somebody": "with a password"}) as address:
            with_password = address.replace("://", "://me:mistyped@") if name == "MLFLOW_TRACKING_URI" else address
            monkeypatch.setenv("MLFLOW_TRACKING_URI", with_password)
            with pytest.raises(DenoiserError, match=r"refuses these credentials.*--report-only does without") as error:
                registry_access.access(report_only=False)
            assert name in str(error.value)
            assert "mistyped" not in str(error.value)
            assert registry_access.access(report_only=True).report_only

    def test_a_server_that_can_only_be_read_does_for_a_report(
        self, repository: Path, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        connect()
        with guarded(server, {"me": "my password"}, readers=["me"]) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("://", "://me:my password@"))
            access = registry_access.access(report_only=True)
        assert access == registry_access.Access(
            report_only=True,
            knows_champion=True,
            takes_runs=False,
            note=f"{address} can only be read: the training is recorded in this checkout.",
        )
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        assert registry_access.access(report_only=True) == registry_access.Access(report_only=True, knows_champion=True)

    def test_a_server_that_is_gone_is_an_error_unless_nothing_is_to_be_registered(
        self, repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        with pytest.raises(DenoiserError, match=r"http://127\.0\.0\.1:9: no MLflow server answers there"):
            registry_access.access(report_only=False)
        assert registry_access.access(report_only=True).note == (
            "http://127.0.0.1:9 does not answer: nothing is promoted, this only reports."
        )

    def test_a_store_in_the_checkout_is_used_and_a_new_one_is_said_to_be_new(
        self, repository: Path, empty_database: Path
    ) -> None:
        fresh = registry_access.access(report_only=False)
        assert (fresh.report_only, fresh.knows_champion) == (False, False)
        assert "new in this checkout" in (fresh.note or "")
        shutil.copy(empty_database, repository / "mlflow.db")
        assert registry_access.access(report_only=False) == registry_access.Access(
            report_only=False, knows_champion=True
        )

    def test_what_was_registered_at_a_desk_is_registered_with_the_server_too(
        self, store_folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = connect()
        known = {"run_id": desk.client.create_run(desk.experiment_id).info.run_id, "version": 1}
        assert registry_access.registered_elsewhere(known) is None
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        assert registry_access.registered_elsewhere(known) == (
            f"{server} does not have the model: it was registered elsewhere"
        )

    def test_dvc_runs_the_registration_then_though_nothing_changed(
        self, toy: Toy, go: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, empty_database: Path
    ) -> None:
        go(toy, commit=True)
        (toy.shared / "registry.json").unlink()
        shutil.copy(empty_database, toy.folder / "mlflow.db")
        toy.ran()
        result = go(toy)
        assert toy.ran() == ["register"]
        assert (result.outcome, result.version) == (Outcome.PROMOTED, 1)
        assert "registered elsewhere" in result.changes["register"][0]

    def test_an_old_registration_is_out_of_date_when_the_champion_is_another_one(
        self, store_folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = connect()
        run = desk.client.create_run(desk.experiment_id).info.run_id
        desk.client.create_registered_model(versions.MODEL)
        for version in ("1", "2"):
            desk.client.create_model_version(versions.MODEL, str(store_folder), run)
            desk.client.set_registered_model_alias(versions.MODEL, versions.CHAMPION, version)
        assert registry_access.out_of_date({"run_id": run, "champion_after": 2}) is None
        assert (
            registry_access.out_of_date({"run_id": run, "champion_after": 1})
            == "the champion is version 2 now, and was 1"
        )
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        assert "registered elsewhere" in (registry_access.out_of_date({"run_id": run, "champion_after": 2}) or "")

    @pytest.mark.parametrize("line", ["import", "# looks different, and comes out the same\nimport"])
    def test_the_gate_is_asked_anew_then_rather_than_an_old_verdict_believed(
        self, toy: Toy, go: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, line: str
    ) -> None:
        subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
        known = toy.registry()
        better = {"versions": [*known["versions"], "better"], "champion": {"version": 2, "psnr": 40.0}}
        (toy.shared / "registry.json").write_text(json.dumps(better))

        def out_of_date(registration: dict[str, Any]) -> str | None:
            champion = toy.registry()["champion"]["version"]
            return None if registration["champion_after"] == champion else f"the champion is version {champion} now"

        monkeypatch.setattr(registry_access, "out_of_date", out_of_date)
        toy.edit("evaluate.py", "import", line)
        toy.ran()
        result = go(toy)
        assert toy.ran()[-1] == "register"
        assert (result.outcome, result.version, result.champion_after) == (Outcome.NOT_BETTER, 1, 2)
        assert result.reasons == ["PSNR is 30.00 dB."]
        assert "the champion is version 2 now" in result.changes["register"]


class TestInterruptions:
    def test_what_a_person_reproduced_is_pushed_and_reported_once(self, toy: Toy, go: Callable[..., Result]) -> None:
        # the same as a retraining that was killed after its last stage
        subprocess.run(["dvc", "repro", "--quiet"], cwd=toy.folder, env=toy.environment(), check=True)
        toy.ran()
        result = go(toy)
        assert (result.outcome, result.version) == (Outcome.PROMOTED, 1)
        assert result.stages == dict.fromkeys(ALL, "unchanged")
        assert (toy.shared / "remote/runs").is_dir()
        assert go(toy).outcome is Outcome.NOTHING_TO_DO
        assert go(toy, commit=True).outcome is Outcome.NOTHING_TO_DO
        assert toy.git("status", "--porcelain") == ""
        assert toy.ran() == []

    def test_two_at_once_in_one_checkout_train_once(self, toy: Toy) -> None:
        toy.edit("train.py", "epochs = settings", "import time; time.sleep(2)\nepochs = settings")
        command = [sys.executable, "-m", "svhn_denoiser", "retrain"]
        both = [
            subprocess.Popen(command, cwd=toy.folder, env=toy.environment(), stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [process.communicate()[1] for process in both]
        assert sorted(process.returncode for process in both) == [0, 4]
        assert sum("another retraining is running in this checkout" in text for text in said) == 1
        assert toy.ran() == ALL

    def test_a_stage_does_not_outlive_a_retraining_that_is_ended(self, toy: Toy) -> None:
        toy.edit(
            "train.py",
            "epochs = settings",
            "import time; time.sleep(60); (toy / 'outlived').touch()\nepochs = settings",
        )
        command = [sys.executable, "-m", "svhn_denoiser", "retrain", "--json"]
        process = subprocess.Popen(
            command, cwd=toy.folder, env=toy.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("> python train.py"):
                process.terminate()
                break
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 128 + 15
        assert json.loads(out)["reasons"] == ["It was stopped. The next run goes on."]
        assert not (toy.shared / "outlived").exists()


class TestCommits:
    def test_what_was_promoted_by_a_machine_that_stopped_then_is_recorded_by_the_next(
        self, toy: Toy, go: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go(toy, chosen=("train.epochs=10",), commit=True)
        toy.push()
        before = (toy.folder / "params.yaml").read_text()
        with monkeypatch.context() as stopped:
            stopped.setattr(checkout, "commit_files", _stops)
            with pytest.raises(KeyboardInterrupt):
                go(toy, chosen=("train.epochs=25",), commit=True)
        assert toy.registry()["champion"]["version"] == 2
        assert (toy.folder / "params.yaml").read_text() == before, "in no commit, so the same command can go on"
        for clone in (toy.clone("other"), toy):
            result = go(clone, chosen=("train.epochs=25",), commit=True)
            assert (result.version, result.champion_after) == (2, 2)
            assert "epochs: 25" in clone.git("show", "HEAD:params.yaml")
            assert clone.git("status", "--porcelain") == ""

    def test_a_report_leaves_the_settings_as_they_were_whatever_the_gate_would_decide(
        self, toy: Toy, go: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go(toy, commit=True)
        commit = toy.git("rev-parse", "HEAD")
        yes = {"promoted": True, "champion_before": 1, "champion_after": 1, "reasons": []}
        monkeypatch.setattr(registry_access, "would_decide", lambda _: yes)
        result = go(toy, chosen=("train.epochs=25",), report_only=True, commit=True)
        assert (result.outcome, result.report_only) == (Outcome.PROMOTED, True)
        assert toy.git("rev-parse", "HEAD") == commit
        assert toy.git("status", "--porcelain") == ""

    def test_a_failure_after_a_promotion_says_that_there_was_one(self, toy: Toy) -> None:
        hook = toy.folder / ".git/hooks/reference-transaction"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        done = toy.program("--commit", "--json")
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (1, "failed")
        said = "Failed after version 1 was made champion: the same command again pushes and records it."
        assert f"### {said}" in (toy.folder / "reports/retraining.md").read_text()
        hook.unlink()
        assert toy.program("--commit").returncode == 0
        assert toy.git("status", "--porcelain") == ""

    def test_a_developers_hooks_do_not_keep_a_result_from_being_recorded(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        hook = toy.folder / ".git/hooks/pre-commit"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        go(toy, commit=True)
        assert toy.git("log", "-1", "--format=%s").startswith("Record a retraining")

    def test_loose_changes_are_not_committed_as_what_was_made_of_the_commit(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        toy.edit("train.py", "import", "# loose\nimport")
        with pytest.raises(DenoiserError, match=r"--commit: train.py differ from the commit"):
            go(toy, commit=True)
        assert toy.ran() == []

    def test_new_files_that_a_stage_depends_on_are_loose_changes_and_others_are_not(
        self, toy: Toy, go: Callable[..., Result]
    ) -> None:
        toy.edit("dvc.yaml", "data/noisy, train.py", "data/noisy, train.py, networks")
        (toy.folder / "networks").mkdir()
        (toy.folder / "networks/old.py").touch()
        toy.commit("Depend on a folder")
        (toy.folder / "networks/new one.py").touch()
        (toy.folder / "notes.txt").touch()
        with pytest.raises(DenoiserError, match=r"--commit: networks/new one\.py differ from the commit"):
            go(toy, commit=True)
        (toy.folder / ".git/info/exclude").write_text("new*\n")
        go(toy, commit=True)
        assert toy.git("status", "--porcelain") == "?? notes.txt"

    def test_where_nobody_said_who_commits_a_commit_is_made_all_the_same(
        self, toy: Toy, go: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("user.name", "user.email"):
            toy.git("config", "--unset", name)
        toy.git("config", "user.useConfigOnly", "true")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
        go(toy, commit=True)
        assert toy.git("log", "-1", "--format=%an") == "svhn-denoiser retrain"

    def test_the_base_is_main_or_the_commit_before(self, toy: Toy) -> None:
        first = toy.git("rev-parse", "HEAD")
        assert checkout.base(None) == first, "after a push, HEAD is main: its dvc.lock has what was before"
        (toy.folder / "new").write_text("")
        toy.commit("On a branch")
        assert checkout.base(None) == first
        assert checkout.base("HEAD") == toy.git("rev-parse", "HEAD")
        toy.git("remote", "remove", "origin")
        assert checkout.base(None) == first
        toy.git("checkout", "--quiet", first)
        assert checkout.base(None) is None
        with pytest.raises(DenoiserError, match=r"--base v9: there is no such commit"):
            checkout.base("v9")

    def test_outside_of_the_project_that_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DenoiserError, match="is in no git repository"):
            checkout.root()
        subprocess.run(["git", "init", "--quiet"], check=True)
        with pytest.raises(DenoiserError, match=r"has no .dvc and dvc.yaml"):
            checkout.root()


class TestProgram:
    def test_exit_code_json_and_summary_say_the_same(self, toy: Toy, tmp_path: Path) -> None:
        done = toy.program("--json", GITHUB_STEP_SUMMARY=str(tmp_path / "step"))
        result = json.loads(done.stdout)
        assert (done.returncode, result["outcome"]) == (0, "promoted")
        assert result == json.loads((toy.folder / "reports/retraining.json").read_text())
        assert {"report_only", "commit", "base", "stages", "version", "seconds", "reasons", "metrics"} <= set(result)
        summary = (toy.folder / "reports/retraining.md").read_text()
        assert summary.startswith(f"{MARKER}\n\n### Promoted: version 1 is champion")
        assert (tmp_path / "step").read_text() == summary
        again = toy.program("--summary", "elsewhere/s.md")
        assert (again.returncode, again.stdout.splitlines()[0]) == (4, _NOTHING)
        assert _NOTHING in (toy.folder / "elsewhere/s.md").read_text()

    def test_from_a_folder_below(self, toy: Toy) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "svhn_denoiser", "retrain", "--dry-run"],
            cwd=toy.folder / ".dvc",
            env=toy.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "  train: it has not run yet" in done.stdout

    def test_what_stages_print_comes_on_standard_error(self, toy: Toy) -> None:
        toy.edit("train.py", "epochs = settings", "print('from', 'standard output')\nepochs = settings")
        done = toy.program("--json")
        json.loads(done.stdout)
        assert "from standard output" in done.stderr

    def test_a_secret_breaks_no_json_and_blanks_out_no_outcome(self, toy: Toy) -> None:
        toy.edit("params.yaml", "epochs: 30", "epochs: 13")
        toy.edit("train.py", "brings bad luck", 'brings hor\\"se | battery')
        done = toy.program("--json", MY_TOKEN="failed", MY_SECRET='hor"se | battery')
        assert 'hor"se' not in done.stderr
        result = json.loads(done.stdout)
        assert result["outcome"] == "failed"
        assert result["reasons"] == ["train.epochs = 13: brings ***.\n  Choose another."]
        assert json.loads((toy.folder / "reports/retraining.json").read_text()) == result

    def test_wrong_usage_is_reported_as_a_failure(self, toy: Toy) -> None:
        assert toy.program("--dry-run", "--set", "train.epoch=3").returncode == 2
        assert not (toy.folder / "reports").exists()
        done = toy.program("--json", "--set", "train.epoch=3")
        result = json.loads((toy.folder / "reports/retraining.json").read_text())
        assert (done.returncode, result["outcome"], json.loads(done.stdout)) == (2, "failed", result)
        assert "no such setting; did you mean epochs?" in result["reasons"][0]
        assert "did you mean epochs?" in (toy.folder / "reports/retraining.md").read_text()


class TestSummary:
    def test_a_secret_is_blanked_out_whatever_a_table_makes_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_SECRET", "horse|battery")
        monkeypatch.setenv("MY_TOKEN", "retrain")
        text = markdown(Result(params_changed={"download.path": ("a", "horse|battery")}))
        assert "| download.path | a | *** |" in text
        assert text.startswith(MARKER)

    def test_credentials_are_blanked_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "battery/staple")
        monkeypatch.setenv("SOME_TOKEN", "true")
        text = "https://me:pass@host/x?a=1&X-Amz-Signature=abc&b=2 correct horse battery/staple is true"
        assert masked(text) == "https://host/x?a=1&X-Amz-Signature=***&b=2 *** *** is true"
        result = Result(reasons=["correct horse was refused"], notes=["s3://key:battery@bucket"])
        assert "correct" not in markdown(result)
        assert "battery" not in markdown(result)

    @pytest.mark.parametrize(
        ("result", "verdict"),
        [
            (
                Result(Outcome.PROMOTED, version=3, champion_before=2),
                "Promoted: version 3 is champion in place of version 2.",
            ),
            (
                Result(Outcome.PROMOTED, report_only=True, champion_before=2),
                "Would be promoted: it would become champion in place of version 2.",
            ),
            (
                Result(Outcome.NOT_BETTER, version=3, champion_after=2),
                "Not better: version 3 is not made champion; version 2 stays.",
            ),
            (
                Result(Outcome.NOT_BETTER, report_only=True, champion_after=2),
                "Not better: it would not become champion; version 2 stays.",
            ),
            (
                Result(Outcome.NOTHING_TO_DO, version=2, champion_after=2),
                "Nothing to do: version 2, made of exactly this, is champion already.",
            ),
            (Result(Outcome.NOTHING_TO_DO), "Nothing to do: nothing that a stage depends on has changed."),
            (Result(Outcome.FAILED), "Failed: nothing was promoted."),
            (
                Result(Outcome.FAILED, version=2, champion_before=2, champion_after=2),
                "Failed: nothing was promoted.",
            ),
            (
                Result(Outcome.FAILED, version=3, champion_before=2, champion_after=3),
                "Failed after version 3 was made champion: the same command again pushes and records it.",
            ),
        ],
    )
    def test_the_verdict_comes_first(self, result: Result, verdict: str) -> None:
        assert markdown(result).splitlines()[:3] == [MARKER, "", f"### {verdict}"]

    def test_scores_settings_and_names_stand_in_tables_that_nothing_breaks(self) -> None:
        scores = {"denoised": {"psnr": 33.5, "ssim": 0.95}, "gain": {"psnr": 13.3}, "noisy": {"psnr": 20.2}}
        before = {"denoised": {"psnr": 33.0, "ssim": 0.94}, "gain": {"psnr": 12.8}, "noisy": {"psnr": 20.2}}
        result = Result(Outcome.PROMOTED, base="b" * 40, metrics=scores, base_metrics=before, version=3)
        result.params_changed = {"download.path": ("a|b", "c\nd"), "train.early_stopping": (None, True)}
        text = markdown(result)
        assert "| PSNR, denoised (dB) | 33.50 | 33.00 | +0.50 |" in text
        assert "| download.path | a\\|b | c d |" in text
        assert "| train.early_stopping | none | true |" in text
        result.base_metrics = None
        assert "No scores of bbbbbbbbb are known" in markdown(result)
        result.base_metrics = before | {"noisy": {"psnr": 20.3}}
        assert "The test pictures are not those of before" in markdown(result)

    def test_it_stays_short_enough_for_a_comment(self) -> None:
        result = Result(Outcome.NOT_BETTER, changes={f"stage {n}": ["x" * 100] * 1000 for n in range(5)})
        result.params_changed = {f"setting.{number}": (0, "y" * 100) for number in range(1000)}
        assert len(markdown(result)) < 10_000
        assert "… and 980 more." in markdown(result)


def _kill_amid(toy: Toy, text: str) -> None:
    # a retraining with these settings, without a chance to tidy up
    script = f"""
import os
from pathlib import Path
from svhn_denoiser.retraining import kept
with undo.settings_put_back([{text!r}]):
    Path("params.yaml").write_text({text!r})
    Path("dvc.lock").write_text("half of it")
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], cwd=toy.folder, env=toy.environment(), check=False)


def _stops(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_the_error_of_a_stage_is_found_in_what_it_printed(capfd: pytest.CaptureFixture[str]) -> None:
    output = StageOutput()
    assert output.error() is None
    with on_standard_error(output):
        lines = "epoch 1\\nerror: an old one\\nepoch 2\\nerror: two settings are wrong\\n  one\\n  two\\nfailed"
        subprocess.run(["printf", lines], check=True)
    assert output.error() == "two settings are wrong\n  one\n  two"
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 1\n" in err


_NOTHING = "Nothing to do: nothing that a stage depends on has changed."
