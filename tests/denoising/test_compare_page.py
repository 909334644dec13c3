"""The page of `denoise --compare`, as a browser shows it: a line to drag, in both themes, on a phone too."""

from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser.denoising.compare_page import ComparePage
from svhn_denoiser.denoising.jobs import Job
from svhn_denoiser.picture_files import Picture
from tests.browser import Browser
from tests.html_page import Page


def made(folder: Path, *shapes: tuple[int, ...], name: str = "a.png", kind: type = np.uint8) -> Path:
    """A page of black pictures that became white."""
    page = ComparePage()
    for shape in shapes:
        before = np.zeros(shape, kind)
        job = Job(folder / name, folder / "out" / name)
        page.add(job, Picture(before, "PNG", "RGB", 8), np.full_like(before, np.iinfo(kind).max))
    page.write(folder / "compare.html", "Denoised with <the> model.")
    return folder / "compare.html"


def black(window: Browser) -> float:
    """The share of the picture, on the screen, that is still the one before: measured below the line's knob."""
    return float((window.row(".stage", 2).mean(axis=1) < 128).mean())


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "phone"), [(1200, False), (390, True)])
def test_the_line_follows_who_drags_it(dark: bool, width: int, phone: bool, window: Browser, tmp_path: Path) -> None:
    window.open(made(tmp_path, (600, 1000, 3)), width, dark=dark, phone=phone)
    assert black(window) == pytest.approx(0.5, abs=0.02)
    window.drag(".stage", 0.5, 0.2)
    assert black(window) == pytest.approx(0.2, abs=0.02)
    window.drag(".stage", 0.2, 0.9)
    assert black(window) == pytest.approx(0.9, abs=0.02)
    paper = window.value("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is not dark
    # nothing is wider than the window, and the picture is shown at its own size where there is room
    assert window.value("document.documentElement.scrollWidth") <= width
    assert window.place(".stage")["width"] == min(1000, width - 40)
    assert window.wrong() == []


def test_the_keyboard_moves_the_line_too(window: Browser, tmp_path: Path) -> None:
    window.open(made(tmp_path, (300, 400, 3)))
    window.key("Tab")
    assert window.value("document.activeElement.getAttribute('aria-label')").startswith("a.png: where before ends")
    before = black(window)
    for _ in range(10):
        window.key("ArrowRight")
    assert black(window) > before + 0.05
    window.key("Home")
    assert black(window) < 0.02
    window.key("End")
    assert black(window) > 0.98


def test_a_small_picture_is_enlarged_and_its_pixels_stay_squares(window: Browser, tmp_path: Path) -> None:
    window.open(made(tmp_path, (32, 32, 3)))
    assert window.place(".stage")["width"] == 480
    assert window.value("getComputedStyle(document.querySelector('.stage img')).imageRendering") == "pixelated"


def test_of_a_large_picture_the_middle_is_shown_and_the_page_says_so(tmp_path: Path) -> None:
    page = Page(made(tmp_path, (2000, 3000, 3)).read_text())
    assert "3,000 × 2,000 pixels, of which the middle 1,048 × 786" in page.text


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 2), (40, 60, 3), (40, 60, 4), (1, 1, 3), (1, 3000, 3)], ids=str)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_picture_finds_its_place(shape: tuple[int, ...], kind: type, tmp_path: Path) -> None:
    page = Page(made(tmp_path, shape, kind=kind).read_text())
    assert len(page.named("img")) == 2
    assert all(each["src"].startswith("data:image/") for each in page.named("img"))


def test_a_name_is_text_whatever_is_in_it(window: Browser, tmp_path: Path) -> None:
    name = '<script>alert(1)<b>" onload=x \udce9.png'
    file = made(tmp_path, (40, 60, 3), name=name)
    window.open(file)
    assert window.value("document.querySelector('figcaption').textContent").startswith("<script>alert(1)<b>")
    assert window.value("document.querySelectorAll('script').length") == 1
    assert "<the> model" in window.value("document.querySelector('.lead').textContent")
    assert window.wrong() == []


def test_a_page_of_many_pictures_shows_the_first_and_says_how_many(tmp_path: Path) -> None:
    page = Page(made(tmp_path, *[(8, 8, 3)] * 70).read_text())
    assert len(page.named("figure")) == 60
    assert "The first 60 of 70 pictures" in page.text
