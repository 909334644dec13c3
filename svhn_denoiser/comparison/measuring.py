"""Two models on the same pictures: each picture's scores, their paired differences, other noise, and speed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation import suite
from svhn_denoiser.evaluation.scores import BLOCK, Denoiser, Difference, Scores, joined, paired_difference, score
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.params import Params

if TYPE_CHECKING:
    import keras

Row = dict[str, Any]


@dataclass(frozen=True)
class Contestant:
    """A model that is ready to run: float32, in Keras, as the stage evaluate runs it.

    Attributes:
        denoiser: float32 (N, H, W, 3) in [0, 1] to the same.
        parameters: how many numbers it learned.
        file_bytes: the size of its Keras file.
    """

    denoiser: Denoiser
    parameters: int
    file_bytes: int


@dataclass(frozen=True)
class Measured:
    """What two models make of the same pictures.

    Attributes:
        noisy: scores of the noisy pictures.
        scores: of A and of B.
        psnr: paired difference B − A in dB.
        ssim: the same in SSIM.
        rates: pictures a second of A and of B, in turn in one process: medians over blocks of 256 pictures.
        digits: a row a digit: PSNR of A and B, and their paired difference with its interval.
        levels: a row a strength, with fresh noise of the same kind.
        kinds: a row a kind and strength.
    """

    noisy: Scores
    scores: tuple[Scores, Scores]
    psnr: Difference
    ssim: Difference
    rates: tuple[float, float]
    digits: list[Row]
    levels: list[Row]
    kinds: list[Row]


def contestant(file: Path) -> Contestant:
    """Load a model.

    Raises:
        DenoiserError: the file is no model of pictures that Keras can load.
    """
    model: keras.Model = load_model(file)
    return Contestant(lambda noisy: denoise(model, noisy), int(model.count_params()), file.stat().st_size)


def measure(
    params: Params, test: Pairs, a: Denoiser, b: Denoiser, advance: Callable[[str], None] = lambda _: None
) -> Measured:
    """Score two models on the same pairs.

    The scores of all of a run's test pairs are those that the stage evaluate wrote: the same blocks go through the same
    code.

    Args:
        params: all settings; the seed, the kind of noise, other strengths and bootstrap samples come from them.
        test: the pairs; one at least.
        a: the first model.
        b: the second one; differences are its lead.
        advance: is told what comes next.
    """
    settings, seed = params.evaluate, params.seed
    advance("test pictures")
    noisy, scores, rates = _scored(test, a, b)
    samples = settings.bootstrap_samples
    digits = np.asarray(test.digits)
    advance("other strengths of noise")
    few = test.clean[: settings.noise_level_pictures]
    levels = [suite.by_noise_level(few, each, params.generate.noise, settings.noise_levels, seed) for each in (a, b)]
    advance("other kinds of noise")
    fewer = test.clean[: settings.noise_kind_pictures]
    kinds = [
        suite.by_noise_kind(fewer, each, params.generate.noise, settings.noise_kinds, settings.noise_levels, seed)
        for each in (a, b)
    ]
    return Measured(
        noisy=noisy,
        scores=scores,
        psnr=paired_difference(scores[0].psnr, scores[1].psnr, samples, seed),
        ssim=paired_difference(scores[0].ssim, scores[1].ssim, samples, seed),
        rates=rates,
        digits=[_of_digit(int(digit), digits == digit, scores, samples, seed) for digit in np.unique(digits)],
        levels=_beside(*levels),
        kinds=_beside(*kinds),
    )


def _scored(test: Pairs, a: Denoiser, b: Denoiser) -> tuple[Scores, tuple[Scores, Scores], tuple[float, float]]:
    noisy_scores: list[Scores] = []
    scores: tuple[list[Scores], list[Scores]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    for denoiser in (a, b):
        denoiser(as_float(test.noisy[:BLOCK]))  # the first call of a shape builds the network
    for number, start in enumerate(range(0, len(test), BLOCK)):
        block = test[start : start + BLOCK]
        clean, noisy = as_float(block.clean), as_float(block.noisy)
        noisy_scores.append(score(clean, noisy))
        # in turn: what else the machine does meets both
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            estimate, took = _timed((a, b)[which], noisy)
            scores[which].append(score(clean, estimate))
            if len(block) == BLOCK or len(test) < BLOCK:
                seconds[which].append(took / len(block))
    rates = (float(1 / np.median(seconds[0])), float(1 / np.median(seconds[1])))
    return joined(noisy_scores), (joined(scores[0]), joined(scores[1])), rates


def _timed(denoiser: Denoiser, noisy: FloatPictures) -> tuple[FloatPictures, float]:
    began = time.perf_counter()
    return denoiser(noisy), time.perf_counter() - began


def _of_digit(digit: int, chosen: Any, scores: tuple[Scores, Scores], samples: int, seed: int) -> Row:
    a, b = (each[chosen].psnr for each in scores)
    gain = paired_difference(a, b, samples, seed)
    return {"digit": digit, "pictures": len(a), "a": float(a.mean()), "b": float(b.mean()), **gain._asdict()}


def _beside(rows_a: list[Row], rows_b: list[Row]) -> list[Row]:
    """Rows of the suite, of both models: the noise is the same, and so are the noisy pictures' scores."""
    together = []
    for of_a, of_b in zip(rows_a, rows_b, strict=True):
        row = {key: value for key, value in of_a.items() if not key.startswith("denoised_")}
        for name, of in (("a", of_a), ("b", of_b)):
            row |= {f"{name}_{score}": of[f"denoised_{score}"] for score in ("psnr", "ssim")}
        together.append(row | {"difference": row["b_psnr"] - row["a_psnr"]})
    return together
