"""What the command prints: a table of all tests, a line for each that is drift or may be, and the answer."""

from rich import box
from rich.table import Table

from svhn_denoiser.drift import words
from svhn_denoiser.drift.examination import Examination
from svhn_denoiser.terminal import out

_STYLES = {"drift": "bold", "perhaps": "", "slight": "", "same": "dim"}


def show(found: Examination, reference: str | None) -> None:
    """Print what was found, in 80 columns.

    Args:
        found: both collections and all findings.
        reference: what the pictures were compared with, or None for what the model was trained for.
    """
    incoming, training = found.incoming, found.training
    _say(
        f"{incoming.found:,} pictures ({len(incoming.pictures):,} crops measured) against {training.name} "
        f"({training.found:,}, {len(training.pictures):,} measured)"
    )
    out.print(_table(found))
    for finding in found.findings:
        if finding.state in {"drift", "perhaps"}:
            _say(f"{finding.feature.name}: {words.verdict(finding)}")
    if note := words.photographs(found):
        _say(note)
    _say(words.headline(found, reference), style="bold")


def _table(found: Examination) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("measured", "training", "incoming", "differs", "at least", "p", "verdict"):
        table.add_column(name, justify="left" if name in {"measured", "verdict"} else "right", no_wrap=True)
    for finding in found.findings:
        middles = ["" if value is None else f"{value:.3f}" for value in words.middles(finding)]
        bounds = [f"{value:.2f}" for value in (finding.statistic, finding.at_least)]
        style = _STYLES[finding.state]
        table.add_row(finding.feature.name, *middles, *bounds, words.p_value(finding), finding.state, style=style)
    return table


def _say(line: str, style: str | None = None) -> None:
    out.print(line, style=style, markup=False, highlight=False)
