"""What was measured, as a Markdown page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from benchmarks.page import Interval, difference, ends, facts_table, machine, table, versions
from benchmarks.sample import Sample
from benchmarks.side_by_side.classical import BM3D
from benchmarks.side_by_side.measuring import Missing, Result

_NONE = "–"


def page(
    ran: Sequence[Result], missing: Sequence[Missing], told: Mapping[str, str], chart: str | None, interval: Interval
) -> str:
    """The page: a table of all methods, one of all against BM3D, and how it was measured.

    Args:
        ran: what was measured.
        missing: the methods that could not be run.
        told: name and text of what the reader has to know about data, machine and versions.
        chart: file name of the chart, if there is one.
        interval: gives the 95 % interval of the mean of (N,) values.
    """
    parts = [
        "# Denoisers side by side",
        "Written by `python -m benchmarks.side_by_side` ([how](../README.md)): every method in one process, on the "
        "same noisy pictures.",
    ]
    if chart:
        parts.append(f"![PSNR over pictures per second]({chart})")
    parts.append(_all_methods(ran, missing, interval))
    bm3d = next((result for result in ran if result.method.name == BM3D), None)
    if bm3d:
        parts += [
            "## Against BM3D",
            f"All on the {len(bm3d.chosen):,} pictures that BM3D was run on. Differences are taken picture by picture, "
            "the method's score less BM3D's, with their 95 % intervals.",
            _against(bm3d, ran, interval),
        ]
    parts += ["## How to read it", "\n".join(f"- {note}" for note in _notes(ran, bm3d))]
    parts += ["## How it was measured", facts_table(told)]
    return "\n\n".join(parts) + "\n"


def _all_methods(ran: Sequence[Result], missing: Sequence[Missing], interval: Interval) -> str:
    head = [
        "method",
        "PSNR (dB)",
        "95 % interval",
        "pooled",
        "SSIM",
        "pictures/s",
        "parameters",
        "multiply-adds a pixel",
        "training (min x cores)",
    ]
    rows = []
    for result in sorted(ran, key=lambda result: -result.scores.psnr.mean()):
        scores, cost = result.scores, result.method.cost
        rows.append(
            [
                result.method.name + (f" ({len(result.chosen):,} pictures)" if result.method.rarely else ""),
                f"{scores.psnr.mean():.2f}",
                ends(interval(scores.psnr), ".2f"),
                f"{scores.psnr_pooled:.2f}",
                f"{scores.ssim.mean():.4f}",
                _three_digits(result.pictures_per_second),
                f"{cost.parameters:,}" if cost else _NONE,
                f"{cost.multiply_adds:,.0f}" if cost and cost.multiply_adds is not None else _NONE,
                f"{cost.training_seconds / 60:.1f} x {cost.training_cores}"
                if cost and cost.training_seconds
                else _NONE,
            ]
        )
    rows += [[absent.method.name, absent.reason, *[_NONE] * (len(head) - 2)] for absent in missing]
    return table(head, rows)


def _against(bm3d: Result, ran: Sequence[Result], interval: Interval) -> str:
    rows = []
    compared = [(result, result.on(bm3d.chosen)) for result in ran]
    for result, scores in sorted(compared, key=lambda pair: -pair[1].psnr.mean()):
        row = [result.method.name, f"{scores.psnr.mean():.2f}", f"{scores.ssim.mean():.4f}"]
        if result is bm3d:
            rows.append([*row, _NONE, _NONE, "1.00"])
            continue
        faster = (
            result.pictures_per_second
            and bm3d.pictures_per_second
            and (result.pictures_per_second / bm3d.pictures_per_second)
        )
        rows.append(
            [
                *row,
                difference(scores.psnr - bm3d.scores.psnr, interval, "+.2f"),
                difference(scores.ssim - bm3d.scores.ssim, interval, "+.4f"),
                _three_digits(faster),
            ]
        )
    return table(["method", "PSNR (dB)", "SSIM", "PSNR less BM3D's", "SSIM less BM3D's", "times as fast"], rows)


def _notes(ran: Sequence[Result], bm3d: Result | None) -> list[str]:
    notes = [
        "**PSNR** and **SSIM** are means over the pictures, each scored by itself "
        "(`svhn_denoiser/evaluation/metrics.py`); "
        "**pooled** is the PSNR of the mean squared error of all pictures together. The **intervals** are bootstraps "
        "over pictures. Neighbouring pictures may be crops of one house number and alike: for other houses the "
        "intervals would be somewhat wider.",
        "**pictures/s** is the median of repeated calls, after one to warm up, on pictures in memory; every package "
        "uses as many cores as it does by itself.",
        "Of the classical methods, all but the median are told sigma. Their settings are the ones that gave the best "
        "PSNR on SVHN training crops at sigma 0.1; BM3D is as it comes.",
    ]
    batches = sorted({result.method.at_once for result in ran if result.method.cost})
    if batches:
        notes.append(
            f"Networks are given {' or '.join(map(str, batches))} pictures a call, or all if there are fewer, and not "
            "sigma. **Multiply-adds** are those of their convolutions and dense layers. **Training** is the time that "
            "fitting took, validation after each epoch included, times the cores it was given "
            "(`benchmarks/ablations/`), on the machine below."
        )
    if any(result.method.name == "opencv-non-local-means" for result in ran):
        notes.append("OpenCV's method gives 8-bit pictures, the others floating point.")
    if bm3d:
        notes.append(
            f"BM3D takes so long that it was run on {len(bm3d.chosen):,} pictures, evenly spread over the others'. Its "
            "package is for non-commercial use only: an extra of this benchmark, which nothing in the pipeline uses."
        )
    return notes


def _three_digits(value: float | None) -> str:
    """As many as timings repeat to, or fewer."""
    if not value:
        return _NONE
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{0 if rounded >= 100 else 1 if rounded >= 10 else 2}f}"


def facts(
    given: Sample, sigma: float, seed: int, models: Mapping[str, Path], device: str, command: str
) -> dict[str, str]:
    """Name and text of each fact, for a table in Markdown.

    Args:
        given: the pictures.
        sigma: standard deviation of the noise on the [0, 1] scale.
        seed: of the noise.
        models: files of the networks, by name.
        device: what the networks ran on.
        command: what was run.
    """
    count, held = len(given.pairs), given.held
    told = {
        "pictures": f"{given.origin}: {f'all {held:,}' if count == held else f'the first {count:,} of {held:,}'}",
        "sha256 of the test file": f"`{given.sha256}`",
        "noise": f"Gaussian, sigma {sigma:g} of the [0, 1] range, clipped, rounded to 8 bits as the pipeline's test "
        f"pairs are; seed {seed}",
        "machine": machine(),
    }
    if models:
        told["networks ran on"] = device
    for name, path in models.items():
        told[f"sha256 of {name}"] = f"`{sha256(path.read_bytes()).hexdigest()}`"
    told["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items())
    told["date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    told["command"] = f"`{command}`"
    return told
