"""Which pictures a report shows, with their captions and scores."""

import numpy as np

from svhn_denoiser.crops import Pictures
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.evaluation.scores import Denoiser
from svhn_denoiser.evaluation.suite import Evaluation
from svhn_denoiser.pairs import Pairs, as_bytes, as_float
from svhn_denoiser.report.gallery import Exhibit
from svhn_denoiser.report.pictures import comparison


def sheet(pairs: Pairs, chosen: list[int], denoiser: Denoiser) -> bytes:
    """Some pictures of a split as a PNG: clean, noisy and denoised, each with its PSNR.

    Args:
        pairs: the split.
        chosen: which of its pictures.
        denoiser: float32 (N, H, W, 3) in [0, 1] to the same.
    """
    some = pairs[chosen]
    clean, noisy = as_float(some.clean), as_float(some.noisy)
    denoised = denoiser(noisy)
    scores = zip(psnr(clean, noisy).tolist(), psnr(clean, denoised).tolist(), strict=True)
    return comparison(clean, noisy, denoised, [f"picture {index}" for index in chosen], list(scores))


def exhibits(pairs: Pairs, evaluation: Evaluation, denoiser: Denoiser, count: int) -> list[Exhibit]:
    """The pictures of the page, the worst first: noisy, denoised and clean, each with its scores.

    They are the worst, the best, the worst of each digit, and as many as the worst evenly spread over all scores.

    Args:
        pairs: the split that was scored.
        evaluation: its scores.
        denoiser: as in `sheet`.
        count: how many of the best to show; of the worst it is three times as many.
    """
    order = np.argsort(evaluation.denoised.psnr, kind="stable")
    digits = np.asarray(pairs.digits)
    worst, best = order[: 3 * count], order[len(order) - min(count, len(order)) :]
    spread = order[np.linspace(0, len(order) - 1, 3 * count).astype(np.intp)]
    of_digits = [order[digits[order] == digit][: -(-count // 2)] for digit in np.unique(digits)]
    shown = set(np.concatenate([worst, best, spread, *of_digits]).tolist())
    chosen = [index for index in order.tolist() if index in shown]
    if not chosen:
        return []
    some = pairs[chosen]
    denoised = as_bytes(denoiser(as_float(some.noisy)))
    named = {"worst": set(worst.tolist()), "best": set(best.tolist()), "evenly spread": set(spread.tolist())}
    return [
        _exhibit(index, evaluation, some[[place]], denoised[place], [name for name, of in named.items() if index in of])
        for place, index in enumerate(chosen)
    ]


def _exhibit(index: int, evaluation: Evaluation, pair: Pairs, denoised: Pictures, chosen: list[str]) -> Exhibit:
    (noisy,), (after,) = (scores[[index]].psnr.tolist() for scores in (evaluation.noisy, evaluation.denoised))
    ssim = float(evaluation.denoised.ssim[index])
    digit = str(int(pair.digits[0]))
    return Exhibit(
        f"picture {index}",
        {"noisy": np.asarray(pair.noisy[0]), "denoised": denoised, "clean": np.asarray(pair.clean[0])},
        ranks={
            "worst first": after,
            "best first": -after,
            "smallest gain first": after - noisy,
            "as in the file": index,
        },
        kinds={"digit": [digit], "chosen as": chosen},
        scores={"noisy": f"{noisy:.2f} dB", "denoised": f"{after:.2f} dB, SSIM {ssim:.3f}"},
        caption=f"digit {digit}, {after:.2f} dB ({after - noisy:+.2f})",
    )
