"""The folder `reports/` of a run, as far as it is about scores: numbers, tables, pictures, and the page for people."""

import shutil
from collections.abc import Mapping

from svhn_denoiser.evaluation.suite import Evaluation
from svhn_denoiser.files import read_csv, read_json, write_bytes, write_csv, write_json, write_text
from svhn_denoiser.paths import HISTORY, IMAGES, METRICS, REPORT, REPORTS, RUN, SOURCE
from svhn_denoiser.report import html


def write(evaluation: Evaluation, images: Mapping[str, bytes]) -> None:
    """Write metrics.json, the tables, the pictures and report.html.

    Args:
        evaluation: what was found out about the model.
        images: PNG files by name: best, median, worst.

    Raises:
        DenoiserError: what the stages before left of the run is missing or damaged.
    """
    page = html.render(
        metrics=evaluation.metrics,
        **evaluation.tables,
        images=images,
        history=read_csv(HISTORY, ("epoch", "loss", "validation_psnr"), empty=False),
        run=read_json(RUN),
        source=read_json(SOURCE),
    )
    write_json(METRICS, evaluation.metrics)
    for name, rows in evaluation.tables.items():
        write_csv(REPORTS / f"{name}.csv", rows)
    # run by hand rather than by DVC, there may be pictures of an earlier run
    shutil.rmtree(IMAGES, ignore_errors=True)
    for name, png in images.items():
        write_bytes(IMAGES / f"{name}.png", png)
    write_text(REPORT, page)
