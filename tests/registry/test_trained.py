"""The model that the stages left is found where they left it."""

import json
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry.trained import read_trained

SCORES = {
    "network": "dncnn",
    "noise": {"kind": "poisson", "strength": [0.05, 0.2]},
    "pictures": 12,
    "noisy": {"psnr": 20.25, "ssim": 0.5},
    "denoised": {"psnr": 33.1, "ssim": 0.95},
    "gain": {"psnr": 12.85, "ssim": 0.45},
}

ROW = {"strength": "0.1", "noisy_psnr": "20", "denoised_psnr": "30"}


@pytest.fixture
def left_by_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "reports/run.json": {"run_id": "f00d"},
        "reports/metrics.json": SCORES,
        "data/raw/source.json": {"source": "images"},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    for name in ("noise_levels", "noise_kinds"):
        (tmp_path / f"reports/{name}.csv").write_text("strength,noisy_psnr,denoised_psnr\n0.1,20,30\n")
    return tmp_path


@pytest.mark.usefixtures("left_by_the_stages")
def test_a_version_is_tagged_with_what_the_model_is_and_what_it_scored() -> None:
    trained = read_trained()
    assert (trained.model_file, trained.run_id) == (Path("models/denoiser.keras"), "f00d")
    assert trained.tags() == {
        "data_source": "images",
        "noise": "poisson [0.05, 0.2]",
        "psnr": "33.1",
        "ssim": "0.95",
    }
    assert trained.noise_levels == trained.noise_kinds == [ROW]
    assert trained.facts() == {"network": "dncnn", "noise": "poisson [0.05, 0.2]", "pictures": "12"}


@pytest.mark.usefixtures("left_by_the_stages")
@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"kind": "gaussian", "strength": 0.1, "read_sigma": 0.02}, "gaussian 0.1"),
        ({"kind": "jpeg", "strength": 0.1}, "jpeg 0.1"),
        (
            {"kind": "poisson-gaussian", "strength": [0.05, 0.2], "read_sigma": 0.02},
            "poisson-gaussian [0.05, 0.2], read noise 0.02",
        ),
        ({"kind": "sensor", "strength": 0.1, "read_sigma": 0.05}, "sensor 0.1, read noise 0.05"),
        ({"kind": "mixed", "strength": 0.1}, "mixed 0.1, read noise unknown"),
    ],
)
def test_all_of_the_noise_is_in_the_tag(noise: dict[str, object], words: str) -> None:
    Path("reports/metrics.json").write_text(json.dumps(SCORES | {"noise": noise}))
    assert read_trained().tags()["noise"] == words


@pytest.mark.parametrize(
    "name", ["reports/run.json", "reports/metrics.json", "data/raw/source.json", "reports/noise_levels.csv"]
)
def test_a_stage_that_has_not_run_is_said(left_by_the_stages: Path, name: str) -> None:
    (left_by_the_stages / name).unlink()
    with pytest.raises(DenoiserError, match=rf"{name}: no such file\. `dvc repro` makes it"):
        read_trained()
