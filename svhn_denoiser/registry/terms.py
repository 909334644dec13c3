"""What a model was trained on and under which licence that leaves it, for its card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from svhn_denoiser.markdown import code

_HOME = "http://ufldl.stanford.edu/housenumbers/"
_APACHE = {"license": "apache-2.0"}
# Hugging Face's word where nobody has said it
_UNKNOWN = {"license": "unknown"}


@dataclass(frozen=True)
class Terms:
    """What is to be said of a source of pictures.

    Attributes:
        name: what the pictures are, for people.
        licence: fields of the front matter.
        words: what the licence means for the model.
        dataset: its name on Hugging Face, if it has one.
    """

    name: str
    words: str
    licence: Mapping[str, str] = field(default_factory=lambda: _UNKNOWN)
    dataset: str | None = None


_SVHN = Terms(
    "official SVHN",
    "SVHN's pictures are for non-commercial use only. To be safe, treat this model the same way. Cite Netzer, Wang, "
    "Coates, Bissacco, Wu and Ng, 2011, Reading Digits in Natural Images with Unsupervised Feature Learning "
    f"(<{_HOME}>).",
    {"license": "other", "license_name": "svhn-non-commercial", "license_link": _HOME},
    "ufldl-stanford/svhn",
)
_DRAWN = Terms(
    "drawn house numbers",
    "The pictures were drawn by this project's program: nobody else has rights in them. The model is under the "
    "project's licence, Apache-2.0. Its scores say nothing of photographs.",
    _APACHE,
)
_DRAWN_WITH_PHOTOGRAPHS = Terms(
    "drawn scenes with parts of free photographs",
    "The pictures were drawn by this project's program, some with parts of the photographs below. The model is under "
    "the project's licence, Apache-2.0; name the photographers of those under CC BY when you pass it on.",
    _APACHE,
)
_MAT = Terms(
    "files in SVHN's format",
    "The licence is that of the files, which the project does not know. If they are SVHN's own, they are for "
    "non-commercial use only. Find out before you pass the model on.",
)
_IMAGES = Terms(
    "a folder of pictures",
    "The licence is that of the pictures, which the project does not know. Find out before you pass the model on.",
)


def of_source(source: Mapping[str, Any]) -> Terms:
    """What is to be said of a source of pictures.

    Args:
        source: what data/raw/source.json says.
    """
    if source.get("source") == "synthetic":
        return _DRAWN_WITH_PHOTOGRAPHS if source.get("photographs") else _DRAWN
    return {"svhn": _SVHN, "mat": _MAT}.get(str(source.get("source")), _IMAGES)


def paragraphs(source: Mapping[str, Any]) -> Iterator[str]:
    """What the pictures are, how many, from where, and what their licence means for the model, as Markdown.

    Args:
        source: what data/raw/source.json says.
    """
    terms = of_source(source)
    counts = [
        f"{part['pictures']:,} in {code(name)}"
        for name, part in source.get("files", {}).items()
        if isinstance(part, Mapping) and isinstance(part.get("pictures"), int)
    ]
    origin = f", from {code(str(source['from']))}" if source.get("from") else ""
    yield f"{terms.name[0].upper()}{terms.name[1:]}{origin}" + (f": {', '.join(counts)}." if counts else ".")
    yield terms.words
    photographs = source.get("photographs")
    if photographs:
        yield "\n".join(f"- {code(str(credit))}" for credit in photographs)
