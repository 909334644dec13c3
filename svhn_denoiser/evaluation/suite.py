"""Everything the stage `evaluate` reports about a denoiser: arrays in, numbers and table rows out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation import baselines, traits
from svhn_denoiser.evaluation.scores import (
    BLOCK,
    Denoiser,
    Scores,
    joined,
    score,
    score_denoised,
    score_pairs,
    summary,
)
from svhn_denoiser.noise import add_noise
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.params import Baseline, NoiseKind, NoiseSettings, Params

Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """Everything reported about a denoiser.

    Attributes:
        metrics: what reports/metrics.json holds.
        tables: rows of baselines, digits, noise_kinds and noise_levels, by these names.
        showcase: indices of the pictures to show, by best, median and worst.
        noisy: each test picture's scores before denoising.
        denoised: and after it.
        worst: what the worst pictures have in common, in a sentence; empty for few pictures.
    """

    metrics: dict[str, Any]
    tables: dict[str, list[Row]]
    showcase: dict[str, list[int]]
    noisy: Scores
    denoised: Scores
    worst: str = ""

    @property
    def headline(self) -> str:
        """Mean PSNR and SSIM of the noisy pictures and of the denoised ones, as a sentence."""
        noisy, denoised = self.metrics["noisy"], self.metrics["denoised"]
        psnr = f"PSNR {noisy['psnr']:.2f} → {denoised['psnr']:.2f} dB"
        return f"{psnr}, SSIM {noisy['ssim']:.3f} → {denoised['ssim']:.3f}"


def evaluate(
    params: Params, test: Pairs, denoiser: Denoiser, advance: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Score a denoiser on the test split, per digit, on other noise, and against classical denoisers.

    Args:
        params: all settings; `seed`, `generate.noise` and `evaluate` among them.
        test: the test pairs.
        denoiser: float32 (N, H, W, 3) in [0, 1] to the same.
        advance: called with what is being done.
    """
    settings, noise = params.evaluate, params.generate.noise
    advance("test pictures")
    noisy, denoised = score_pairs(test, denoiser)
    advance("noise levels")
    levels = by_noise_level(
        test.clean[: settings.noise_level_pictures], denoiser, noise, settings.noise_levels, params.seed
    )
    advance("kinds of noise")
    kinds = by_noise_kind(
        test.clean[: settings.noise_kind_pictures],
        denoiser,
        noise,
        settings.noise_kinds,
        settings.noise_levels,
        params.seed,
    )
    first = slice(settings.baseline_pictures)
    compared = against_baselines(
        test[first], noisy[first], params.train.network, denoised[first], settings.baselines, advance
    )
    means = {"noisy": noisy.means(), "denoised": denoised.means()}
    metrics = {
        "pictures": len(test),
        "network": params.train.network,
        "noise": noise.model_dump(),
        "noisy": summary(noisy, settings.bootstrap_samples, params.seed),
        "denoised": summary(denoised, settings.bootstrap_samples, params.seed),
        "gain": {name: means["denoised"][name] - means["noisy"][name] for name in ("psnr", "ssim")},
        "clean": kept(test.clean[: settings.noise_level_pictures], denoiser),
    }
    if settings.self_ensemble:
        advance("self-ensemble")
        ensemble = score_denoised(test, self_ensemble(denoiser))
        metrics["self_ensemble"] = summary(ensemble, settings.bootstrap_samples, params.seed)
    tables = {
        "baselines": compared,
        "digits": by_digit(np.asarray(test.digits), noisy, denoised),
        "noise_kinds": kinds,
        "noise_levels": levels,
    }
    worst = traits.of_the_worst(test.clean, test.digits, denoised.psnr)
    return Evaluation(metrics, tables, showcase(denoised, settings.shown_pictures), noisy, denoised, worst)


def by_digit(digits: NDArray[np.uint8], noisy: Scores, denoised: Scores) -> list[Row]:
    """Mean scores of the pictures of each digit that occurs."""
    return [
        {"digit": int(digit), "pictures": int(np.sum(digits == digit))}
        | _side_by_side(noisy[digits == digit], denoised[digits == digit])
        for digit in np.unique(digits)
    ]


def by_noise_level(
    clean: NDArray[np.uint8], denoiser: Denoiser, settings: NoiseSettings, levels: list[float], seed: int
) -> list[Row]:
    """Mean scores at other strengths; arguments as in `at_noise_levels`."""
    return [
        {"strength": level} | _side_by_side(noisy, denoised)
        for level, noisy, (denoised,) in at_noise_levels(clean, [denoiser], settings, levels, seed)
    ]


def at_noise_levels(
    clean: NDArray[np.uint8], denoisers: Sequence[Denoiser], settings: NoiseSettings, levels: list[float], seed: int
) -> Iterator[tuple[float, Scores, list[Scores]]]:
    """Each picture's scores at other strengths, with new noise on test pictures, the same for every denoiser.

    Args:
        clean: uint8 (N, H, W, 3), the first N of the test split.
        denoisers: what is scored.
        settings: the kind of noise.
        levels: the strengths.
        seed: the project's seed.

    Yields:
        The strength, the scores of the noisy pictures, and those of each denoiser.
    """
    for level in levels:
        noise = settings.model_copy(update={"strength": level})
        noisy_scores: list[Scores] = []
        denoised: list[list[Scores]] = [[] for _ in denoisers]
        for start in range(0, len(clean), BLOCK):
            block = as_float(clean[start : start + BLOCK])
            indices = range(start, start + len(block))
            # draw 1: not the noise of the fixed copies, and the same at every level, so that levels compare
            noisy = add_noise(block, noise, seed=seed, split="test", indices=indices, draw=1)
            noisy_scores.append(score(block, noisy))
            for denoiser, parts in zip(denoisers, denoised, strict=True):
                parts.append(score(block, denoiser(noisy)))
        yield level, joined(noisy_scores), [joined(parts) for parts in denoised]


def by_noise_kind(
    clean: NDArray[np.uint8],
    denoiser: Denoiser,
    settings: NoiseSettings,
    kinds: list[NoiseKind],
    levels: list[float],
    seed: int,
) -> list[Row]:
    """Mean scores on other kinds of noise, each at every strength; arguments as in `at_noise_levels`."""
    return [
        {"kind": kind, **row}
        for kind in kinds
        for row in by_noise_level(clean, denoiser, settings.model_copy(update={"kind": kind}), levels, seed)
    ]


def kept(clean: NDArray[np.uint8], denoiser: Denoiser) -> dict[str, float]:
    """Mean scores on pictures without noise, uint8 (N, H, W, 3): how well the denoiser preserves them."""
    return score_denoised(Pairs(clean, clean, np.zeros(len(clean), np.uint8)), denoiser).means()


def self_ensemble(denoiser: Denoiser) -> Denoiser:
    """Denoise a picture's eight flips and turns, turn each result back, and take the mean.

    Eight times the work (Timofte et al. 2016, "Seven ways to improve example-based single image super resolution").
    """

    def mean(noisy: FloatPictures) -> FloatPictures:
        total = np.zeros_like(noisy)
        for turns in range(4):
            for step in (1, -1):
                turned = np.ascontiguousarray(np.rot90(noisy, turns, axes=(1, 2))[:, :, ::step])
                total += np.rot90(denoiser(turned)[:, :, ::step], -turns, axes=(1, 2))
        return total / np.float32(8)

    return mean


def against_baselines(
    pairs: Pairs,
    noisy_scores: Scores,
    network: str,
    denoised: Scores,
    names: list[Baseline],
    advance: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Mean scores of the noisy pictures, the classical denoisers and the network, on the same pictures.

    Args:
        pairs: the test pairs to compare on.
        noisy_scores: the scores of their noisy pictures.
        network: what the network is called.
        denoised: the network's scores of these pairs.
        names: the classical denoisers.
        advance: is told which comes next.

    Returns:
        A row a method, the worst PSNR first.
    """
    sigma = float(np.sqrt(noisy_scores.mse.mean()))
    rows: list[Row] = [{"method": "noisy"} | noisy_scores.means(), {"method": network} | denoised.means()]
    for name in names:
        advance(name)
        scores = score_denoised(pairs, partial(baselines.denoise, name, sigma=sigma))
        rows.append({"method": name} | scores.means())
    return sorted(rows, key=lambda row: float(row["psnr"]))


def showcase(scores: Scores, count: int) -> dict[str, list[int]]:
    """Indices of the pictures to show: the `count` of the highest, of the middle and of the lowest PSNR."""
    order = np.argsort(-scores.psnr, kind="stable")
    count = min(count, len(order))
    middle = (len(order) - count) // 2
    return {
        "best": order[:count].tolist(),
        "median": order[middle : middle + count].tolist(),
        "worst": order[len(order) - count :].tolist(),
    }


def _side_by_side(noisy: Scores, denoised: Scores) -> Row:
    return {
        f"{name}_{score}": value
        for score in ("psnr", "ssim")
        for name, value in (("noisy", noisy.means()[score]), ("denoised", denoised.means()[score]))
    }
