"""A plausible run to report on."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.report.example_scores import scores


@pytest.fixture
def parts():
    """Arguments of `html.render`."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(file, "PNG")
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
        "run": {"run_id": "4be1f0c7d29a", "experiment": "svhn-denoiser", "tracking_uri": "sqlite:////srv/mlflow.db"},
        "images": dict.fromkeys(("best", "median", "worst"), file.getvalue()),
        "source": {"source": "mat", "files": {"train_32x32.mat": {"pictures": 10, "sha256": "531b09029018"}}},
    }
