"""The fields that a model card begins with, as Hugging Face reads them, with the scores as its `model-index`.

See https://huggingface.co/docs/hub/model-cards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TASK = "image-to-image"


@dataclass(frozen=True)
class Result:
    """Mean scores on one set of pictures.

    Attributes:
        name: of the pictures and their noise, for people.
        psnr: in dB, rounded to what is to be shown.
        ssim: likewise.
        dataset: what the set is called on Hugging Face, or what we call it.
    """

    name: str
    psnr: float
    ssim: float
    dataset: str


def fields(
    name: str, results: Sequence[Result], *, licence: Mapping[str, Any], tags: Sequence[str], datasets: Sequence[str]
) -> dict[str, Any]:
    """The fields, in the order in which they stand on the card.

    Args:
        name: the model's.
        results: its scores.
        licence: the fields that say it.
        tags: what else it may be searched for: the network, the kind of noise.
        datasets: what it learnt from, by Hugging Face's names.
    """
    return {
        **licence,
        "library_name": "keras",
        "pipeline_tag": _TASK,
        "tags": ["image-denoising", "image-restoration", *tags],
        **({"datasets": list(datasets)} if datasets else {}),
        "metrics": ["psnr", "ssim"],
        "model-index": [{"name": name, "results": [_entry(result) for result in results]}],
    }


def _entry(result: Result) -> dict[str, Any]:
    return {
        "task": {"type": _TASK, "name": "Image denoising"},
        "dataset": {"type": result.dataset, "name": result.name},
        "metrics": [
            {"type": "psnr", "name": "PSNR (dB)", "value": result.psnr},
            {"type": "ssim", "name": "SSIM", "value": result.ssim},
        ],
    }
