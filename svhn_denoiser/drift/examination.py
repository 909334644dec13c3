"""Compare two collections of pictures: what the table, the page and the JSON show."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.drift.collection import Collection
from svhn_denoiser.drift.comparison import (
    FEWEST,
    FEWEST_TRAINING,
    Finding,
    Floats,
    Sample,
    check_enough,
    compare,
    unusual,
)
from svhn_denoiser.drift.features import FEATURES, RESIDUALS, Feature, measure, measure_residuals
from svhn_denoiser.pairs import as_float

Denoise = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# crops that go through the model at once
_BLOCK = 512


@dataclass(frozen=True)
class Examination:
    """What was compared, and what was found.

    Attributes:
        training: what was compared with.
        incoming: what was compared.
        findings: one a test.
        order: indices (N,) of the incoming crops, the most unusual first.
        extreme: of each incoming crop (N,), which feature is the farthest out, and its value.
        drift: whether any difference is drift.
    """

    training: Collection
    incoming: Collection
    findings: list[Finding]
    order: NDArray[np.intp]
    extreme: list[tuple[Feature, float]]

    @property
    def drift(self) -> bool:
        """Whether any difference is drift."""
        return any(finding.state == "drift" for finding in self.findings)


def examine(training: Collection, incoming: Collection, denoise: Denoise | None) -> Examination:
    """Measure two collections and compare them.

    Args:
        training: 200 crops from 10 pictures at least.
        incoming: 20 crops from 10 pictures at least.
        denoise: the model, float32 (N, 32, 32, 3) in [0, 1] to the same; None to measure no residuals.

    Raises:
        DenoiserError: there are too few pictures.
    """
    check_enough(incoming.origins, incoming.name, FEWEST)
    check_enough(training.origins, training.name, FEWEST_TRAINING)
    features = features_of(denoise)
    old, new = (Sample(measured(each.pictures, denoise), each.origins) for each in (training, incoming))
    order, worst = unusual(old.values, new.values)
    extreme = [(features[column], float(new.values[crop, column])) for crop, column in enumerate(worst)]
    return Examination(training, incoming, compare(old, new, features), order, extreme)


def features_of(denoise: Denoise | None) -> tuple[Feature, ...]:
    """What is measured with a model, and without."""
    return FEATURES + (RESIDUALS if denoise else ())


def measured(pictures: NDArray[np.uint8], denoise: Denoise | None) -> Floats:
    """Measure pictures, uint8 (N, 32, 32, 3), as float64 (N, F): a column for each of `features_of`."""
    values = measure(pictures)
    if denoise is None:
        return values
    blocks = [pictures[start : start + _BLOCK] for start in range(0, len(pictures), _BLOCK)]
    residuals = np.concatenate([measure_residuals(block, denoise(as_float(block))) for block in blocks])
    return np.concatenate([values, residuals], axis=1)
