"""The report: one self-contained HTML page."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from svhn_denoiser.credentials import masked
from svhn_denoiser.report import charts
from svhn_denoiser.report.charts import Rows

# what the pictures of `images` show, in the order of the page
_SHOWN = {
    "best": "Best: the pictures of the highest PSNR after denoising",
    "median": "Median: the pictures in the middle",
    "worst": "Worst: the pictures of the lowest PSNR after denoising",
}


def render(
    metrics: Mapping[str, Any],
    history: Rows,
    noise_levels: Rows,
    noise_kinds: Rows,
    digits: Rows,
    baselines: Rows,
    run: Mapping[str, Any],
    images: Mapping[str, bytes],
    source: Mapping[str, Any],
) -> str:
    """Render the report of one run.

    Only `metrics` has to say something: a part that is empty is left out of the page.

    Args:
        metrics: what reports/metrics.json holds.
        history: rows of reports/history.csv; values are numbers, or text that reads as one.
        noise_levels: rows of reports/noise_levels.csv.
        noise_kinds: rows of reports/noise_kinds.csv.
        digits: rows of reports/digits.csv.
        baselines: rows of reports/baselines.csv.
        run: what reports/run.json holds; nested mappings are shown too.
        images: PNG files by name: best, median, worst.
        source: what data/raw/source.json holds: where the pictures came from.

    Returns:
        HTML text without a reference to any other file or address, the same for the same arguments.
    """
    network = str(metrics.get("network", "network"))
    drawn = {}
    if history:
        drawn["training"] = charts.training_curve(history)
    if noise_levels:
        drawn["noise_levels"] = charts.noise_levels(noise_levels, _trained(metrics.get("noise", {})))
    if baselines:
        drawn["methods"] = charts.methods(baselines, network)
    return template(Path(__file__).with_name("template.html")).render(
        metrics=metrics,
        network=network,
        noise=_noise(metrics.get("noise", {})),
        history=history,
        best_epoch=max(history, key=lambda row: float(row["validation_psnr"])) if history else None,
        noise_levels=noise_levels,
        noise_kinds=_by_kind(noise_kinds),
        strengths=sorted({float(row["strength"]) for row in noise_kinds}),
        digits=digits,
        baselines=sorted(baselines, key=lambda row: -float(row["psnr"])),
        images=[(images[name], caption) for name, caption in _SHOWN.items() if name in images],
        charts=drawn,
        facts={"Data": list(_facts(source)), "Run": list(_facts(run))},
    )


def template(file: Path) -> jinja2.Template:
    """Open a page's template: it has this report's filters, and its look by `{% include "style.html" %}`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([file.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "count": _count, "gain": _gain, "png": _png, "svg": _svg}
    return environment.get_template(file.name)


def _number(value: Any, places: int) -> str:
    return "–" if value is None else f"{float(value):.{places}f}"


def _count(value: Any) -> str:
    return "–" if value is None else f"{int(value):,}"


def _gain(row: Mapping[str, Any], score: str, places: int) -> str:
    return f"{float(row[f'denoised_{score}']) - float(row[f'noisy_{score}']):+.{places}f}"


def _png(file: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(file).decode()


def _svg(file: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(file).decode()


def _by_kind(rows: Rows) -> dict[str, dict[float, Mapping[str, Any]]]:
    """The row of each strength of each kind."""
    table: dict[str, dict[float, Mapping[str, Any]]] = {}
    for row in rows:
        table.setdefault(str(row["kind"]), {})[float(row["strength"])] = row
    return table


def _trained(noise: Mapping[str, Any]) -> tuple[float, float] | None:
    strength = noise.get("strength")
    if strength is None:
        return None
    low, high = strength if isinstance(strength, list | tuple) else (strength, strength)
    return float(low), float(high)


def _noise(noise: Mapping[str, Any]) -> str:
    bounds = _trained(noise)
    if bounds is None:
        return ""
    low, high = bounds
    strength = f"of strength {low:g}" if low == high else f"of strengths from {low:g} to {high:g}"
    return f"{noise.get('kind', '')} noise {strength}".strip()


def _facts(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Name and value of every leaf, names of nested mappings joined."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{prefix}{key} · ")
        elif value is not None:
            yield f"{prefix}{key}", masked(str(value))  # reports are passed around
