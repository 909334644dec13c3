"""What each choice of the training recipe is worth: the default settings with one thing changed at a time.

`python -m benchmarks.recipe --data FOLDER --epochs 6` trains each variant on the training file in FOLDER for the same
number of epochs, scores it on the last tenth of that file, and prints a Markdown table. The test file is not touched.
"""

import argparse
import platform
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from svhn_denoiser import generation, params
from svhn_denoiser.pairs import read
from svhn_denoiser.params import Params

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "loss: mse": {"loss": "mse"},
    "loss: l1": {"loss": "l1"},
    "loss: charbonnier": {"loss": "charbonnier"},
    "learning_rate: 0.001": {"learning_rate": 0.001},
    "learning_rate: 0.004": {"learning_rate": 0.004},
    "batch_size: 16": {"batch_size": 16},
    "flips: false": {"flips": False},
    "fresh_noise: false": {"fresh_noise": False},
    "weight_averaging: null": {"weight_averaging": None},
    "precision: float32": {"precision": "float32"},
    "width: 24": {"width": 24},
    "width: 48": {"width": 48},
    "network: dncnn": {"network": "dncnn"},
    "network: autoencoder-2021": {"network": "autoencoder-2021"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train_32x32.mat and test_32x32.mat")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--only", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    chosen = parser.parse_args()

    settings = params.load()
    print(f"{chosen.epochs} epochs; {platform.processor() or platform.machine()}, TensorFlow {version('tensorflow')}\n")
    print("| changed | validation PSNR (dB) | SSIM | training (s) | parameters |\n| --- | --- | --- | --- | --- |")
    with TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs"
        generation.write(chosen.data, pairs, settings.generate, settings.seed)
        for name in chosen.only:
            train = settings.train.model_copy(update={"epochs": chosen.epochs, **VARIANTS[name]})
            row = _train(settings.model_copy(update={"train": train}), pairs, Path(folder))
            print(
                f"| {name} | {row['psnr']:.2f} | {row['ssim']:.4f} | {row['seconds']:.0f} | {row['parameters']:,} |",
                flush=True,
            )


def _train(settings: Params, pairs: Path, folder: Path) -> dict[str, float]:
    from svhn_denoiser import device
    from svhn_denoiser.inference import denoise
    from svhn_denoiser.scores import score_pairs
    from svhn_denoiser.training import Training

    validation = read(pairs, "validation")
    began = time.monotonic()
    training = Training(settings, read(pairs, "train"), validation, device.choose(settings.train), folder)
    model = training.run(lambda row, speed: None, lambda batch: None)
    seconds = time.monotonic() - began
    training.forget()
    _, denoised = score_pairs(validation, lambda noisy: denoise(model, noisy))
    return {**denoised.means(), "seconds": seconds, "parameters": model.count_params()}


if __name__ == "__main__":
    main()
