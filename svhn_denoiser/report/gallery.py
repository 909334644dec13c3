"""A sheet of pictures that each have several versions: sorted, filtered, enlarged, and with a line to drag over each.

A page puts `STYLE` into its head, after the report's own, `render(...)` where the pictures are to stand, and `SCRIPT`
at its end. Without the script all pictures are there, in the order that was given. On paper the versions of a picture
stand side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from svhn_denoiser.crops import Pictures
from svhn_denoiser.report import slider
from svhn_denoiser.report.pictures import png
from svhn_denoiser.report.templates import template

_HERE = Path(__file__).parent
_SCRIPT = slider.inline(_HERE / "gallery.js")

STYLE = Markup(slider.STYLE + (_HERE / "gallery_style.html").read_text(encoding="utf-8"))  # noqa: S704
SCRIPT = Markup(slider.SCRIPT + _SCRIPT.tag)  # noqa: S704
# what a Content-Security-Policy's script-src has to name
SCRIPT_SOURCE = f"{slider.SCRIPT_SOURCE} {_SCRIPT.source}"


@dataclass(frozen=True)
class Exhibit:
    """A picture on the sheet.

    Attributes:
        name: such as "picture 12".
        versions: uint8 (H, W, 3) by the version's name, such as "noisy"; of one size, and the same names in the same
            order for all pictures of a sheet.
        ranks: a number for each order that the sheet can be sorted in, by the order's name, such as "worst first"; the
            smallest comes first. The first order is the one that the pictures are given in.
        kinds: what the sheet can be filtered by, such as {"digit": ["7"]}; a picture may be of several kinds of one
            name.
        scores: what to print below a version, by the version's name.
        caption: what to say below the picture.
    """

    name: str
    versions: Mapping[str, Pictures]
    ranks: Mapping[str, float]
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scores: Mapping[str, str] = field(default_factory=dict)
    caption: str = ""


def render(exhibits: Sequence[Exhibit], *, left: str, right: str, reference: str) -> Markup:
    """HTML of a sheet of pictures.

    Args:
        exhibits: one picture at least, in their first order.
        left: name of the version to the left of the line; the reader can choose another.
        right: name of the one to its right.
        reference: name of the version whose difference from the others is their error.

    Returns:
        The same text for the same arguments.
    """
    first = exhibits[0]
    kinds = {
        name: sorted({value for exhibit in exhibits for value in exhibit.kinds.get(name, ())}) for name in first.kinds
    }
    text = template(_HERE / "gallery.html").render(
        exhibits=exhibits,
        pictures=[{name: png(version) for name, version in exhibit.versions.items()} for exhibit in exhibits],
        versions=list(first.versions),
        size=next(iter(first.versions.values())).shape[1::-1],
        orders=list(first.ranks),
        kinds=kinds,
        left=left,
        right=right,
        reference=reference,
    )
    return Markup(text)  # noqa: S704
