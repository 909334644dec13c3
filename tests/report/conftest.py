"""A plausible run to report on."""

import numpy as np
import pytest

from svhn_denoiser.report.gallery import Exhibit
from tests.report.example_scores import scores


@pytest.fixture
def parts():
    """Arguments of `html.render`."""
    both = {"noisy_psnr": 20.2, "denoised_psnr": 33.4, "noisy_ssim": 0.47, "denoised_ssim": 0.95}
    return {
        "metrics": {
            "pictures": 1952,
            "network": "residual-unet",
            "noise": {"kind": "gaussian", "strength": 0.1},
            "noisy": scores(20.21, 0.4748),
            "denoised": scores(33.41, 0.9517),
            "gain": {"psnr": 13.2, "ssim": 0.4769},
        },
        "history": [
            {"epoch": 1, "loss": 0.01, "validation_psnr": 27.31, "learning_rate": 0.002},
            {"epoch": 2, "loss": 0.002, "validation_psnr": 31.64, "learning_rate": 0.001},
            {"epoch": 3, "loss": 0.001, "validation_psnr": 31.52, "learning_rate": 0.0},
        ],
        "noise_levels": [{"strength": strength, **both} for strength in (0.05, 0.1, 0.2)],
        "noise_kinds": [
            {"kind": kind, "strength": strength, **both} for kind in ("gaussian", "jpeg") for strength in (0.05, 0.1)
        ],
        "digits": [{"digit": digit, "pictures": 1200, **both} for digit in range(10)],
        "baselines": [
            {"method": "noisy", "psnr": 20.2, "ssim": 0.475},
            {"method": "gaussian-blur", "psnr": 28.7, "ssim": 0.859},
            {"method": "residual-unet", "psnr": 33.2, "ssim": 0.951},
        ],
        "run": {
            "run_id": "4be1f0c7d29a",
            "experiment": "svhn-denoiser",
            "tracking_uri": "sqlite:////srv/mlflow.db",
            "training": {
                "started": "2026-11-25 23:49:12 UTC",
                "git_commit": "8c20aa3d4f",
                "git_dirty": "yes",
                "data_hash": "d41d8cd98f",
                "params_hash": "900150983c",
                "changed": {"train.width": 24},
                "settings": {"seed": 2021, "train": {"width": 24, "deterministic": True}},
            },
        },
        "exhibits": [exhibit(index, digit) for index, digit in enumerate("7370")],
        "worst": "The worst 5 % are typically darker than 91 % of all.",
        "model_sha256": "5e884898da",
        "settings": {"evaluate": {"noise_levels": [0.1, 0.2]}},
        "source": {"source": "mat", "files": {"train_32x32.mat": {"pictures": 10, "sha256": "531b09029018"}}},
    }


def exhibit(index, digit):
    """A test picture: white noisy, black denoised, the higher its index the better."""
    versions = {name: np.full((32, 32, 3), shade, np.uint8) for name, shade in SHADES.items()}
    psnr = 25.0 + index
    return Exhibit(
        f"picture {index}",
        versions,
        ranks={"worst first": psnr, "best first": -psnr},
        kinds={"digit": [digit]},
        scores={"noisy": "20.21 dB", "denoised": f"{psnr:.2f} dB"},
        caption=f"digit {digit}",
    )


SHADES = {"noisy": 255, "denoised": 0, "clean": 120}
