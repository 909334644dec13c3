"""A trained model before it is registered: its file, run and scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svhn_denoiser.files import read_csv, read_json
from svhn_denoiser.noise import in_words
from svhn_denoiser.paths import METRICS, MODEL, NOISE_KINDS, NOISE_LEVELS, RUN, SOURCE

# what is asked of reports/metrics.json
_SCORES = {f"{group}.{score}": float for group in ("noisy", "denoised", "gain") for score in ("psnr", "ssim")}
_NEEDED = {**_SCORES, "pictures": float, "network": str, "noise.kind": str, "noise.strength": object}
# and of the tables
_COLUMNS = ("strength", "noisy_psnr", "denoised_psnr")


@dataclass(frozen=True)
class Trained:
    """A trained model and what is known of it.

    Attributes:
        model_file: as Keras saved it.
        run_id: the MLflow run that trained it.
        source: data/raw/source.json: what it was trained on, and under which terms.
        scores: reports/metrics.json.
        noise_levels: rows of reports/noise_levels.csv, values as text.
        noise_kinds: rows of reports/noise_kinds.csv, values as text.
    """

    model_file: Path
    run_id: str
    source: Mapping[str, Any]
    scores: Mapping[str, Any]
    noise_levels: Sequence[Mapping[str, str]] = ()
    noise_kinds: Sequence[Mapping[str, str]] = ()

    @property
    def data_source(self) -> str:
        """What it was trained on: svhn, synthetic, mat or images."""
        return str(self.source["source"])

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
        source=read_json(SOURCE, {"source": str}),
        scores=read_json(METRICS, _NEEDED),
        noise_levels=read_csv(NOISE_LEVELS, _COLUMNS),
        noise_kinds=read_csv(NOISE_KINDS, _COLUMNS),
    )
