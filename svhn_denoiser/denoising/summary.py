"""What a call of `denoise` says at its end: in a few lines for people, in full for programs."""

from collections.abc import Sequence
from typing import Any

from svhn_denoiser.denoising.flow import Result
from svhn_denoiser.denoising.noise_level import NEXT_TO_NONE
from svhn_denoiser.denoising.trained_noise import TrainedNoise

# names in a line that is about several pictures
_NAMED = 3


def remarks(results: Sequence[Result], trained: TrainedNoise | None, *, shipped: bool) -> list[str]:
    """Sentences about the pictures' noise and about what was lost, one for each kind of remark.

    Args:
        results: of the pictures that were denoised.
        trained: the noise that the model was trained for; None where that is not known.
        shipped: whether it is the model that comes with the package.
    """
    done = [result for result in results if result.target is not None]
    said = []
    if clean := [result for result in done if _next_to_none(result)]:
        said.append(f"next to no noise, so there is little to remove, in {_names(clean)}")
    if trained is not None:
        other = [r for r in done if r.noise is not None and not _next_to_none(r) and not trained.fits(r.noise)]
        if other:
            other.sort(key=lambda result: result.noise or 0)
            first, last = f"{other[0].noise:.2g}", f"{other[-1].noise:.2g}"
            levels = first if first == last else f"{first} to {last}"
            advice = "" if shipped else "; --model shipped is for noise of any strength up to 0.3"
            said.append(
                f"noise of about {levels} in {_names(other)}, and this model was trained for {trained}: it may do harm "
                f"there{advice}"
            )
    if halved := [result for result in done if result.halved_colours and not _next_to_none(result)]:
        said.append(
            "colours at half the resolution, as most JPEG and WebP files store them: that smooths the noise, and "
            f"little of it is removed, in {_names(halved)}"
        )
    notes = {note for result in done for note in result.notes}
    said += sorted(f"{_names([r for r in done if note in r.notes])}: {note}" for note in notes)
    return said


def as_dict(result: Result) -> dict[str, Any]:
    """What became of one picture, for programs."""
    return {
        "source": str(result.source),
        "target": None if result.target is None else str(result.target),
        "denoised": result.target is not None,
        "reason": result.reason,
        "noise": None if result.noise is None else round(result.noise, 4),
        "pixels": result.pixels,
        "halved_colours": result.halved_colours,
        "notes": list(result.notes),
    }


def _next_to_none(result: Result) -> bool:
    return result.noise is not None and result.noise < NEXT_TO_NONE


def _names(results: Sequence[Result]) -> str:
    named = ", ".join(str(result.source) for result in results[:_NAMED])
    more = len(results) - _NAMED
    return f"{named} and {more} more" if more > 0 else named
