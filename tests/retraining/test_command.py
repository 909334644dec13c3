"""`svhn-denoiser retrain` as a program: exit codes, JSON, the summary, and no secrets."""

import json
import subprocess
import sys
from pathlib import Path

from svhn_denoiser.retraining.comment import MARKER
from tests.retraining.toy_pipeline import Toy

NOTHING = "Nothing to do: nothing that a stage depends on has changed."


def test_exit_code_json_and_summary_say_the_same(toy: Toy, tmp_path: Path) -> None:
    done = toy.program("--json", GITHUB_STEP_SUMMARY=str(tmp_path / "step"))
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"]) == (0, "promoted")
    assert result == json.loads((toy.folder / "reports/retraining.json").read_text())
    assert {"report_only", "commit", "base", "stages", "version", "seconds", "reasons", "metrics"} <= set(result)
    summary = (toy.folder / "reports/retraining.md").read_text()
    assert summary.startswith(f"{MARKER}\n\n### Promoted: version 1 is champion")
    assert (tmp_path / "step").read_text() == summary
    again = toy.program("--summary", "elsewhere/s.md")
    assert (again.returncode, again.stdout.splitlines()[0]) == (4, NOTHING)
    assert NOTHING in (toy.folder / "elsewhere/s.md").read_text()


def test_a_report_that_cannot_be_written_is_noticed_before_the_work(toy: Toy) -> None:
    done = toy.program("--summary", "/proc/none/s.md")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: --summary: /proc/none: cannot be written into: ")
    assert toy.ran() == []


def test_a_report_that_cannot_be_written_does_not_hide_what_failed(toy: Toy) -> None:
    done = toy.program("--base", "v9", GITHUB_STEP_SUMMARY="/dev/full")
    first, last = done.stderr.splitlines()
    assert first == "retrain: the report is not written: [Errno 28] No space left on device"
    assert last.startswith("error: --base v9: there is no such commit")


def test_from_a_folder_below(toy: Toy) -> None:
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


def test_what_stages_print_comes_on_standard_error(toy: Toy) -> None:
    toy.edit("train.py", "epochs = settings", "print('from', 'standard output')\nepochs = settings")
    done = toy.program("--json")
    json.loads(done.stdout)
    assert "from standard output" in done.stderr


def test_a_secret_breaks_no_json_and_blanks_out_no_outcome(toy: Toy) -> None:
    toy.edit("params.yaml", "epochs: 30", "epochs: 13")
    toy.edit("train.py", "brings bad luck", 'brings hor\\"se | battery')
    done = toy.program("--json", MY_TOKEN="failed", MY_SECRET='hor"se | battery')
    assert 'hor"se' not in done.stderr
    result = json.loads(done.stdout)
    assert result["outcome"] == "failed"
    assert result["reasons"] == ["train.epochs = 13: brings ***.\n  Choose another."]
    assert json.loads((toy.folder / "reports/retraining.json").read_text()) == result


def test_wrong_usage_is_reported_as_a_failure(toy: Toy) -> None:
    assert toy.program("--dry-run", "--set", "train.epoch=3").returncode == 2
    assert not (toy.folder / "reports").exists()
    done = toy.program("--json", "--set", "train.epoch=3")
    result = json.loads((toy.folder / "reports/retraining.json").read_text())
    assert (done.returncode, result["outcome"], json.loads(done.stdout)) == (2, "failed", result)
    assert "no such setting; did you mean epochs?" in result["reasons"][0]
    assert "did you mean epochs?" in (toy.folder / "reports/retraining.md").read_text()
