"""Two versions of a picture over each other, with a line to drag between them: for any page of the report's look.

A page puts `STYLE` into its head, `figure(...)` where the picture is to stand, and `SCRIPT` at its end. A range input
lies over each picture, so that mouse, finger, keyboard and screen reader all move the line.
"""

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import NamedTuple


class Script(NamedTuple):
    """A script in a page: its element, and what a Content-Security-Policy's script-src has to name."""

    tag: str
    source: str


def inline(file: Path) -> Script:
    """A file's script as part of a page."""
    code = f"\n{file.read_text(encoding='utf-8')}"
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Script(f"<script>{code}</script>\n", f"'sha256-{digest}'")


STYLE = Path(__file__).with_name("slider.html").read_text(encoding="utf-8")
SCRIPT, SCRIPT_SOURCE = inline(Path(__file__).with_name("slider.js"))

_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
# pictures of fewer pixels a side are enlarged, each pixel a square
_SMALL = 200
_ENLARGED = 480


def figure(before: bytes, after: bytes, size: tuple[int, int], name: str, *, caption: str = "") -> str:
    """HTML of two pictures with a line between them.

    Args:
        before: a PNG, JPEG or WebP file, to the left of the line.
        after: another of the same size, to its right.
        size: width and height in pixels.
        name: of the picture, for its caption and for who does not see it.
        caption: what else to say below it.
    """
    width, height = size
    factor = max(1, _ENLARGED // max(size)) if max(size) < _SMALL else 1
    small = " small" if factor > 1 else ""
    title = escape(name, quote=True)
    # surrogates of file names that are no UTF-8 cannot be written
    text = f"""<figure class="slider">
<div class="stage{small}" style="width: {width * factor}px; max-width: 100%">
<img src="{_data(before)}" width="{width}" height="{height}" alt="{title}, before">
<img class="after" src="{_data(after)}" width="{width}" height="{height}" alt="{title}, after">
<span class="side left">before</span><span class="side right">after</span><span class="line"></span>
<input type="range" min="0" max="100" step="any" value="50" aria-label="{title}: where before ends and after begins">
</div>
<figcaption>{title}{f" · {escape(caption)}" if caption else ""}</figcaption>
</figure>
"""
    return text.encode("utf-8", "replace").decode()


def _data(file: bytes) -> str:
    kind = next(kind for start, kind in _TYPES.items() if file.startswith(start))
    return f"data:{kind};base64,{base64.b64encode(file).decode()}"
