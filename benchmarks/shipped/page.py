"""What was measured of the shipped model and its peers, as Markdown."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import difference, facts_table, table
from benchmarks.shipped.pictures import SEED, SIGMAS, Set
from svhn_denoiser.evaluation.scores import bootstrap_interval

# PSNR and SSIM of each picture, float64 (N, 2), by sigma; 0 is no noise
Row = Mapping[float, NDArray[np.float64]]

SHIPPED, RIVAL = "shipped", "bm3d"
# the same network as the fast runtime runs it on CPUs that have bfloat16
BFLOAT16 = "shipped, bfloat16"

_NONE = "–"


def scores_table(rows: Mapping[str, Row]) -> str:
    """Mean PSNR in dB and SSIM of each method at each sigma; the best of a column is bold."""
    head = ["method", "no noise", *(f"{sigma:g}" for sigma in SIGMAS)]
    columns = [{name: row[sigma].mean(axis=0) for name, row in rows.items() if sigma in row} for sigma in (0, *SIGMAS)]
    lines = [
        [name, *(_cell(means[name], list(means.values())) if name in means else _NONE for means in columns)]
        for name in rows
    ]
    return table(head, lines)


def _cell(mean: NDArray[np.float64], all_means: list[NDArray[np.float64]]) -> str:
    psnr, ssim = f"{mean[0]:.2f}", f"{mean[1]:.4f}"[1:] if mean[1] < 1 else "1.0000"
    best = np.max(all_means, axis=0)
    if len(all_means) > 1:
        psnr, ssim = (f"**{text}**" if mean[i] == best[i] else text for i, text in enumerate((psnr, ssim)))
    return f"{psnr} / {ssim}"


def against(rows: Mapping[str, Row], ours: str = SHIPPED, rival: str = RIVAL) -> str:
    """Ours less the rival's, picture by picture, with 95 % intervals; nothing where either was not measured."""
    interval = partial(bootstrap_interval, samples=2000, seed=SEED)
    lines = []
    for sigma in SIGMAS:
        if sigma not in rows.get(ours, {}) or sigma not in rows.get(rival, {}):
            continue
        gains = rows[ours][sigma] - rows[rival][sigma]
        cells = [f"{sigma:g}"]
        for column, form in ((0, "+.2f"), (1, "+.4f")):
            cells.append(difference(gains[:, column], interval, form))
        cells.append(f"{int((gains[:, 0] > 0).sum())} of {len(gains)}")
        lines.append(cells)
    head = ["sigma", "PSNR (dB)", "SSIM", "pictures with the higher PSNR"]
    return table(head, lines) if lines else ""


def lost(rows: Mapping[str, Row], precise: str = SHIPPED, fast: str = BFLOAT16) -> str:
    """PSNR that bfloat16 costs, on average and on the picture where it is most; nothing where it was not measured."""
    if fast not in rows:
        return ""
    cells = []
    for sigma in (0, *SIGMAS):
        losses = (rows[precise][sigma] - rows[fast][sigma])[:, 0]
        cells.append([f"{sigma:g}" if sigma else "no noise", f"{losses.mean():+.4f}", f"{losses.max():+.4f}"])
    return table(["sigma", "mean (dB)", "most on one picture (dB)"], cells)


def page(results: Mapping[str, tuple[Set, Mapping[str, Row]]], facts: Mapping[str, str]) -> str:
    """The page: for each set of pictures its table and the differences to BM3D, then how it was measured."""
    parts = [
        "# The shipped model beside classical denoisers",
        "Written by `python -m benchmarks.shipped` ([how](../README.md)): every method on the same noisy pictures, "
        "mean PSNR in dB / SSIM, each picture counting once. "
        "Noise is Gaussian of the standard deviation above the column, "
        "clipped, rounded to 8 bits. BM3D and both non-local means are told sigma; the networks are told nothing. "
        f"`{SHIPPED}` runs in float32, `{BFLOAT16}` as `denoise` runs it where the CPU has bfloat16.",
    ]
    for pictures, rows in results.values():
        parts += [f"## {pictures.name.capitalize()}", f"{pictures.about}.", scores_table(rows)]
        if differences := against(rows):
            parts += [f"`{SHIPPED}` less `{RIVAL}`, picture by picture, with 95 % intervals:", differences]
        if losses := lost(rows):
            parts += ["What bfloat16 costs `shipped` in PSNR, less than 0 where it gains:", losses]
    parts += ["## How it was measured", facts_table(facts)]
    return "\n\n".join(parts) + "\n"
