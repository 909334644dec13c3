"""The sheet of pictures of a page, as a browser shows it: sorted, filtered, enlarged, dragged, printed."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser import report
from svhn_denoiser.report import gallery
from svhn_denoiser.report.gallery import Exhibit
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
    style = Path(report.__file__).with_name("style.html").read_text()
    sheet = gallery.render(exhibits(), left="A", right="B", reference="clean")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {gallery.SCRIPT_SOURCE}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{style}'
    head += f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>Pictures</title>{gallery.STYLE}'
    file = folder / "page.html"
    file.write_text(
        f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><main>{sheet}</main>{gallery.SCRIPT}</body></html>'
    )
    return file


def choose(window: Browser, field: str, value: object) -> None:
    """As a person does it: the field takes the value and says so."""
    kind = "checked" if isinstance(value, bool) else "value"
    shown = f"document.querySelector('.controls {field}')"
    window.value(f"{shown}.{kind} = {value!r}".replace("True", "true").replace("False", "false"))
    window.value(f"{shown}.dispatchEvent(new Event('input', {{bubbles: true}}))")


def names(window: Browser) -> list[str]:
    items = "[...document.querySelectorAll('.sheet li')].filter(item => item.offsetParent !== null)"
    return window.value(f"{items}.map(item => item.querySelector('b').textContent)")


def stage(window: Browser) -> dict[str, float]:
    rectangle = "const r = document.querySelector('.stage').getBoundingClientRect();"
    return window.value(f"(() => {{ {rectangle} return {{x: r.x, y: r.y, width: r.width, height: r.height}} }})()")


def row(window: Browser) -> list[int]:
    """The brightness of the first picture on the screen, left to right, below its round corners."""
    where = stage(window) | {"height": 1, "scale": 1}
    shot = window.call("Page.captureScreenshot", format="png", clip=where | {"y": where["y"] + 12})["data"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("L"))[0].astype(int).tolist()


@pytest.mark.parametrize(("width", "phone"), [(400, True), (800, False), (1600, False)])
@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_sorted_filtered_dragged_and_enlarged(
    width: int, phone: bool, dark: bool, window: Browser, tmp_path: Path
) -> None:
    window.open(page_of(tmp_path), width, dark=dark, phone=phone)
    assert names(window) == ["one", "two", HOSTILE]
    choose(window, "[name=order]", "1")
    assert names(window) == [HOSTILE, "two", "one"]
    choose(window, "[data-kind=digit]", "7")
    choose(window, "[data-kind=chosen]", "worst")
    assert names(window) == [HOSTILE]
    assert window.value("document.querySelector('.count').textContent") == "1 of 3 pictures"
    assert set(row(window)[:20]) == {190}
    assert set(row(window)[-20:]) == {0}
    where = stage(window)
    points = [(where["x"] + where["width"] * share, where["y"] + where["height"] / 2) for share in (0.5, 0.8)]
    window.mouse("mousePressed", *points[0])
    window.mouse("mouseMoved", *points[1])
    window.mouse("mouseReleased", *points[1], held=False)
    assert np.mean(np.array(row(window)) > 100) == pytest.approx(0.8, abs=0.03)
    choose(window, "[name=zoom]", "24")
    assert stage(window)["width"] == min(24 * 32, width - 40)
    assert window.value("document.documentElement.scrollWidth") <= width
    assert window.wrong() == []


def test_the_difference_from_the_clean_picture_is_amplified(window: Browser, tmp_path: Path) -> None:
    window.open(page_of(tmp_path))
    choose(window, "[name=error]", True)
    choose(window, "[name=gain]", "12")
    assert np.median(row(window)[:20]) == pytest.approx(120, abs=3)
    assert np.median(row(window)[-20:]) == 255
    choose(window, "[name=left]", "clean")
    assert np.median(row(window)[:20]) == 0
    choose(window, "[name=error]", False)
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
