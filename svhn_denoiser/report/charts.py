"""Small charts for the report: SVG that follows the reader's light or dark setting, the same bytes for the same rows.

Rows are mappings, as in the CSV files; their values are numbers, or text that parses as one.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Rows = Sequence[Mapping[str, Any]]

# stands for the colour of text until the SVG is written, where it becomes `currentColor`
_TEXT = "#010203"
# told apart by brightness too, on white and on black; the network is always the first
_NETWORK, _OTHER = "#2f7fd6", "#98a0ab"
_STYLE: dict[str, Any] = {
    "axes.edgecolor": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.18,
    "grid.color": _TEXT,
    "lines.linewidth": 2,
    "svg.hashsalt": "svhn-denoiser",
    "text.color": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}
# the user's own matplotlibrc has no effect
_STYLES: list[str | dict[str, Any]] = ["default", _STYLE]
_SCHEME = "<style>svg{color:#30343b}@media (prefers-color-scheme:dark){svg{color:#d3d7de}}</style>"


def training_curve(history: Rows) -> bytes:
    """Validation PSNR and training loss over the epochs, the best epoch marked.

    Args:
        history: rows with `epoch`, `loss` and `validation_psnr`.
    """
    epochs, loss, psnr = (_column(history, name) for name in ("epoch", "loss", "validation_psnr"))
    with style.context(_STYLES):
        figure = Figure(figsize=(7.6, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, values, label in ((left, psnr, "validation PSNR (dB)"), (right, loss, "training loss")):
            axes.plot(epochs, values, color=_NETWORK, marker="o" if len(epochs) < 3 else None)
            axes.set_title(label, loc="left", fontsize=10)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y")
        if min(loss) > 0 and max(loss) > 10 * min(loss):
            right.set_yscale("log")
        best = max(range(len(psnr)), key=psnr.__getitem__)
        left.plot(epochs[best], psnr[best], "o", color=_NETWORK)
        left.margins(y=0.12)
        left.annotate(
            f"best {psnr[best]:.2f}", (epochs[best], psnr[best]), (0, 7), textcoords="offset points", ha="center"
        )
        return _svg(figure)


def noise_levels(rows: Rows, strength: tuple[float, float] | None = None) -> bytes:
    """PSNR of noisy and denoised pictures over the strength of the noise.

    Args:
        rows: with `strength`, `noisy_psnr` and `denoised_psnr`.
        strength: lowest and highest strength that the network was trained on, to be marked.
    """
    rows = sorted(rows, key=lambda row: float(row["strength"]))
    strengths = _column(rows, "strength")
    with style.context(_STYLES):
        figure = Figure(figsize=(7.6, 2.9), layout="constrained")
        axes = figure.subplots()
        for name, colour in (("denoised", _NETWORK), ("noisy", _OTHER)):
            psnr = _column(rows, f"{name}_psnr")
            axes.plot(strengths, psnr, color=colour, marker="o", markersize=4)
            axes.annotate(name, (strengths[-1], psnr[-1]), (7, 0), textcoords="offset points", va="center", color=_TEXT)
        if strength is not None:
            axes.axvspan(*strength, color=_NETWORK, alpha=0.25, linewidth=3)
            axes.annotate(
                "trained here", (strength[1], 1), (5, -3), xycoords=("data", "axes fraction"),
                textcoords="offset points", va="top", fontsize=9,
            )  # fmt: skip
        axes.margins(x=0.04)
        axes.set_title("PSNR (dB)", loc="left", fontsize=10)
        axes.set_xlabel("strength of the noise")
        axes.grid(axis="y")
        return _svg(figure)


def methods(rows: Rows, network: str) -> bytes:
    """PSNR of each method as a bar, the best at the top.

    Args:
        rows: with `method` and `psnr`.
        network: which method is the network's; its bar stands out.
    """
    rows = sorted(rows, key=lambda row: float(row["psnr"]))
    psnr = _column(rows, "psnr")
    names = [_plain(row["method"]) for row in rows]
    with style.context(_STYLES):
        figure = Figure(figsize=(7.6, 0.6 + 0.34 * len(rows)), layout="constrained")
        axes: Axes = figure.subplots()
        colours = [_NETWORK if row["method"] == network else _OTHER for row in rows]
        # by position, not by name: bars of the same name would fall onto one another
        bars = axes.barh(range(len(rows)), psnr, color=colours, height=0.68)
        axes.set_yticks(range(len(rows)), names)
        axes.bar_label(bars, [f"{value:.2f}" for value in psnr], padding=4)
        axes.set_title("PSNR (dB)", loc="left", fontsize=10)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_visible(False)
        axes.margins(x=0.1, y=0.02)
        return _svg(figure)


def distributions(training: NDArray[np.float64], incoming: NDArray[np.float64]) -> bytes:
    """Two distributions of one measure over each other, as shares of their pictures; dashed, the medians.

    Args:
        training: values (N,): the area in grey.
        incoming: values (M,): the outline in colour.
    """
    edges = np.histogram_bin_edges(np.concatenate([training, incoming]), 40)
    with style.context(_STYLES):
        figure = Figure(figsize=(4.2, 1.75), layout="constrained")
        axes: Axes = figure.subplots()
        for values, filled, colour in ((training, True, _OTHER), (incoming, False, _NETWORK)):
            share = np.histogram(values, edges)[0] / len(values)
            axes.stairs(share, edges, fill=filled, color=colour, alpha=0.55 if filled else 1, linewidth=1.8)
            axes.axvline(float(np.median(values)), color=colour, linestyle="--", linewidth=1.2)
        axes.spines["left"].set_visible(False)
        axes.yaxis.set_visible(False)
        axes.margins(x=0)
        axes.locator_params(axis="x", nbins=6)
        return _svg(figure)


def differences(rows: Rows) -> bytes:
    """Paired differences with their 95 % intervals, a line a row, and zero between them.

    Args:
        rows: with `name`, `difference`, `low` and `high`; the first stands at the top.
    """
    middle, low, high = (_column(rows, name) for name in ("difference", "low", "high"))
    with style.context(_STYLES):
        figure = Figure(figsize=(4.2, 0.55 + 0.24 * len(rows)), layout="constrained")
        axes: Axes = figure.subplots()
        places = range(len(rows))
        axes.axvline(0, color=_TEXT, linewidth=0.8)
        axes.hlines(places, low, high, color=_NETWORK, linewidth=3, alpha=0.55)
        axes.plot(middle, places, "o", color=_NETWORK, markersize=5)
        axes.set_yticks(places, [_plain(row["name"]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=5)
        axes.margins(x=0.08)
        return _svg(figure)


def _column(rows: Rows, name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def _plain(name: object) -> str:
    # matplotlib would read text between dollar signs as mathematics
    return str(name).replace("$", r"\$")


def _svg(figure: Figure) -> bytes:
    file = io.StringIO()
    # no date, no address of a vocabulary: with all of them None there is no metadata at all
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue().replace(_TEXT, "currentColor")
    start = text.index("<svg")
    end = text.index(">", start) + 1
    return (text[start:end] + _SCHEME + text[end:]).encode()
