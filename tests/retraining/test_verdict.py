"""The gate is asked again where DVC takes its old verdict for done."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from svhn_denoiser import program
from svhn_denoiser.retraining import registry_access
from svhn_denoiser.retraining.result import Outcome
from tests.retraining.toy_pipeline import Go, Toy


def test_dvc_runs_the_registration_then_though_nothing_changed(
    toy: Toy, go: Go, monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> None:
    go(toy, commit=True)
    (toy.shared / "registry.json").unlink()
    shutil.copy(empty_database, toy.folder / "mlflow.db")
    toy.ran()
    result = go(toy)
    assert toy.ran() == ["register"]
    assert (result.outcome, result.version) == (Outcome.PROMOTED, 1)
    assert "registered elsewhere" in result.changes["register"][0]


@pytest.mark.parametrize("line", ["import", "# looks different, and comes out the same\nimport"])
def test_the_gate_is_asked_anew_then_rather_than_an_old_verdict_believed(
    toy: Toy, go: Go, monkeypatch: pytest.MonkeyPatch, line: str
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


def test_the_verdict_is_told_once(toy: Toy, go: Go) -> None:
    toy.edit(
        "register.py",
        "known = json",
        "write('reports/told', os.environ.get('SVHN_DENOISER_REPORTED', 'no'))\nknown = json",
    )
    toy.commit("Note who tells")
    toy.push()
    go(toy)
    assert (toy.folder / "reports/told").read_text() == "yes", "the stage keeps its verdict to itself"
    again = go(toy.clone("other"))
    assert again.outcome is Outcome.NOTHING_TO_DO
    assert again.reasons == [], "the headline says that it is the champion already"


def test_a_stage_on_its_own_says_what_it_came_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(program.REPORTED, raising=False)
    program.conclude("version 1 is champion")
    monkeypatch.setenv(program.REPORTED, "yes")
    program.conclude("version 2 is champion")
    assert capsys.readouterr().out == "version 1 is champion\n"
