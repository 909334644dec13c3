"""`svhn-denoiser scores`."""

from pathlib import Path
from typing import Annotated

import typer

from svhn_denoiser.paths import REPORTS
from svhn_denoiser.terminal import AsJson, out, print_json


def scores(
    reports: Annotated[Path, typer.Argument(metavar="[REPORTS]", help="The `reports` folder of a run.")] = REPORTS,
    as_json: AsJson = False,
) -> None:
    """Show the scores of the last run, next to the noisy pictures and classical denoisers."""
    from svhn_denoiser.evaluation.score_table import read_scores, score_table

    if as_json:
        print_json(read_scores(reports))
    else:
        out.print(score_table(reports))
