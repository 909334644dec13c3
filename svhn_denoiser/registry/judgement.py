"""Score a model and the champion on the same pictures, and ask the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.scores import Denoiser, Scores, score_denoised, score_pairs
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params
from svhn_denoiser.registry import gate, versions
from svhn_denoiser.registry.gate import Decision, Rival
from svhn_denoiser.registry.versions import Version
from svhn_denoiser.tracking.store import Store

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Candidate:
    """A model that may become champion, scored.

    Attributes:
        test: the pairs that it and the champion are scored on.
        noisy: scores of their noisy pictures.
        denoised: scores of what the model makes of them.
    """

    test: Pairs
    noisy: Scores
    denoised: Scores

    @property
    def psnr_over_noisy(self) -> float:
        """Mean PSNR of the model less that of the noisy pictures, dB."""
        return float(np.mean(self.denoised.psnr) - np.mean(self.noisy.psnr))

    def without_comparison(self, promoted: bool, reason: str) -> Decision:
        """A decision for which the model was not compared with the champion."""
        return Decision(promoted, (reason,), len(self.test), self.psnr_over_noisy)


def score(model: "keras.Model", test: Pairs) -> Candidate:
    """Score a model on the test pairs."""
    return Candidate(test, *score_pairs(test, _denoiser(model)))


def judge(
    params: Params, candidate: Candidate, tags: Mapping[str, str], champion: Version | None, store: Store | None
) -> Decision:
    """Decide whether a model may replace the champion.

    The champion's own bytes, and those of a version that was rolled back, are refused without a comparison.

    Args:
        params: all settings; the gate's thresholds among them.
        candidate: the model.
        tags: what is known of it: sha256, data_source, noise.
        champion: the present one, if there is one. Where there was one and it is gone, the best that is left is the one
            to beat.
        store: where the champion and the other versions are; None where no registry is asked.

    Raises:
        DenoiserError: the champion cannot be loaded.
    """
    sha256 = tags["sha256"]
    if champion is not None and champion.tags.get("sha256") == sha256:
        same = f"It is the champion's model (version {champion.number}), byte for byte: there is nothing to do."
        return candidate.without_comparison(False, same)
    left = _rolled_back(store, sha256)
    if left is not None and left.rollback is not None:
        reason = (
            f"This model was champion as version {left.number} and was rolled back on {left.rollback.at} "
            f"({left.rollback.reason}): only a person makes it champion again, with "
            f"`svhn-denoiser registry promote`."
        )
        return candidate.without_comparison(False, reason)
    return gate.decide(
        params.register_.gate,
        noisy=candidate.noisy,
        challenger=candidate.denoised,
        data_source=tags["data_source"],
        noise=tags["noise"],
        champion=_rival(store, champion, sha256, candidate.test),
        samples=params.evaluate.bootstrap_samples,
        seed=params.seed,
    )


def best_left(store: Store, sha256: str) -> Version | None:
    """Which version stands for a champion that is gone, as its alias or its version was deleted by hand.

    It is the version that became champion last, or, where none of those is left, the one with the highest PSNR. What
    was rolled back counts only where there is nothing else.

    Args:
        store: where.
        sha256: of the model that is to be compared with it, and never stands for it.

    Returns:
        None where there is no sign that there ever was a champion, or nothing is left but that model.
    """
    known = versions.versions(store)
    numbers = {version.number for version in known}
    # MLflow gives no number twice: one that is missing was deleted
    was_one = any(version.promotion for version in known) or numbers != set(range(1, len(numbers) + 1))
    others = [version for version in known if version.tags.get("sha256") != sha256]
    if not was_one or not others:
        return None

    def rank(version: Version) -> tuple[bool, str, float]:
        promoted = version.promotion.at if version.promotion else ""
        # of two in the same second, the later one
        then = version.number if promoted else version.score("psnr") or 0
        return version.rollback is None, promoted, float(then)

    return max(others, key=rank)


def _rolled_back(store: Store | None, sha256: str) -> Version | None:
    known = [] if store is None else versions.versions(store)
    same = (version for version in known if version.tags.get("sha256") == sha256)
    return next((version for version in same if version.rollback), None)


def _rival(store: Store | None, champion: Version | None, sha256: str, test: Pairs) -> Rival | None:
    beaten = champion
    if store is not None and champion is None:
        beaten = best_left(store, sha256)
    if store is None or beaten is None:
        return None
    name = "the champion" if champion is not None else "the best that is left of the versions"
    with TemporaryDirectory() as folder:
        uri = f"models:/{versions.MODEL}/{beaten.number}"
        try:
            model = load_model(versions.fetch(store, uri, Path(folder)))
        except DenoiserError as error:
            raise DenoiserError(
                f"{name} (version {beaten.number}) cannot be compared with: {error} "
                f"Make another version champion with `svhn-denoiser registry promote VERSION`."
            ) from error
        scores = score_denoised(test, _denoiser(model))
    source, noise = (beaten.tags.get(name) for name in ("data_source", "noise"))
    return Rival(beaten.number, scores, source, noise, is_champion=champion is not None)


def _denoiser(model: "keras.Model") -> Denoiser:
    return lambda noisy: denoise(model, noisy)
