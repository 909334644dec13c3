"""An examination as one self-contained HTML page, in the style of the pipeline's report."""

from pathlib import Path

import numpy as np

from svhn_denoiser.drift import words
from svhn_denoiser.drift.comparison import ALPHA
from svhn_denoiser.drift.examination import Examination
from svhn_denoiser.report import charts
from svhn_denoiser.report.html import template
from svhn_denoiser.report.pictures import grid

_SHOWN = 12
_ORDER = ("drift", "perhaps", "slight", "same")


def render(examination: Examination, reference: str | None, model: str | None) -> str:
    """Render the page.

    Args:
        examination: what was found.
        reference: as in `svhn_denoiser.drift.words.headline`.
        model: what the model is called whose residuals were measured, if any.

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
        training=examination.training,
        incoming=examination.incoming,
        reference=reference or "the pictures that the model was trained for",
        rows=rows,
        drifted=sum(finding.state == "drift" for finding in findings),
        unusual=_unusual(examination),
        typical=_typical(examination),
        model=model,
        alpha=ALPHA,
    )


def _unusual(examination: Examination) -> bytes:
    shown = words.most_unusual(examination, _SHOWN)
    captions = [f"{feature.name} {value:.3g}" for feature, value in (examination.extreme[crop] for crop in shown)]
    return grid(examination.incoming.pictures[shown], captions)


def _typical(examination: Examination) -> bytes:
    training = examination.training.pictures
    shown = np.linspace(0, len(training) - 1, _SHOWN).astype(np.intp)
    return grid(training[shown], [""] * len(shown))
