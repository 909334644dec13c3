"""The page of `compare` as a browser shows it: dragged, sorted, filtered, enlarged, by keyboard alone, and on paper."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from svhn_denoiser.comparison.comparison import compare
from svhn_denoiser.comparison.page import render
from svhn_denoiser.comparison.side import described
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params
from tests.browser import Browser

PICTURES = 40
SHOWN = "[...document.querySelectorAll('.sheet li')].filter(item => item.offsetParent)"
CAPTIONS = f"{SHOWN}.map(item => item.querySelector('figcaption').textContent)"
FIRST = ".sheet li:not([hidden]) .stage"
AT = f"document.querySelector('{FIRST}').style.getPropertyValue('--at')"


@pytest.fixture(scope="module")
def page(
    models: dict[str, Path], pictures: NDArray[np.uint8], settings: Params, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Nothing against a blur, with long names, notes, and every kind of noise."""
    clean = pictures[:PICTURES]
    noisy = np.clip(clean + np.random.default_rng(3).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    pairs = Pairs(clean, noisy, np.arange(PICTURES, dtype=np.uint8) % 10)
    levels = {"noise_levels": [0.02, 0.05, 0.1, 0.15, 0.2, 0.3], "bootstrap_samples": 100}
    few = {**levels, "noise_level_pictures": 4, "noise_kind_pictures": 4}
    params = settings.model_copy(update={"evaluate": settings.evaluate.model_copy(update=few)})
    facts = {"commit": "c" * 40, "run": "4be1f0c7" * 4, "date": "2026-11-25T23:49:12+00:00", "network": "residual-unet"}
    sides = (
        described("a", "a-branch/with-a-long-name-that-nobody-broke (1a2b3c4d5)", models["identity"], facts=facts),
        described("models:/svhn-denoiser/12", "version 12 (challenger)", models["blur"], noise="gaussian 0.05"),
    )
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(render(compare(sides, params, pairs), pairs))
    assert file.stat().st_size < 3_000_000
    return file


def gains(window: Browser) -> list[float]:
    """B − A of the pictures that are shown, in dB, in their order."""
    return [float(text.rpartition("(")[2].rstrip(")")) for text in window.value(CAPTIONS)]


@pytest.mark.parametrize(("width", "phone"), [(400, True), (800, False), (1600, False)])
@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_sorted_filtered_dragged_and_enlarged_and_nothing_is_cut(
    page: Path, width: int, phone: bool, dark: bool, window: Browser
) -> None:
    window.open(page, width, dark=dark, phone=phone)
    paper = window.value("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is not dark
    assert window.nothing_is_cut()
    assert len(gains(window)) == PICTURES
    assert gains(window) == sorted(gains(window), reverse=True)
    orders = "[...document.querySelectorAll('[name=order] option')].map(each => each.textContent)"
    window.choose("[name=order]", str(window.value(orders).index("largest difference first")))
    sizes = [abs(gain) for gain in gains(window)]
    assert sizes == sorted(sizes, reverse=True)
    window.choose("[data-kind=digit]", "3")
    assert [text.count("digit 3,") for text in window.value(CAPTIONS)] == [1] * 4
    assert window.value("document.querySelector('.count').textContent") == f"4 of {PICTURES} pictures"
    window.drag(FIRST, 0.5, 0.2)
    assert float(window.value(AT).removesuffix("%")) == pytest.approx(20, abs=4)
    window.choose("[name=line]", "0")
    window.choose("[name=zoom]", "10")
    # a row of B's pixels, each 10 of the screen; the line lies over the first
    shown = window.row(FIRST, 25)[5:-5].astype(int)
    edges = np.flatnonzero(np.diff(shown, axis=0).any(axis=1))
    assert len(edges) > 10
    assert set(np.diff(edges) % 10) == {0}
    assert window.nothing_is_cut()
    assert window.wrong() == []


def test_the_keyboard_alone_reaches_and_does_all_of_it(page: Path, window: Browser) -> None:
    window.open(page)

    def tab_to(selector: str) -> None:
        for _ in range(30):
            window.key("Tab")
            if window.value(f"document.activeElement.matches('{selector}')"):
                return
        raise AssertionError(f"Tab does not lead to {selector}")

    tab_to("[name=order]")
    window.key("ArrowRight")
    assert gains(window) == sorted(gains(window))
    tab_to("[data-kind=digit]")
    window.key("End")
    assert all("digit 9," in text for text in window.value(CAPTIONS))
    tab_to("[name=zoom]")
    before = window.value(f"document.querySelector('{FIRST}').clientWidth")
    window.key("ArrowRight")
    assert window.value(f"document.querySelector('{FIRST}').clientWidth") == before + 32
    tab_to(f"{FIRST} input")
    outline = f"getComputedStyle(document.querySelector('{FIRST}')).outlineStyle"
    assert window.value(outline) == "solid"
    window.key("Home")
    assert window.value(AT) == "0%"
    window.key("End")
    assert window.value(AT) == "100%"


def test_on_paper_every_picture_stands_whole_in_all_its_versions(page: Path, window: Browser) -> None:
    window.open(page, 717, dark=True)  # A4 less the browser's margins
    window.call("Emulation.setEmulatedMedia", media="print")
    assert window.value("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert window.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.value("document.querySelectorAll('.sheet li:first-child img').length") == 4
    items = "[...document.querySelectorAll('.sheet li')].map(e => getComputedStyle(e).breakInside)"
    assert set(window.value(items)) == {"avoid"}
    assert window.nothing_is_cut()
    height = window.value("document.documentElement.scrollHeight")
    window.call("Emulation.setEmulatedMedia", media="")
    # a sheet holds 1,046 of these pixels; what is kept whole leaves some of them empty
    assert height / 1046 <= window.pdf_pages() <= height / 1046 * 1.3 + 1
