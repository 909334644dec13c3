"""PSNR over speed as a chart: the same bytes for the same points."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

_NETWORK, _OTHER, _INK = "#2f7fd6", "#7d8590", "#30343b"
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "svhn-denoiser",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
# an SVG's: labels are placed by the sizes that they will have
_DPI = 72
# where a label may stand, in points from its dot, the first that is free or the least taken one
_Across = Literal["left", "center", "right"]
_Down = Literal["top", "center", "bottom"]
_PLACES: tuple[tuple[int, int, _Across, _Down], ...] = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (6, 8, "left", "bottom"),
    (6, -8, "left", "top"),
    (-6, 8, "right", "bottom"),
    (-6, -8, "right", "top"),
)


@dataclass(frozen=True)
class Point:
    """A method: its name, pictures a second, mean PSNR in dB, and whether it is a network."""

    name: str
    speed: float
    psnr: float
    network: bool


def draw(points: Sequence[Point], noisy: float | None, pictures: int) -> bytes:
    """Draw the chart.

    Args:
        points: the methods.
        noisy: mean PSNR of the noisy pictures in dB, if it is known; a line.
        pictures: how many pictures the PSNRs are means over.

    Returns:
        An SVG file.
    """
    # the user's own matplotlibrc has no effect
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(7.6, 4.4), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.set_xscale("log")
        for point in points:
            axes.plot(point.speed, point.psnr, "o", color=_NETWORK if point.network else _OTHER, markersize=7)
        if noisy is not None:
            axes.axhline(noisy, color=_OTHER, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(
                "noisy", (0, noisy), (4, 3), xycoords=axes.get_yaxis_transform(), textcoords="offset points", fontsize=9
            )
        # room for the labels
        axes.margins(x=0.2, y=0.1)
        axes.set_xlabel("pictures/s")
        axes.set_title(f"PSNR (dB), {pictures:,} pictures", loc="left", fontsize=10)
        axes.grid(alpha=0.18)
        figure.draw_without_rendering()
        _label(axes, points)
        file = io.BytesIO()
        # no date, no address of a vocabulary
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        return file.getvalue()


def _label(axes: Axes, points: Sequence[Point]) -> None:
    dots = axes.transData.transform([(point.speed, point.psnr) for point in points])
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    for point in points:
        labels = [_annotate(axes, point, place) for place in _PLACES]
        # without the space above and below the letters
        boxes = [label.get_window_extent().padded(0, -1) for label in labels]
        best = min(range(len(boxes)), key=lambda index: _overlap(boxes[index], axes.bbox, taken))
        taken.append(boxes[best])
        for index, label in enumerate(labels):
            if index != best:
                label.remove()


def _annotate(axes: Axes, point: Point, place: tuple[int, int, _Across, _Down]) -> Annotation:
    right, up, across, down = place
    return axes.annotate(
        point.name,
        (point.speed, point.psnr),
        (right, up),
        textcoords="offset points",
        ha=across,
        va=down,
        fontsize=9,
        in_layout=False,
    )


def _overlap(box: Bbox, frame: BboxBase, taken: Sequence[Bbox]) -> float:
    """The area of a box that others have taken, or that lies outside the frame."""
    inside = Bbox.intersection(box, frame)
    outside = box.width * box.height - (inside.width * inside.height if inside else 0)
    common = (Bbox.intersection(box, other) for other in taken)
    return outside + sum(part.width * part.height for part in common if part)
