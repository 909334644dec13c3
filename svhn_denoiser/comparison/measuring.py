"""Two models on the same pictures: each picture's scores, their paired differences, other noise, and speed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation import suite
from svhn_denoiser.evaluation.scores import BLOCK, Denoiser, Difference, Scores, joined, paired_difference, score
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.params import NoiseSettings, Params

if TYPE_CHECKING:
    import keras

Row = dict[str, Any]

_FEWEST_ROUNDS = 8


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
        speed: B's speed over A's, from the pairs of those times.
        digits: a row a digit: PSNR of A and B, and their paired difference with its interval.
        levels: a row a strength, with fresh noise of the same kind: the same, and the difference with its interval.
        kinds: a row a kind and strength, likewise.
    """

    noisy: Scores
    scores: tuple[Scores, Scores]
    psnr: Difference
    ssim: Difference
    rates: tuple[float, float]
    speed: Difference
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
    samples = settings.bootstrap_samples
    noisy, scores, seconds = _scored(test, (a, b))
    rate_a, rate_b = (1 / np.median(seconds, axis=0)).tolist()
    digits = np.asarray(test.digits)
    noise = params.generate.noise
    advance("other strengths of noise")
    few = test.clean[: settings.noise_level_pictures]
    levels = _on_other_noise(few, (a, b), noise, settings.noise_levels, samples, seed)
    advance("other kinds of noise")
    fewer = test.clean[: settings.noise_kind_pictures]
    kinds = [
        {"kind": kind, **row}
        for kind in settings.noise_kinds
        for row in _on_other_noise(
            fewer, (a, b), noise.model_copy(update={"kind": kind}), settings.noise_levels, samples, seed
        )
    ]
    return Measured(
        noisy=noisy,
        scores=scores,
        psnr=paired_difference(scores[0].psnr, scores[1].psnr, samples, seed),
        ssim=paired_difference(scores[0].ssim, scores[1].ssim, samples, seed),
        rates=(rate_a, rate_b),
        speed=_speed(seconds, samples, seed),
        digits=[_of_digit(int(digit), digits == digit, scores, samples, seed) for digit in np.unique(digits)],
        levels=levels,
        kinds=kinds,
    )


def _scored(
    test: Pairs, denoisers: tuple[Denoiser, Denoiser]
) -> tuple[Scores, tuple[Scores, Scores], NDArray[np.float64]]:
    """Scores of the noisy pictures and of both denoisers, and the seconds a picture that both took, (rounds, 2)."""
    noisy_scores: list[Scores] = []
    scores: tuple[list[Scores], list[Scores]] = ([], [])
    rounds: list[list[float]] = []
    first = as_float(test.noisy[:BLOCK])
    for denoiser in denoisers:
        denoiser(first)  # the first call of a shape builds the network
    for number, start in enumerate(range(0, len(test), BLOCK)):
        block = test[start : start + BLOCK]
        clean, noisy = as_float(block.clean), as_float(block.noisy)
        noisy_scores.append(score(clean, noisy))
        estimates, seconds = _in_turn(denoisers, noisy, number)
        for parts, estimate in zip(scores, estimates, strict=True):
            parts.append(score(clean, estimate))
        if len(block) == len(first):
            rounds.append(seconds)
    # one pair of times says nothing on a machine that does something else meanwhile
    rounds += [_in_turn(denoisers, first, number)[1] for number in range(len(rounds), _FEWEST_ROUNDS)]
    return joined(noisy_scores), (joined(scores[0]), joined(scores[1])), np.array(rounds)


def _in_turn(
    denoisers: tuple[Denoiser, Denoiser], noisy: FloatPictures, number: int
) -> tuple[list[FloatPictures], list[float]]:
    """What both make of the same pictures, and the seconds a picture; in every other round, B goes first."""
    estimates, seconds = [noisy, noisy], [0.0, 0.0]
    for which in (0, 1) if number % 2 == 0 else (1, 0):
        began = time.perf_counter()
        estimates[which] = denoisers[which](noisy)
        seconds[which] = (time.perf_counter() - began) / len(noisy)
    return estimates, seconds


def _speed(seconds: NDArray[np.float64], samples: int, seed: int) -> Difference:
    # ratios are averaged as logarithms: twice as fast and half as fast cancel out
    return Difference(*np.exp(paired_difference(np.log(seconds[:, 1]), np.log(seconds[:, 0]), samples, seed)).tolist())


def _of_digit(digit: int, chosen: Any, scores: tuple[Scores, Scores], samples: int, seed: int) -> Row:
    a, b = (each[chosen].psnr for each in scores)
    gain = paired_difference(a, b, samples, seed)
    return {"digit": digit, "pictures": len(a), "a": float(a.mean()), "b": float(b.mean()), **gain._asdict()}


def _on_other_noise(
    clean: NDArray[np.uint8],
    denoisers: tuple[Denoiser, Denoiser],
    noise: NoiseSettings,
    strengths: list[float],
    samples: int,
    seed: int,
) -> list[Row]:
    """A row a strength: mean scores of the noisy pictures, of A and of B, and the paired difference in PSNR."""
    rows = []
    for strength, noisy, (a, b) in suite.at_noise_levels(clean, denoisers, noise, strengths, seed):
        row: Row = {"strength": strength}
        for name, scores in (("noisy", noisy), ("a", a), ("b", b)):
            row |= {f"{name}_{score}": mean for score, mean in scores.means().items()}
        gain = paired_difference(a.psnr, b.psnr, samples, seed)
        rows.append(row | {"difference": gain.mean, "low": gain.low, "high": gain.high})
    return rows
