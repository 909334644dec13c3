"""The scores of two models as rows of text: for the tables of a comparison, and for a pull request's comment."""

from collections.abc import Iterator, Mapping, Sequence

INTERVAL = "difference (95 % interval)"

_PLACES = {"psnr": 2, "ssim": 4}
_NAMES = {"psnr": "PSNR (dB)", "ssim": "SSIM"}


def score_rows(
    before: Mapping[str, float], after: Mapping[str, float], differences: Mapping[str, Sequence[float]]
) -> Iterator[tuple[str, ...]]:
    """A row a score, PSNR and SSIM: the one, the other, and their paired difference.

    Args:
        before: means of the one model.
        after: means of the other.
        differences: mean of the paired differences, and both ends of its interval where there is one.
    """
    for score, places in _PLACES.items():
        if score in before and score in after:
            gain = difference(*differences[score], places=places + (score == "psnr"))
            yield _NAMES[score], f"{before[score]:.{places}f}", f"{after[score]:.{places}f}", gain


def difference(mean: float, low: float | None = None, high: float | None = None, *, places: int = 2) -> str:
    """A difference as text, with its interval where there is one: "+0.42 (+0.40 to +0.44)"."""
    interval = "" if low is None or high is None else f" ({low:+.{places}f} to {high:+.{places}f})"
    return f"{mean:+.{places}f}{interval}"
