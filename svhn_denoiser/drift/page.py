"""An examination as one self-contained HTML page, in the style of the pipeline's report."""

from pathlib import Path

import numpy as np

from svhn_denoiser.drift import words
from svhn_denoiser.drift.comparison import ALPHA
from svhn_denoiser.drift.examination import Examination
from svhn_denoiser.report import charts
from svhn_denoiser.report.pictures import png
from svhn_denoiser.report.templates import template

_SHOWN = 12
_ORDER = ("drift", "perhaps", "slight", "same")


def render(examination: Examination, reference: str | None, model: str | None, date: str) -> str:
    """Render the page.

    Args:
        examination: what was found.
        reference: as in `svhn_denoiser.drift.words.headline`.
        model: what the model is called whose residuals were measured, if any.
        date: when, in words.

    Returns:
        HTML text without a reference to any other file or address, the same for the same arguments.
    """
    findings = sorted(examination.findings, key=lambda finding: _ORDER.index(finding.state))
    rows = [
        {
            "finding": finding,
            "verdict": words.verdict(finding),
            "p": words.p_value(finding),
            "middle": words.middles(finding),
            "chart": charts.distributions(finding.training, finding.incoming) if finding.kind != "outliers" else None,
        }
        for finding in findings
    ]
    return template(Path(__file__).with_name("page.html")).render(
        examination=examination,
        headline=words.headline(examination, reference),
        photographs=words.photographs(examination),
        training=examination.training,
        incoming=examination.incoming,
        reference=reference or "the pictures that the model was trained for",
        rows=rows,
        drifted=sum(finding.state == "drift" for finding in findings),
        date=date,
        unusual=_unusual(examination),
        typical=_typical(examination),
        model=model,
        alpha=ALPHA,
    )


def _unusual(examination: Examination) -> list[dict[str, object]]:
    """File, name, and most extreme feature of each of the most unusual pictures, one of each file."""
    incoming = examination.incoming
    # names that are no UTF-8 cannot be written
    return [
        {
            "file": png(incoming.pictures[crop]),
            "name": incoming.names[crop].encode("utf-8", "replace").decode(),
            "feature": examination.extreme[crop][0].name,
            "value": examination.extreme[crop][1],
        }
        for crop in words.most_unusual(examination, _SHOWN)
    ]


def _typical(examination: Examination) -> list[bytes]:
    training = examination.training.pictures
    return [png(training[index]) for index in np.linspace(0, len(training) - 1, _SHOWN).astype(np.intp)]
