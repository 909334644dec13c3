"""The scores of a run in the terminal."""

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from svhn_denoiser.evaluation.score_table import score_table
from svhn_denoiser.files import read_csv, write_csv
from tests.example_settings import ROOT

METRICS = {
    "pictures": 1952,
    "network": "residual-unet",
    "noise": {"kind": "gaussian", "strength": 0.1},
    "noisy": {"psnr": 20.2, "psnr_low": 20.1, "psnr_high": 20.3, "ssim": 0.47},
    "denoised": {"psnr": 33.5, "psnr_low": 33.4, "psnr_high": 33.6, "ssim": 0.954},
    "gain": {"psnr": 13.3, "ssim": 0.484},
}
METHODS = [
    {"method": "median", "psnr": 26.61234567, "ssim": 0.774},
    {"method": "residual-unet", "psnr": 33.41, "ssim": 0.953},
]


def write(folder):
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    write_csv(folder / "baselines.csv", METHODS)


def scores(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "svhn_denoiser", "scores", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_table_shows_gain_intervals_and_the_best_method_first(tmp_path):
    write(tmp_path)
    console = Console(width=120, record=True)
    console.print(score_table(tmp_path))
    text = console.export_text()
    assert "1,952 test pictures, gaussian noise of strength 0.1" in text
    assert "33.50 ± 0.10" in text
    assert "+13.30" in text
    assert text.index("33.41") < text.index("26.61")


def test_read_noise_is_named_with_the_noise_that_has_it(tmp_path):
    noise = {"kind": "poisson-gaussian", "strength": 0.1, "read_sigma": 0.02}
    write(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS | {"noise": noise}))
    title = score_table(tmp_path).title
    assert title == "1,952 test pictures, poisson-gaussian noise of strength 0.1, read noise 0.02"


def test_programs_read_json(tmp_path):
    write(tmp_path)
    read = json.loads(scores(str(tmp_path), "--json").stdout)
    assert read["denoised"]["psnr"] == 33.5
    assert [row["method"] for row in read["methods"]] == ["residual-unet", "median"]


def test_missing_scores_are_said(tmp_path):
    done = scores(str(tmp_path))
    assert done.returncode == 1
    assert "metrics.json: no such file" in done.stderr


def test_after_the_demo_alone_its_scores_are_shown(tmp_path):
    reports = tmp_path / "demo" / "reports"
    reports.mkdir(parents=True)
    write(reports)
    done = scores("--json", folder=tmp_path)
    assert json.loads(done.stdout)["denoised"]["psnr"] == 33.5
    assert "these are the scores of the demo, in demo/reports" in done.stderr


def test_a_table_is_written_whole_and_read_back(tmp_path):
    write_csv(tmp_path / "new" / "t.csv", METHODS)
    assert read_csv(tmp_path / "new" / "t.csv")[0] == {"method": "median", "psnr": "26.6123", "ssim": "0.774"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["t.csv"]
