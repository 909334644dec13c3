"""The page of the drift check as a browser shows it: file names, date, on a phone, on a wide screen, on paper."""

from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser.drift import page
from svhn_denoiser.drift.collection import Collection
from svhn_denoiser.drift.examination import examine
from svhn_denoiser.sources.synthetic import draw
from tests.browser import Browser
from tests.html_page import Page

NAME = "in/a name & <b>another</b>, longer than any line without a blank: " + "x" * 60


@pytest.fixture(scope="module")
def text() -> str:
    pictures = draw(260, 2021, "train")[0]
    old = Collection("the training pictures", 200, pictures[:200], np.arange(200), ["old"] * 200)
    names = [f"{NAME}{index}.png" for index in range(60)]
    new = Collection("in", 60, (pictures[200:] * 0.4).astype(np.uint8), np.arange(60), names, photographs=60)
    return page.render(examine(old, new, None), "the training pictures", None, "2026-11-25 23:49 UTC")


def test_names_stand_under_the_most_unusual_pictures_and_the_date_is_said(text: str) -> None:
    read = Page(text)
    assert read.text.count(NAME) == 12
    assert read.text.count("2026-11-25 23:49 UTC") == 2
    assert "60 of 60 pictures have 64x64 pixels or more" in read.text
    assert len([image for image in read.named("img") if "x" * 60 in image["alt"]]) == 12


@pytest.mark.parametrize(("width", "media"), [(400, ""), (800, ""), (1600, ""), (680, "print")])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut(text: str, width: int, media: str, dark: bool, window: Browser, tmp_path: Path) -> None:
    (tmp_path / "drift.html").write_text(text)
    window.open(tmp_path / "drift.html", width, dark=dark, phone=width == 400)
    window.call("Emulation.setEmulatedMedia", media=media)
    assert window.nothing_is_cut()
    assert window.wrong() == []
    window.call("Emulation.setEmulatedMedia", media="")
