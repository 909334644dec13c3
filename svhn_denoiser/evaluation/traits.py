"""What the pictures that come out worst have in common, next to all others that were scored."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, mannwhitneyu

from svhn_denoiser.crops import Digits, FloatPictures, Pictures
from svhn_denoiser.pairs import as_float

Floats = NDArray[np.float64]

# the share of pictures that count as the worst, and the fewest that can say anything
_WORST = 0.05
_FEWEST = 20
# chance of naming anything where nothing is there; neighbours are alike, so that it is set low
_ALPHA = 0.001
# With thousands of pictures every small difference is certain. What is named is one that a look finds: of a worst and
# another picture, the worst has more of it in 7 cases of 10; of a digit, twice its share
_CLEAR = 0.7
_TIMES = 2
_BLOCK = 1024
# Rec. 601, as JPEG's
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Trait(NamedTuple):
    """A number of a clean picture, and what pictures with less and with more of it are."""

    name: str
    less: str
    more: str


TRAITS = (
    Trait("brightness", "darker", "brighter"),
    Trait("contrast", "lower in contrast", "higher in contrast"),
    Trait("texture", "smoother", "richer in fine detail"),
    Trait("sharpness", "blurrier", "sharper"),
    Trait("colour", "poorer in colours", "richer in colours"),
)


def measure(pictures: Pictures) -> Floats:
    """Measure `TRAITS` of clean pictures, in blocks of bounded memory.

    Brightness: the mean luma. Contrast: its standard deviation. Texture: the mean difference of neighbouring pixels.
    Sharpness: that difference for the contrast there is. Colour: the spread in Hasler and Süsstrunk's colourfulness
    (2003). The drift check measures more, and noisy pictures too, at fifty times the work.

    Args:
        pictures: uint8 (N, H, W, 3).

    Returns:
        float64 (N, 5).
    """
    return np.concatenate(
        [_measure(as_float(pictures[start : start + _BLOCK])) for start in range(0, len(pictures), _BLOCK)]
    )


def of_the_worst(pictures: Pictures, digits: Digits, psnr: Floats) -> str:
    """Say what the pictures of the lowest PSNR have in common, in a sentence with figures.

    The worst 5 % are compared with all others: each trait by the test of Mann and Whitney, each digit by its share.
    What is named is certain (p below 0.001, after Bonferroni's correction) and large enough to be seen.

    Args:
        pictures: the clean ones, uint8 (N, H, W, 3).
        digits: theirs, (N,).
        psnr: of the denoised ones, float64 (N,).

    Returns:
        The same sentence for the same arguments; empty for fewer than 400 pictures, of which too few are the worst.
    """
    count = round(len(psnr) * _WORST)
    if count < _FEWEST:
        return ""
    order = np.argsort(psnr, kind="stable")
    worst = np.zeros(len(psnr), bool)
    worst[order[:count]] = True
    who = f"The worst {100 * _WORST:.0f} % ({count:,} of {len(psnr):,} pictures, up to {psnr[order[count - 1]]:.2f} dB)"
    traits = list(_traits(measure(pictures), worst))
    often = list(_digits(np.asarray(digits), worst))
    if not traits and not often:
        names = ", ".join(trait.name for trait in TRAITS)
        return f"{who} have nothing in common that stands out: in {names} and digit they are like the others."
    are = f" are typically {_listed(traits)}." if traits else ":"
    return f"{who}{are}{f' {_listed(often)}.' if often else ''}"


def _traits(values: Floats, worst: NDArray[np.bool_]) -> Iterator[str]:
    """What the worst have more or less of, the clearest first."""
    found = []
    for column, trait in zip(values.T, TRAITS, strict=True):
        test = mannwhitneyu(column[worst], column[~worst])
        more = float(test.statistic) / (worst.sum() * (~worst).sum())
        if test.pvalue < _level() and max(more, 1 - more) >= _CLEAR:
            middle = float(np.median(column[worst]))
            place = float(np.mean(column < middle) if more > 0.5 else np.mean(column > middle))
            usual = float(np.median(column))
            word = trait.more if more > 0.5 else trait.less
            figures = f"{trait.name} {middle:.3f}, of all {usual:.3f}"
            found.append((max(more, 1 - more), f"{word} than {100 * place:.0f} % of all ({figures})"))
    yield from (text for _, text in sorted(found, reverse=True))


def _digits(digits: NDArray[np.uint8], worst: NDArray[np.bool_]) -> Iterator[str]:
    """Digits that are more often among the worst than among all."""
    for digit in np.unique(digits):
        of_it = digits == digit
        among = int((of_it & worst).sum())
        chance = hypergeom.sf(among - 1, len(digits), int(of_it.sum()), int(worst.sum()))
        shares = among / worst.sum(), of_it.mean()
        if chance < _level() and shares[0] >= _TIMES * shares[1]:
            yield f"{100 * shares[0]:.0f} % of them are a {digit}, of all {100 * shares[1]:.0f} %"


def _level() -> float:
    # tests: the traits and ten digits
    return _ALPHA / (len(TRAITS) + 10)


def _measure(pictures: FloatPictures) -> Floats:
    luma = pictures @ _LUMA
    steps = [np.abs(np.diff(luma, axis=axis)).mean((1, 2), dtype=np.float64) for axis in (1, 2)]
    contrast = luma.std((1, 2), dtype=np.float64)
    texture = (steps[0] + steps[1]) / 2
    red_green = pictures[..., 0] - pictures[..., 1]
    yellow_blue = pictures[..., :2].mean(3) - pictures[..., 2]
    colour = np.hypot(red_green.std((1, 2)), yellow_blue.std((1, 2)))
    brightness = luma.mean((1, 2), dtype=np.float64)
    return np.stack([brightness, contrast, texture, texture / (contrast + 0.01), colour], axis=1).astype(np.float64)


def _listed(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
