"""The page of `denoise --compare`: each picture before and after, with a line to drag between."""

import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.denoising.jobs import Job
from svhn_denoiser.files import write_text
from svhn_denoiser.picture_files import Picture
from svhn_denoiser.report import slider
from svhn_denoiser.report.head import head

NAME = "compare.html"

# Noise is judged pixel by pixel: of a large picture the middle is shown at its own size, as wide as the page is
_WIDEST, _HIGHEST = 1048, 786
# a page of more would be too heavy for a browser
_MOST = 60
_QUALITY = 92
# smaller pictures are stored without loss
_EXACT = 256 * 256


class ComparePage:
    """Collects pictures while they are denoised; the first 60 of them are shown."""

    def __init__(self) -> None:
        self._figures: list[str] = []
        self._seen = 0

    def add(self, job: Job, picture: Picture, after: NDArray[Any]) -> None:
        """Add a picture, as :func:`.flow.denoise_files` shows it."""
        self._seen += 1
        if len(self._figures) == _MOST:
            return
        height, width = after.shape[:2]
        top, left = max(height - _HIGHEST, 0) // 2, max(width - _WIDEST, 0) // 2
        cut = np.s_[top : top + _HIGHEST, left : left + _WIDEST]
        before = _file(picture.values[cut], picture.icc)
        shown = after[cut].shape[:2]
        caption = f"{width:,} × {height:,} pixels"
        if shown != (height, width):
            caption += f", of which the middle {shown[1]:,} × {shown[0]:,}"
        self._figures.append(
            slider.figure(before, _file(after[cut], picture.icc), shown[::-1], job.source.name, caption=caption)
        )

    def write(self, file: Path, about: str) -> None:
        """Write the page.

        Args:
            file: where to.
            about: a sentence on how the pictures were denoised, without markup.
        """
        shown = len(self._figures)
        count = f"{shown} picture{'s' if shown != 1 else ''}"
        if self._seen > shown:
            count = f"The first {shown} of {self._seen:,} pictures"
        page = _PAGE.format(
            head=head("Before and after denoising", slider.STYLE, scripts=slider.SCRIPT_SOURCE),
            about=escape(about),
            count=count,
            figures="".join(self._figures),
            script=slider.SCRIPT,
        )
        write_text(file, page)


_PAGE = """{head}<style>
main {{ display: grid; grid-template-columns: minmax(0, 1fr); gap: 2rem; padding-top: 1.5rem; padding-bottom: 3rem; }}
main figure {{ margin-inline: auto; }}
</style>
</head>
<body>
<header>
  <h1>Before and after denoising</h1>
  <p class="lead">{about}</p>
  <p class="note">{count}, at full size where the window is wide enough. Drag the line, or choose a picture with the Tab
    key and use the arrow keys.</p>
</header>
<main>
{figures}</main>
{script}</body>
</html>
"""


def _file(values: NDArray[Any], profile: bytes | None) -> bytes:
    if values.dtype != np.uint8:
        white = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
        values = np.rint(values.astype(np.float32) * np.float32(255 / white)).astype(np.uint8)
    made = io.BytesIO()
    about = {"icc_profile": profile} if profile else {}
    exact = values.shape[0] * values.shape[1] <= _EXACT
    image = Image.fromarray(np.ascontiguousarray(values))
    if exact:
        image.save(made, "PNG", **about)
    else:
        image.save(made, "WEBP", quality=_QUALITY, **about)
    return made.getvalue()
