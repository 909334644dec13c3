"""The report as a browser shows it: pictures dragged, sorted and filtered, on a phone, on a wide screen, on paper."""

from pathlib import Path

import pytest

from svhn_denoiser.report import html
from tests.browser import Browser


@pytest.fixture
def page(parts: dict[str, object], tmp_path: Path) -> Path:
    file = tmp_path / "report.html"
    file.write_text(html.render(**parts))  # type: ignore[arg-type]
    return file


ITEMS = "[...document.querySelectorAll('.sheet li')].filter(item => item.offsetParent)"
SHOWN = f"{ITEMS}.map(item => item.querySelector('b').textContent)"


@pytest.mark.parametrize(("width", "phone"), [(400, True), (800, False), (1600, False)])
@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_sorted_filtered_and_dragged_and_nothing_is_cut(
    page: Path, width: int, phone: bool, dark: bool, window: Browser
) -> None:
    window.open(page, width, dark=dark, phone=phone)
    assert window.value(SHOWN) == [f"picture {index}" for index in range(4)]
    window.value("document.querySelector('[data-kind=digit]').focus()")
    window.key("End")
    assert window.value(SHOWN) == ["picture 0", "picture 2"]
    window.value("document.querySelector('[name=order]').focus()")
    window.key("End")
    assert window.value(SHOWN) == ["picture 2", "picture 0"]
    at = "document.querySelector('.sheet li:not([hidden]) .stage').style.getPropertyValue('--at')"
    window.value("document.querySelector('.sheet li:not([hidden]) input').focus()")
    window.key("Home")
    assert window.value(at) == "0%"
    window.drag(".sheet li:not([hidden]) .stage", 0.1, 0.7)
    assert float(window.value(at).removesuffix("%")) == pytest.approx(70, abs=4)
    assert window.nothing_is_cut()
    assert window.wrong() == []


def test_all_settings_are_folded_and_the_keyboard_opens_them(page: Path, window: Browser) -> None:
    window.open(page)
    assert not window.value("document.querySelector('details').open")
    window.value("document.querySelector('summary').focus()")
    window.key("Enter")
    assert window.value("document.querySelector('details').open")
    assert "evaluate.noise_levels" in window.value("document.querySelector('details').innerText")


def test_on_paper_each_picture_stands_in_all_its_versions_and_nothing_is_cut(page: Path, window: Browser) -> None:
    window.open(page, 680)  # A4 less its margins
    window.call("Emulation.setEmulatedMedia", media="print")
    assert window.value("getComputedStyle(document.querySelector('.controls')).display") == "none"
    tall = "[...document.querySelectorAll('.sheet li:first-child img')].filter(i => i.offsetParent).length"
    assert window.value(tall) == 3
    assert window.nothing_is_cut()
    window.call("Emulation.setEmulatedMedia", media="")
