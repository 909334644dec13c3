"""The scores of a run as a table in the terminal."""

from pathlib import Path
from typing import Any

from rich.table import Table

from svhn_denoiser.files import read_csv, read_json
from svhn_denoiser.noise import read_noise
from svhn_denoiser.paths import BASELINES, METRICS

# what is asked of metrics.json
_NEEDED = {
    "pictures": float,
    "network": str,
    "noise.kind": str,
    "noise.strength": object,
    **{
        f"{group}.{name}": float
        for group in ("noisy", "denoised")
        for name in ("psnr", "psnr_low", "psnr_high", "ssim")
    },
    **{f"gain.{name}": float for name in ("psnr", "ssim")},
}


def read_scores(reports: Path) -> dict[str, Any]:
    """The scores of a run: its metrics.json, and under `methods` the rows of its baselines.csv.

    Raises:
        DenoiserError: there are none in that folder.
    """
    metrics = read_json(reports / METRICS.name, _NEEDED)
    rows = read_csv(reports / BASELINES.name, ("psnr", "ssim"))
    rows.sort(key=lambda row: -float(row["psnr"]))
    return metrics | {"methods": [row | {score: float(row[score]) for score in ("psnr", "ssim")} for row in rows]}


def score_table(reports: Path) -> Table:
    """A run's scores, next to the noisy pictures and the classical denoisers.

    Raises:
        DenoiserError: as in `read_scores`.
    """
    metrics = read_scores(reports)
    noise = metrics["noise"]
    words = f"{noise['kind']} noise of strength {noise['strength']}"
    read = read_noise(noise["kind"], noise.get("read_sigma"))
    table = Table(title=f"{metrics['pictures']:,} test pictures, {words}{read}")
    for heading in ("", "PSNR (dB)", "SSIM"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in ("noisy", "denoised"):
        scores = metrics[name]
        label = f"{metrics['network']}, all test pictures" if name == "denoised" else "noisy, all test pictures"
        half = (scores["psnr_high"] - scores["psnr_low"]) / 2
        table.add_row(label, f"{scores['psnr']:.2f} ± {half:.2f}", f"{scores['ssim']:.4f}", style="bold")
    if ensemble := metrics.get("self_ensemble"):
        half = (ensemble["psnr_high"] - ensemble["psnr_low"]) / 2
        table.add_row("the same with self-ensemble", f"{ensemble['psnr']:.2f} ± {half:.2f}", f"{ensemble['ssim']:.4f}")
    table.add_row("gain", f"{metrics['gain']['psnr']:+.2f}", f"{metrics['gain']['ssim']:+.4f}", style="bold")
    table.add_section()
    for row in metrics["methods"]:
        table.add_row(row["method"], f"{row['psnr']:.2f}", f"{row['ssim']:.4f}")
    table.caption = "below the line: the same pictures for all"
    return table
