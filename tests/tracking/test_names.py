"""A run's name says what is special about it, and its page where it comes from and how to repeat it."""

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from svhn_denoiser.params import Params, changed, load
from svhn_denoiser.registry import events
from svhn_denoiser.tracking.lineage import person
from svhn_denoiser.tracking.names import run_name, special_settings
from svhn_denoiser.tracking.training_run import training_run
from tests.example_settings import EXAMPLE


@pytest.fixture
def committed(store_folder: Path) -> Path:
    """A repository with a store whose params.yaml is committed on main."""
    (store_folder / ".git").rmdir()
    shutil.copy(EXAMPLE, store_folder)
    _git("init", "-q", "-b", "main")
    _git("add", "params.yaml")
    _git("commit", "-q", "-m", "begin")
    return store_folder


def _git(*arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _changed(settings: Params, **changes: Any) -> Params:
    return changed(settings, {key.replace("__", "."): value for key, value in changes.items()})


def _name(params: Params) -> str:
    return run_name(params, special_settings(params))


def test_a_name_tells_the_settings_that_differ_from_the_committed_ones(committed: Path, settings: Params) -> None:
    assert _name(settings) == "default"
    assert _name(_changed(settings, train__width=24, train__epochs=51)) == "width=24 epochs=51"
    assert _name(_changed(settings, train__network="autoencoder-2021")) == "network=autoencoder-2021"
    assert _name(_changed(settings, generate__noise__strength=[0.01, 0.3])) == "strength=[0.01,0.3]"
    # `train` alone could be a section, and `timeout` is known by its name alone
    few = _changed(settings, download__synthetic__train=100, download__svhn__timeout=9)
    assert _name(few) == "timeout=9.0 train=100"


def test_many_settings_are_cut_and_counted(committed: Path, settings: Params) -> None:
    tree = {
        "width": 24,
        "epochs": 51,
        "batch_size": 16,
        "learning_rate": 0.001,
        "weight_decay": 0.5,
        "warmup_fraction": 0.1,
    }
    name = _name(changed(settings, {f"train.{key}": value for key, value in tree.items()} | {"seed": 1}))
    assert name.startswith("seed=1 width=24 epochs=51")
    assert name.endswith("and 1 more")
    assert len(name) < 100


def test_a_branch_and_an_experiment_lend_their_names(
    committed: Path, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git("switch", "-q", "-c", "wider/nets")
    wide = _changed(settings, train__width=24)
    assert (_name(settings), _name(wide)) == ("wider/nets", "wider/nets: width=24")
    monkeypatch.setenv("DVC_EXP_NAME", "brave-owl")
    assert (_name(settings), _name(wide)) == ("brave-owl", "brave-owl: width=24")


def test_a_branch_and_a_user_whose_names_are_not_utf8_keep_no_run_from_being_recorded(
    committed: Path, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git("checkout", "-q", "-b", os.fsdecode(b"h\xffuses"))
    monkeypatch.setenv("LOGNAME", os.fsdecode(b"J\xfcrgen"))
    with training_run(settings) as run:
        pass
    run = run.store.client.get_run(run.run_id)
    assert run.info.run_name.startswith("h\\udcffuses")
    assert run.data.tags["mlflow.user"] == "J\\udcfcrgen"
    assert events.now(person(), 1, "caf\udce9").reason == "caf\\udce9"


def test_the_base_of_an_experiment_is_the_commit_that_it_began_from(
    committed: Path, settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = _git("rev-parse", "HEAD")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  width: 32", "  width: 24"))
    _git("commit", "-q", "-a", "-m", "wider")
    wide = load(Path("params.yaml"))
    assert _name(wide) == "default"
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", base)
    assert _name(wide) == "width=24"


@pytest.mark.parametrize("broken", [None, "train: {width: 24}\n", "[\n"])
def test_where_no_committed_settings_can_be_read_the_network_names_the_run(
    committed: Path, settings: Params, broken: str | None
) -> None:
    if broken is None:
        shutil.rmtree(".git")
    else:
        Path("params.yaml").write_text(broken)
        _git("commit", "-q", "-a", "-m", "broken")
    assert special_settings(settings) is None
    assert _name(settings) == "residual-unet"


def test_a_runs_page_shows_commit_user_and_settings(committed: Path, settings: Params) -> None:
    commit = _git("rev-parse", "HEAD")
    with training_run(settings) as plain:
        pass
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("  width: 32", "  width: 24"))
    with training_run(load(Path("params.yaml"))) as wide:
        pass
    with training_run(changed(settings, {"generate.noise.kind": "poisson-gaussian"})) as other:
        pass
    client = plain.store.client
    first, second = (client.get_run(run.run_id) for run in (plain, wide))
    assert (first.info.run_name, second.info.run_name) == ("default", "width=24")
    assert first.data.tags["mlflow.source.name"] == commit[:7]
    assert second.data.tags["mlflow.source.name"] == f"{commit[:7]} with changes"
    assert first.data.tags["mlflow.source.type"] == "LOCAL"
    assert second.info.user_id == second.data.tags["mlflow.user"] == person()
    assert "settings" not in first.data.tags
    assert second.data.tags["settings"] == "train.width=24"
    assert second.data.tags["noise"] == "gaussian 0.1"
    assert client.get_run(other.run_id).data.tags["noise"] == "poisson-gaussian 0.1, read noise 0.02"
    # what reports/run.json keeps of it, for the report
    assert (plain.record["git_commit"], plain.record["git_dirty"], plain.record["changed"]) == (commit, "no", {})
    assert (wide.record["git_dirty"], wide.record["changed"]) == ("yes", {"train.width": 24})
    assert wide.record["settings"]["train"]["width"] == 24
    assert set(wide.record["settings"]) == {"seed", "download", "generate", "train"}
    began = datetime.fromtimestamp(second.info.start_time // 1000, UTC)
    assert wide.record["started"] == f"{began:%Y-%m-%d %H:%M:%S} UTC"


def test_a_resumed_training_keeps_its_date(committed: Path, settings: Params) -> None:
    with training_run(settings) as first:
        pass
    time.sleep(1.1)
    with training_run(settings, run_id=first.run_id, resumed=True) as again:
        pass
    assert (again.run_id, again.record) == (first.run_id, first.record)
