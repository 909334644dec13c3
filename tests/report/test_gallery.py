"""The sheet of pictures of a page, as a browser shows it: sorted, filtered, enlarged, dragged, printed."""

from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser.report import gallery
from svhn_denoiser.report.gallery import Exhibit
from svhn_denoiser.report.head import head
from tests.browser import Browser
from tests.html_page import Page

HOSTILE = "<b>\"7\" & '8'"


def exhibits() -> list[Exhibit]:
    """Three pictures whose versions are plain: the clean one light grey, A darker by 10 of 255, B black."""
    shades = {"clean": 200, "A": 190, "B": 0}
    versions = {name: np.full((32, 32, 3), shade, np.uint8) for name, shade in shades.items()}
    return [
        Exhibit(
            name,
            versions,
            ranks={"B first": rank, "A first": -rank},
            kinds={"digit": [digit], "chosen": chosen},
            scores={"A": "31.20 dB"},
            caption=f"digit {digit}",
        )
        for rank, (name, digit, chosen) in enumerate(
            [("one", "7", ["best"]), ("two", "3", ["best", "worst"]), (HOSTILE, "7", ["worst"])]
        )
    ]


def page_of(folder: Path) -> Path:
    sheet = gallery.render(exhibits(), left="A", right="B", reference="clean")
    top = head("Pictures", gallery.STYLE, scripts=gallery.SCRIPT_SOURCE)
    file = folder / "page.html"
    file.write_text(f"{top}</head><body><main>{sheet}</main>{gallery.SCRIPT}</body></html>")
    return file


def names(window: Browser) -> list[str]:
    items = "[...document.querySelectorAll('.sheet li')].filter(item => item.offsetParent !== null)"
    return window.value(f"{items}.map(item => item.querySelector('b').textContent)")


def row(window: Browser) -> list[int]:
    """The brightness of the first picture on the screen, left to right, below its round corners."""
    return window.row(".stage", 12).mean(axis=1).astype(int).tolist()


@pytest.mark.parametrize(("width", "phone"), [(400, True), (800, False), (1600, False)])
@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_sorted_filtered_dragged_and_enlarged(
    width: int, phone: bool, dark: bool, window: Browser, tmp_path: Path
) -> None:
    window.open(page_of(tmp_path), width, dark=dark, phone=phone)
    assert names(window) == ["one", "two", HOSTILE]
    window.choose(".controls [name=order]", "1")
    assert names(window) == [HOSTILE, "two", "one"]
    window.choose(".controls [data-kind=digit]", "7")
    window.choose(".controls [data-kind=chosen]", "worst")
    assert names(window) == [HOSTILE]
    assert window.value("document.querySelector('.count').textContent") == "1 of 3 pictures"
    assert set(row(window)[:20]) == {190}
    assert set(row(window)[-20:]) == {0}
    window.drag(".stage", 0.5, 0.8)
    assert np.mean(np.array(row(window)) > 100) == pytest.approx(0.8, abs=0.03)
    window.choose(".controls [name=zoom]", "24")
    assert window.place(".stage")["width"] == min(24 * 32, width - 40)
    assert window.value("document.documentElement.scrollWidth") <= width
    assert window.wrong() == []


def test_the_difference_from_the_clean_picture_is_amplified(window: Browser, tmp_path: Path) -> None:
    window.open(page_of(tmp_path))
    window.choose(".controls [name=error]", True)
    window.choose(".controls [name=gain]", "12")
    assert np.median(row(window)[:20]) == pytest.approx(120, abs=3)
    assert np.median(row(window)[-20:]) == 255
    window.choose(".controls [name=left]", "clean")
    assert np.median(row(window)[:20]) == 0
    window.choose(".controls [name=error]", False)
    assert np.median(row(window)[:20]) == 200


def test_the_keyboard_alone_does_all_of_it(window: Browser, tmp_path: Path) -> None:
    window.open(page_of(tmp_path))
    window.value("document.querySelector('[name=order]').focus()")
    window.key("End")
    assert names(window)[0] == HOSTILE
    window.value("document.querySelector('[data-kind=digit]').focus()")
    window.key("End")
    assert "two" not in names(window)
    window.value("document.querySelector('.sheet input').focus()")
    window.key("Home")
    assert max(row(window)[4:]) < 20


def test_on_paper_all_versions_stand_side_by_side_with_their_scores(window: Browser, tmp_path: Path) -> None:
    window.open(page_of(tmp_path), 700)
    window.call("Emulation.setEmulatedMedia", media="print")
    assert window.value("getComputedStyle(document.querySelector('.controls')).display") == "none"
    lefts = window.value(
        "[...document.querySelectorAll('.sheet li:first-child .version')].map(v => v.getBoundingClientRect().left)"
    )
    assert lefts == sorted(set(lefts))
    clips = "[...document.querySelectorAll('.version')].map(v => getComputedStyle(v).clipPath)"
    assert set(window.value(clips)) == {"none"}
    assert len(lefts) == 3
    assert "31.20 dB" in window.value("document.querySelector('.sheet li').innerText")
    window.call("Emulation.setEmulatedMedia", media="")


def test_without_the_script_all_pictures_are_there_and_every_name_is_text() -> None:
    page = Page(gallery.render(exhibits(), left="A", right="B", reference="clean"))
    assert len(page.named("img")) == 9
    assert page.named("b") == [{}] * 3
    assert HOSTILE in page.text
