"""Opens the templates of pages: they have this report's filters, and its look."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from svhn_denoiser.report.head import head


def template(file: Path) -> jinja2.Template:
    """Open a page's template: it has this report's filters, and its look by `{{ head(...) }}`, as in `head.head`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([file.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "count": _count, "gain": _gain, "png": _png, "svg": _svg}
    environment.globals["head"] = _head
    return environment.get_template(file.name)


def _head(title: str, *styles: str, scripts: str = "") -> Markup:
    return Markup(head(title, *styles, scripts=scripts))  # noqa: S704


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
