"""A trained model before it is registered: its file, run and scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svhn_denoiser.files import read_json
from svhn_denoiser.noise import in_words
from svhn_denoiser.paths import METRICS, MODEL, RUN, SOURCE

# what is asked of reports/metrics.json
_SCORES = {f"{group}.{score}": float for group in ("noisy", "denoised", "gain") for score in ("psnr", "ssim")}
_NEEDED = {**_SCORES, "pictures": float, "network": str, "noise.kind": str, "noise.strength": object}


@dataclass(frozen=True)
class Trained:
    """A trained model and what is known of it.

    Attributes:
        model_file: as Keras saved it.
        run_id: the MLflow run that trained it.
        data_source: what it was trained on, as data/raw/source.json has it.
        scores: reports/metrics.json.
    """

    model_file: Path
    run_id: str
    data_source: str
    scores: Mapping[str, Any]

    @property
    def noise(self) -> str:
        """All of the noise that it was trained for, in words."""
        noise = self.scores["noise"]
        return in_words(noise["kind"], noise["strength"], noise.get("read_sigma"))

    def tags(self) -> dict[str, str]:
        """What a version's tags say of it: what the gate asks for, and its scores on the test pictures."""
        return {
            "data_source": self.data_source,
            "noise": self.noise,
            "psnr": repr(self.scores["denoised"]["psnr"]),
            "ssim": repr(self.scores["denoised"]["ssim"]),
        }

    def facts(self) -> dict[str, str]:
        """What its run's tags say of it besides."""
        return {
            "network": str(self.scores["network"]),
            "noise": self.noise,
            "pictures": str(self.scores["pictures"]),
        }


def read_trained() -> Trained:
    """Read the trained model in the working folder.

    Raises:
        DenoiserError: a file of its run, its pictures or its scores is missing or damaged.
    """
    return Trained(
        model_file=MODEL,
        run_id=read_json(RUN, {"run_id": str})["run_id"],
        data_source=read_json(SOURCE, {"source": str})["source"],
        scores=read_json(METRICS, _NEEDED),
    )
