"""Score a method and take its time: pictures in, figures out."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.evaluation.scores import Denoiser, Scores, joined, score
from svhn_denoiser.pairs import Pairs, as_float

# a method is timed so many times at the least, and for so many seconds altogether
LEAST_TIMINGS = 5
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Cost:
    """What a network costs, whatever it runs on.

    Attributes:
        parameters: all its weights, batch normalisation's running means among them.
        multiply_adds: of its convolutions and dense layers, for each pixel of the picture; None where a layer is of a
            kind that cannot be counted.
        training_seconds: that its fitting took, validation included; None where there is no record of it.
        training_cores: how many cores it was given.
    """

    parameters: int
    multiply_adds: float | None
    training_seconds: float | None = None
    training_cores: int | None = None


@dataclass(frozen=True)
class Method:
    """Something that denoises.

    Attributes:
        name: what tables call it.
        load: gives the denoiser; raises ImportError where its package is missing.
        at_once: pictures a call, which is what is timed.
        rarely: so slow that it is run on some of the pictures only.
        timed: False for what does nothing.
        cost: of a network.
    """

    name: str
    load: Callable[[], Denoiser]
    at_once: int = 256
    rarely: bool = False
    timed: bool = True
    cost: Cost | None = None


@dataclass(frozen=True)
class Result:
    """What was measured of a method.

    Attributes:
        method: whose it is.
        chosen: rising indices of the pictures that it was run on.
        scores: of these pictures, in this order.
        pictures_per_second: None if it was not timed.
    """

    method: Method
    chosen: NDArray[np.intp]
    scores: Scores
    pictures_per_second: float | None

    def on(self, chosen: NDArray[np.intp]) -> Scores:
        """The scores of some of the pictures that the method was run on."""
        return self.scores[np.searchsorted(self.chosen, chosen)]


@dataclass(frozen=True)
class Missing:
    """A method that could not be run, and why."""

    method: Method
    reason: str


def measure(method: Method, pairs: Pairs, few: NDArray[np.intp]) -> Result | Missing:
    """Run a method on all pairs, or on a few where it is slow.

    Args:
        method: what to run.
        pairs: test pairs.
        few: rising indices of the pairs that slow methods are run on.
    """
    try:
        denoiser = method.load()
    except ModuleNotFoundError as error:
        return Missing(method, f"not run: {error.name} is not installed")
    except (ImportError, OSError) as error:  # OSError: a library that ctypes cannot open
        # the message would name paths of this machine
        return Missing(method, f"not run: its package cannot be imported ({type(error).__name__})")
    chosen = few if method.rarely else np.arange(len(pairs))
    scores, seconds = _run(denoiser, pairs[chosen.tolist()] if method.rarely else pairs, method)
    speed = min(method.at_once, len(chosen)) / median(seconds) if method.timed else None
    return Result(method, chosen, scores, speed)


def _run(denoiser: Denoiser, pairs: Pairs, method: Method) -> tuple[Scores, list[float]]:
    """The scores, and the seconds of each call with as many pictures as the first."""
    first = as_float(pairs.noisy[: method.at_once])
    denoiser(first)  # the first call loads and compiles
    parts, seconds = [], []
    for start in range(0, len(pairs), method.at_once):
        block = pairs[start : start + method.at_once]
        estimate, took = _timed(denoiser, as_float(block.noisy))
        parts.append(score(as_float(block.clean), estimate))
        if len(block) == len(first):
            seconds.append(took)
    while method.timed and (len(seconds) < LEAST_TIMINGS or sum(seconds) < LEAST_SECONDS):
        seconds.append(_timed(denoiser, first)[1])
    return joined(parts), seconds


def _timed(denoiser: Denoiser, noisy: FloatPictures) -> tuple[FloatPictures, float]:
    began = perf_counter()
    estimate = denoiser(noisy)
    return estimate, perf_counter() - began
