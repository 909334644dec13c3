"""The result of an examination, in words and as JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from svhn_denoiser.crops import SIDE
from svhn_denoiser.drift.collection import LARGE
from svhn_denoiser.drift.comparison import ALPHA, Finding, State
from svhn_denoiser.drift.examination import Examination
from svhn_denoiser.drift.features import FEATURES

# up to here the typical picture is about as in training, and what differs is the spread
_MIDDLE = 0.15
_NAMED = 12
_SAID = 3


def headline(examination: Examination, reference: str | None) -> str:
    """The answer in a sentence or two.

    Args:
        examination: what was found.
        reference: what was compared with, such as "the clean training pictures"; None for what the model met in
            training.
    """
    drift, perhaps = changes(examination.findings, "drift"), changes(examination.findings, "perhaps")
    if drift:
        unlike = f"These pictures are not like {reference}" if reference else "The model was not trained for these"
        return f"Drift. {unlike}: they are {drift}."
    if perhaps:
        return f"No drift that is certain. They may be {perhaps}; more pictures would tell."
    return f"No drift. These pictures are like {reference or 'those that the model was trained for'}."


def photographs(examination: Examination) -> str:
    """What to know where whole photographs were compared with crops of numbers; empty where they were not."""
    incoming, training = examination.incoming, examination.training
    looked_at = len(np.unique(incoming.origins))
    if 2 * incoming.photographs <= looked_at or training.photographs:
        return ""
    return (
        f"{incoming.photographs:,} of {looked_at:,} pictures have {LARGE}x{LARGE} pixels or more, as whole photographs "
        f"have. Most of their {SIDE}x{SIDE} crops show walls and sky, or parts of a digit, and differ from crops of "
        f"numbers whatever the camera: crop the pictures to the numbers in {SIDE}x{SIDE} first, or compare with other "
        f"photographs by --reference."
    )


def change(finding: Finding) -> str:
    """How the incoming pictures differ, such as "noisier"."""
    feature = finding.feature
    if finding.kind != "feature":
        return feature.more
    place = position(finding)
    if abs(place - 0.5) < _MIDDLE:
        widths = [np.subtract(*np.quantile(values, (0.9, 0.1))) for values in (finding.training, finding.incoming)]
        return f"{'more' if widths[1] > widths[0] else 'less'} varied in {feature.name}"
    return feature.more if place > 0.5 else feature.less


def position(finding: Finding) -> float:
    """The share of training pictures with less of a feature than the typical incoming picture, 0 to 1."""
    return float(np.mean(finding.training < np.median(finding.incoming)))


def verdict(finding: Finding) -> str:
    """What one finding means, in a sentence without its full stop."""
    if finding.state == "same":
        return "as in training"
    said = change(finding)
    if finding.state == "slight":
        return f"slightly {said}, which is tolerated"
    if finding.state == "perhaps":
        return f"perhaps {said}; more pictures would tell"
    if finding.kind == "together":
        return f"{said}: a classifier tells one of them from one of training in {_percent(finding.statistic)} of cases"
    if finding.kind == "outliers":
        usual, share = (_percent(float(values.mean())) for values in (finding.training, finding.incoming))
        return f"{said}: {share} of them are beyond nearly all training pictures, where {usual} is usual"
    place = position(finding)
    if place in (0, 1):
        return f"typically {said} than any training picture"
    if abs(place - 0.5) < _MIDDLE:
        return f"{said} than training"
    return f"typically {said} than {_percent(max(place, 1 - place))} of the training pictures"


def middles(finding: Finding) -> tuple[float, float] | tuple[None, None]:
    """The typical training picture's value and the typical incoming one's: medians, or shares of outliers."""
    if finding.kind == "together":
        return None, None
    middle = np.median if finding.kind == "feature" else np.mean
    return float(middle(finding.training)), float(middle(finding.incoming))


def p_value(finding: Finding) -> str:
    """The corrected p-value, as far down as it means anything."""
    return "< 0.0001" if finding.p < 0.0001 else f"{finding.p:.{2 if finding.p >= 0.1 else 4}f}"


def as_json(examination: Examination, reference: str | None, model: str | None) -> dict[str, Any]:
    """All of it, for programs.

    Args:
        examination: what was found.
        reference: as in `headline`.
        model: what the model is called whose residuals were measured.
    """
    incoming, training = examination.incoming, examination.training
    return {
        "drift": examination.drift,
        "verdict": headline(examination, reference),
        "pictures": {
            "found": incoming.found,
            "crops": len(incoming.pictures),
            "photographs": incoming.photographs,
            "unreadable": incoming.unreadable,
        },
        "note": photographs(examination) or None,
        "reference": {"name": training.name, "found": training.found, "crops": len(training.pictures)},
        "model": model,
        "alpha": ALPHA,
        "tests": [_finding(finding) for finding in examination.findings],
        "unusual": [
            {"picture": incoming.names[crop], "feature": feature.name, "value": value}
            for crop, (feature, value) in ((crop, examination.extreme[crop]) for crop in most_unusual(examination))
        ],
    }


def most_unusual(examination: Examination, most: int = _NAMED) -> list[int]:
    """The most unusual crops, one of each picture."""
    first: dict[int, int] = {}
    for crop in examination.order.tolist():
        first.setdefault(int(examination.incoming.origins[crop]), crop)
    return list(first.values())[:most]


def changes(findings: Sequence[Finding], state: State) -> str:
    """The greatest changes of a state: "noisier, darker and blurrier"."""
    chosen = [finding for finding in findings if finding.state == state]
    # what a look at the pictures shows, before what only a model or a classifier sees
    single = (
        [finding for finding in chosen if finding.feature in FEATURES]
        or [finding for finding in chosen if finding.kind == "feature"]
        or chosen
    )
    single.sort(key=lambda finding: -finding.at_least)
    said = [change(finding) for finding in single[:_SAID]]
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def _finding(finding: Finding) -> dict[str, Any]:
    training, incoming = middles(finding)
    return {
        "name": finding.feature.name,
        "kind": finding.kind,
        "statistic": round(finding.statistic, 4),
        "at_least": round(finding.at_least, 4),
        "tolerated": finding.tolerated,
        "p": float(f"{finding.p:.3g}"),
        "independent": round(finding.independent),
        "training": training,
        "incoming": incoming,
        "state": finding.state,
        "verdict": verdict(finding),
    }


def _percent(share: float) -> str:
    # 99.97 % are not all
    shown = min(share, 0.999) if share < 1 else 1.0
    return f"{100 * shown:.{1 if 0 < shown < 0.1 or 0.99 < shown < 1 else 0}f} %"
