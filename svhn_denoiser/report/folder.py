"""The folder `reports/` of a run, as far as it is about scores: numbers, tables, pictures, and the page for people."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from svhn_denoiser.evaluation.suite import Evaluation
from svhn_denoiser.files import read_csv, read_json, write_bytes, write_csv, write_json, write_text
from svhn_denoiser.paths import HISTORY, IMAGES, METRICS, MODEL, REPORT, REPORTS, RUN, SOURCE
from svhn_denoiser.report import html
from svhn_denoiser.report.gallery import Exhibit


def write(
    evaluation: Evaluation,
    images: Mapping[str, bytes],
    exhibits: Sequence[Exhibit] = (),
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write metrics.json, the tables, the pictures and report.html.

    Date, commit and settings of the training are those that it left in run.json: what is written here is the same
    bytes for the same model, pairs and settings.

    Args:
        evaluation: what was found out about the model.
        images: PNG files by name: best, median, worst.
        exhibits: the pictures of the page.
        settings: those of the evaluation, by section.

    Raises:
        DenoiserError: what the stages before left of the run is missing or damaged.
    """
    page = html.render(
        metrics=evaluation.metrics,
        **evaluation.tables,
        history=read_csv(HISTORY, ("epoch", "loss", "validation_psnr"), empty=False),
        run=read_json(RUN),
        source=read_json(SOURCE),
        exhibits=exhibits,
        worst=evaluation.worst,
        model_sha256=hashlib.sha256(MODEL.read_bytes()).hexdigest() if MODEL.exists() else "",
        settings=settings,
    )
    write_json(METRICS, evaluation.metrics)
    for name, rows in evaluation.tables.items():
        write_csv(REPORTS / f"{name}.csv", rows)
    # run by hand rather than by DVC, there may be pictures of an earlier run
    shutil.rmtree(IMAGES, ignore_errors=True)
    for name, png in images.items():
        write_bytes(IMAGES / f"{name}.png", png)
    write_text(REPORT, page)
