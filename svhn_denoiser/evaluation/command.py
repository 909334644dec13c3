"""`svhn-denoiser scores`."""

from pathlib import Path
from typing import Annotated

import typer

from svhn_denoiser.paths import METRICS, REPORTS
from svhn_denoiser.terminal import AsJson, out, print_json

# where `make demo` leaves its reports
_DEMO = Path("demo") / REPORTS


def scores(
    reports: Annotated[Path, typer.Argument(metavar="[REPORTS]", help="The `reports` folder of a run.")] = REPORTS,
    as_json: AsJson = False,
) -> None:
    """Show the scores of the last run, next to the noisy pictures and classical denoisers.

    Where only the demo has run, its scores are shown.
    """
    from svhn_denoiser.evaluation.score_table import read_scores, score_table

    if reports == REPORTS and not (reports / METRICS.name).exists() and (_DEMO / METRICS.name).exists():
        typer.echo(f"{METRICS}: no such file yet; these are the scores of the demo, in {_DEMO}", err=True)
        reports = _DEMO
    if as_json:
        print_json(read_scores(reports))
    else:
        out.print(score_table(reports))
