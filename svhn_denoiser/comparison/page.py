"""The page of `compare --page`: tables, charts, and the pictures on which A and B differ most and least."""

from pathlib import Path

import numpy as np

from svhn_denoiser.comparison.comparison import LETTERS, Comparison
from svhn_denoiser.comparison.measuring import Measured
from svhn_denoiser.comparison.tables import tables
from svhn_denoiser.evaluation.scores import Denoiser
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from svhn_denoiser.report import charts, gallery
from svhn_denoiser.report.gallery import Exhibit
from svhn_denoiser.report.templates import template

# of each choice: about 100 pictures in all, and a page of 1.5 MB
_SHOWN = 24
_SHOWN_OF_ONE = 8


def render(comparison: Comparison, pairs: Pairs) -> str:
    """Render the page.

    Args:
        comparison: of the first of these pairs.
        pairs: that were scored.

    Returns:
        HTML text without a reference to any other file or address.
    """
    models, settings, scores, *others = tables(comparison)
    measured = comparison.measured
    a, b = (each.psnr for each in measured.scores)
    exhibits = _exhibits(comparison, pairs)
    return template(Path(__file__).with_name("page.html")).render(
        headline=comparison.headline,
        comparison=comparison,
        letters=LETTERS,
        means=[each.means() for each in measured.scores],
        models=models,
        settings=settings,
        scores=scores,
        others=others,
        distributions=charts.distributions(a, b),
        differences=_charts(measured),
        gallery=gallery,
        shown=len(exhibits),
        pictures=gallery.render(exhibits, left="A", right="B", reference="clean"),
    )


def _charts(measured: Measured) -> dict[str, bytes]:
    """Charts of the differences by what they are over."""
    digits = [{**row, "name": row["digit"], "difference": row["mean"]} for row in measured.digits]
    levels = [{**row, "name": f"{row['strength']:g}"} for row in measured.levels]
    return {"digit": charts.differences(digits), "strength of the noise": charts.differences(levels)}


def chosen(a: np.ndarray, b: np.ndarray) -> dict[str, list[int]]:
    """Which pictures to show, by why; a picture may be there for several reasons.

    Args:
        a: PSNR of each picture, float64 (N,), of A.
        b: the same of B.
    """
    order = np.argsort(b - a, kind="stable")
    middle = max(0, (len(order) - _SHOWN) // 2)
    found = {
        "B is ahead most": order[::-1][:_SHOWN],
        "A is ahead most": order[:_SHOWN],
        "in the middle": order[middle : middle + _SHOWN],
    }
    for letter, scores in zip(LETTERS, (a, b), strict=True):
        ranked = np.argsort(scores, kind="stable")
        found |= {f"worst of {letter}": ranked[:_SHOWN_OF_ONE], f"best of {letter}": ranked[::-1][:_SHOWN_OF_ONE]}
    return {why: indices.tolist() for why, indices in found.items()}


def _exhibits(comparison: Comparison, pairs: Pairs) -> list[Exhibit]:
    measured = comparison.measured
    a, b = (each.psnr for each in measured.scores)
    reasons = chosen(a, b)
    gain = b - a
    indices = sorted(set().union(*reasons.values()), key=lambda index: (-float(gain[index]), index))
    some = pairs[indices]
    made = [_made(contestant.denoiser, some) for contestant in comparison.contestants]
    noisy = measured.noisy.psnr
    return [
        Exhibit(
            f"picture {index}",
            {
                "noisy": np.asarray(some.noisy[place]),
                "A": made[0][place],
                "B": made[1][place],
                "clean": np.asarray(some.clean[place]),
            },
            ranks={
                "B ahead most first": -float(gain[index]),
                "A ahead most first": float(gain[index]),
                "largest difference first": -abs(float(gain[index])),
                "worst of A first": float(a[index]),
                "worst of B first": float(b[index]),
                "best of A first": -float(a[index]),
                "best of B first": -float(b[index]),
                "as in the file": index,
            },
            kinds={
                "digit": [str(int(some.digits[place]))],
                "chosen as": [why for why, of in reasons.items() if index in of],
            },
            scores={
                "noisy": f"{noisy[index]:.2f} dB",
                "A": f"{a[index]:.2f} dB, SSIM {measured.scores[0].ssim[index]:.3f}",
                "B": f"{b[index]:.2f} dB, SSIM {measured.scores[1].ssim[index]:.3f}",
            },
            caption=f"digit {int(some.digits[place])}, A {a[index]:.2f}, B {b[index]:.2f} dB ({gain[index]:+.2f})",
        )
        for place, index in enumerate(indices)
    ]


def _made(denoiser: Denoiser, pairs: Pairs) -> np.ndarray:
    return as_bytes(denoiser(as_float(pairs.noisy)))
