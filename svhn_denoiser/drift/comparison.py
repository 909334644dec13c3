"""Two-sample tests of measured pictures, corrected for their number.

Each difference is given with a lower bound: so large it is at least, with 99 % confidence in all bounds together
(Bonferroni). It counts as drift if that bound is above what is tolerated, since of thousands of pictures differences
are certain that no model minds: SVHN's own test pictures differ from its training pictures. The p-values (Holm 1979)
are those of no difference at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, ks_2samp, kstwo, mannwhitneyu, multivariate_normal, norm, rankdata

from svhn_denoiser.drift.features import Feature
from svhn_denoiser.drift.neighbours import FEWEST_ORIGINS, blocks_of, design_effect
from svhn_denoiser.errors import DenoiserError

Floats = NDArray[np.float64]
Kind = Literal["feature", "together", "outliers"]
State = Literal["same", "slight", "perhaps", "drift"]

TOGETHER = Feature("all together", "how well a classifier tells the two apart", "alike", "of another kind")
OUTLIERS = Feature("outliers", "share of pictures beyond training's extremes", "fewer", "more often extreme")

# the chance of any false alarm, and of any significant difference where there is none
ALPHA = 0.01
# Above what SVHN's test pictures differ from its training pictures by, below what drawn house numbers do:
# benchmarks/drift_alarms/RESULTS.md has the figures
TOLERATED: dict[Kind, float] = {"feature": 0.25, "together": 0.76, "outliers": 0.06}

# crops; with fewer, even a difference of 1, the largest there is, could be chance, if they are as alike as SVHN's are
FEWEST = 20
FEWEST_TRAINING = 200
# blocks to measure their likeness with
_FEWEST_BLOCKS = 5
# below, the classifier would guess its covariances
_FEWEST_TOGETHER = 100

_FOLDS = 5
_SHRINKAGE = 50  # pictures
_EXTREME = 0.001


@dataclass(frozen=True)
class Sample:
    """Measured pictures, in an order in which those that are alike are neighbours.

    Attributes:
        values: float64 (N, F), a column a feature.
        origins: integers (N,), ascending: crops of one picture have the same.
    """

    values: Floats
    origins: NDArray[np.intp]

    @cached_property
    def blocks(self) -> NDArray[np.intp]:
        """Which block of neighbours each crop belongs to."""
        return blocks_of(self.origins)

    @cached_property
    def whole(self) -> bool:
        """Whether each crop is a picture of its own."""
        return bool((np.diff(self.origins) > 0).all())


@dataclass(frozen=True)
class Finding:
    """What one test found.

    Attributes:
        feature: what was compared.
        kind: "feature": the statistic is Kolmogorov and Smirnov's, the largest difference of the two distribution
            functions, 0 to 1; "together": the AUC of a classifier, 0.5 if it can tell nothing; "outliers": how much
            larger the share of extreme pictures is.
        statistic: the difference.
        at_least: its lower bound.
        p: of no difference, corrected.
        independent: how many independent pictures the incoming ones are worth.
        training: the training pictures' values, (N,).
        incoming: the others', (M,).
    """

    feature: Feature
    kind: Kind
    statistic: float
    at_least: float
    p: float
    independent: float
    training: Floats
    incoming: Floats

    @property
    def tolerated(self) -> float:
        """Up to here a difference is no drift."""
        return TOLERATED[self.kind]

    @property
    def state(self) -> State:
        """Drift if the difference is surely too large, perhaps if it may be, slight if it surely exists."""
        if self.p >= ALPHA:
            return "same"
        if self.at_least > self.tolerated:
            return "drift"
        return "perhaps" if self.statistic > self.tolerated else "slight"


def check_enough(origins: NDArray[np.intp], what: str, fewest: int) -> None:
    """Say whether there is enough to test.

    Args:
        origins: which picture each crop is from, as in `Sample`.
        what: what the pictures are, for the error.
        fewest: how many crops are asked for.

    Raises:
        DenoiserError: there are too few crops, or they are from too few pictures.
    """
    crops, pictures = len(origins), len(np.unique(origins))
    if crops < fewest or pictures < FEWEST_ORIGINS or blocks_of(origins).max() + 1 < _FEWEST_BLOCKS:
        raise DenoiserError(
            f"{what}: too few pictures to tell drift from chance: {crops:,} crops of 32x32 from {pictures:,} pictures. "
            f"At least {fewest} crops from {FEWEST_ORIGINS} pictures are needed, and not most of them from one: crops "
            "of one picture are alike and tell little more than one would."
        )


def compare(training: Sample, incoming: Sample, features: Sequence[Feature]) -> list[Finding]:
    """Compare feature by feature, then all features together, then the shares of extreme pictures.

    Args:
        training: what the model was trained on; 200 crops from 10 pictures at least.
        incoming: what is in question; 20 crops from 10 pictures at least.
        features: what the columns are.

    Returns:
        A finding a test; the one of all features together is missing with fewer than 100 incoming crops.
    """
    together = len(incoming.values) >= _FEWEST_TOGETHER
    pair = _Pair(training, incoming, level=ALPHA / (len(features) + together + 1))
    found = [pair.one_feature(column, feature) for column, feature in enumerate(features)]
    if together:
        found.append(pair.together())
    found.append(pair.outliers())
    corrected = holm([finding.p for finding in found])
    return [replace(finding, p=p) for finding, p in zip(found, corrected, strict=True)]


def unusual(training: Floats, incoming: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order pictures by how far out in the training pictures' distribution their most extreme feature is.

    Args:
        training: (N, F).
        incoming: (M, F).

    Returns:
        Indices (M,) of the incoming pictures, the most unusual first, and for each picture (M,) its most extreme
        feature.
    """
    rank = np.stack([np.searchsorted(np.sort(old), new) for old, new in zip(training.T, incoming.T, strict=True)])
    tail = np.minimum(rank, len(training) - rank)
    low, middle, high = np.quantile(training, (0.25, 0.5, 0.75), axis=0)
    distance = np.abs(incoming - middle).T / np.maximum(high - low, 1e-9)[:, None]
    # of those beyond all training pictures, the farthest
    worst = np.lexsort((-distance, tail), axis=0)[0]
    every = np.arange(len(incoming))
    return np.lexsort((-distance[worst, every], tail[worst, every])), worst


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): the chance of any below the level, of no difference, is the level.

    Args:
        p: one a test, in any order.
    """
    order = np.argsort(p)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in corrected]


class _Pair:
    """Two samples, and how much of their difference is chance.

    Attributes:
        level: chance that a lower bound is too high.
    """

    def __init__(self, training: Sample, incoming: Sample, level: float) -> None:
        self._old, self._new = training, incoming
        self.level = level

    def one_feature(self, column: int, feature: Feature) -> Finding:
        old, new = self._old.values[:, column], self._new.values[:, column]
        statistic = float(ks_2samp(old, new, method="asymp").statistic)
        many, few = self._independent(rankdata(old), rankdata(new))
        # as SciPy approximates the distribution for two large samples, here of the effective sizes
        size = max(1, round(many * few / (many + few)))
        at_least = max(0.0, statistic - float(kstwo.isf(self.level, size)))
        return Finding(feature, "feature", statistic, at_least, float(kstwo.sf(statistic, size)), few, old, new)

    def together(self) -> Finding:
        """Classifier two-sample test (Lopez-Paz and Oquab 2017), with a quadratic discriminant."""
        count = len(self._old.values)
        ranks = rankdata(np.concatenate([self._old.values, self._new.values]), axis=0)
        scores = norm.ppf((ranks - 0.5) / len(ranks))
        samples = scores[:count], scores[count:]
        # neighbours stay in one fold: alike, they would give each other away
        folds = [sample.blocks * _FOLDS // (sample.blocks.max() + 1) for sample in (self._old, self._new)]
        told = np.empty(count), np.empty(len(scores) - count)
        for fold in range(_FOLDS):
            like_old, like_new = _gaussians(*(rows[of != fold] for rows, of in zip(samples, folds, strict=True)))
            for result, rows, of in zip(told, samples, folds, strict=True):
                held = rows[of == fold]
                result[of == fold] = like_new.logpdf(held) - like_old.logpdf(held)
        old, new = told
        auc = float(mannwhitneyu(new, old).statistic) / (len(old) * len(new))
        ranked = rankdata(np.concatenate(told))
        many, few = self._independent(ranked[:count], ranked[count:])
        # the Mann-Whitney test's; where the AUC is above 0.5, it is smaller
        error = np.sqrt((many + few + 1) / (12 * many * few))
        at_least = max(0.0, auc - float(norm.isf(self.level)) * error)
        return Finding(TOGETHER, "together", auc, float(at_least), float(norm.sf((auc - 0.5) / error)), few, old, new)

    def outliers(self) -> Finding:
        # every other block of the training pictures says what is extreme, the others how usual that is
        even = self._old.blocks % 2 == 0
        low, high = np.quantile(self._old.values[even], (_EXTREME, 1 - _EXTREME), axis=0)
        old, new = (
            ((values < low) | (values > high)).any(axis=1).astype(np.float64)
            for values in (self._old.values[~even], self._new.values)
        )
        many, few = self._independent(old, new, ~even)
        usual = _share(old, many).proportion_ci(0.95, method="wilson").high
        share = _share(new, few)
        at_least = share.proportion_ci(1 - 2 * self.level, method="exact").low - usual
        p = binomtest(share.k, share.n, usual, alternative="greater").pvalue
        return Finding(
            OUTLIERS, "outliers", float(new.mean() - old.mean()), max(0.0, at_least), float(p), few, old, new
        )

    def _independent(
        self, old: Floats, new: Floats, chosen: NDArray[np.bool_] | slice = slice(None)
    ) -> tuple[float, float]:
        """How many independent crops the training crops, and the incoming ones, are worth."""
        many, few = design_effect(old, self._old.blocks[chosen]), design_effect(new, self._new.blocks)
        if self._old.whole:
            few = max(few, many)
        return len(old) / many, len(new) / few


def _gaussians(old: Floats, new: Floats) -> tuple[Any, Any]:
    """A normal distribution for each; the fewer pictures, the closer its covariance to that of both."""
    apart = [np.cov(rows.T) for rows in (old, new)]
    both = (len(old) * apart[0] + len(new) * apart[1]) / (len(old) + len(new))
    return tuple(
        multivariate_normal(
            rows.mean(axis=0),
            (len(rows) * own + _SHRINKAGE * both) / (len(rows) + _SHRINKAGE),
            allow_singular=True,
        )
        for rows, own in zip((old, new), apart, strict=True)
    )


def _share(extreme: Floats, independent: float) -> Any:
    return binomtest(round(extreme.mean() * independent), max(1, round(independent)))
