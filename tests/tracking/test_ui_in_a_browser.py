"""What a browser shows at the addresses that `svhn-denoiser ui` prints, of four real runs."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.browser import Browser, browser
from tests.pipeline.clone import Clone
from tests.tracking import four_runs

pytestmark = pytest.mark.slow

# a folder that screenshots of the pages go to: the docs' are from here
PICTURES = "SVHN_DENOISER_SCREENSHOTS"


@dataclass
class Opened:
    """A browser, and the addresses that the command printed, by what it calls them."""

    window: Browser
    addresses: dict[str, str]

    def show(self, address: str, *words: str, height: int = 800) -> str:
        """Open an address, wait until some words are there; all the text of the page."""
        # the same page with another part behind the # would not be loaded again
        self.window.open("about:blank")
        self.window.open(address, 1440, height)
        for each in words:
            self.window.wait_for(f"document.body.innerText.includes({json.dumps(each)})")
        # it covers a quarter of the page until it was closed once
        self.window.value("document.querySelectorAll('[aria-label=\"Close\"]').forEach(each => each.click())")
        return str(self.window.value("document.body.innerText"))

    def picture(self, name: str) -> None:
        """Write a screenshot for the docs, where somebody asked for them."""
        folder = os.environ.get(PICTURES)
        if folder:
            file = Path(folder, name)
            # what moves is still
            self.window.value("new Promise(done => setTimeout(done, 3000))")
            self.window.screenshot(file)
            Image.open(file).convert("RGB").quantize(160).save(file, optimize=True)


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The addresses that `svhn-denoiser ui` prints in a folder; it is ended as a person ends it."""
    command = [sys.executable, "-m", "svhn_denoiser", "ui", "--no-browser", "--port", "0"]
    running = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        lines: list[str] = []
        assert running.stdout is not None
        while not lines or "Ctrl-C" not in lines[-1]:
            line = running.stdout.readline()
            assert line, "it ended"
            lines.append(line.strip())
        yield {name.rstrip(":"): address for name, address in zip(lines[::2], lines[1::2], strict=False)}
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGINT)
        assert running.wait() == 0
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        # ends its server, too
        running.terminate()
        running.wait()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the four runs were made."""
    clone = four_runs.prepare(tmp_path_factory.mktemp("four"))
    clone.run(sys.executable, "-m", "tests.tracking.four_runs")
    return clone


@pytest.fixture(scope="module")
def opened(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    measured = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
    environment = clone.environment(**measured)
    with browser(tmp_path_factory.mktemp("profile")) as window, served(clone.folder, environment) as addresses:
        yield Opened(window, addresses)


def rows(window: Browser) -> list[list[str]]:
    """The rows of the table as shown: names, and the cells by column."""
    return window.value(
        """[...document.querySelectorAll('.ag-pinned-left-cols-container .ag-row')]
        .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index')).map(each => {
            const index = each.getAttribute('row-index');
            const rest = document.querySelectorAll(`.ag-center-cols-container .ag-row[row-index="${index}"] .ag-cell`);
            const cells = Object.fromEntries([...rest].map(cell => [cell.getAttribute('col-id'), cell.innerText]));
            return [each.querySelector('[col-id*="Run Name"] a').innerText, cells];
        })"""
    )


def linked(window: Browser, words: str) -> str:
    """The address that a link with these words leads to."""
    return window.wait_for(f"[...document.links].find(each => each.innerText == {json.dumps(words)})?.href")


NAMES = {"width=24", "default", "network=autoencoder-2021", "strength=[0.02,0.3] noise_map=true"}


def test_the_table_opens_best_first_with_scores_and_what_differs(opened):
    text = opened.show(opened.addresses["runs, best first"], "network=autoencoder-2021")
    window = opened.window
    window.wait_for("document.querySelectorAll('.ag-center-cols-container .ag-row').length == 4")
    # as far as the window shows them, columns are there
    window.wait_for("document.querySelector('.ag-row [col-id*=\"train.width\"]') !== null")
    found = rows(window)
    assert {name for name, _ in found} == NAMES
    psnr = [float(cells["metrics.`denoised.psnr`"].rstrip("…")) for _, cells in found]
    assert psnr == sorted(psnr, reverse=True)
    assert {cells["tags.`gate`"] for _, cells in found} == {"passed", "refused"}
    assert all(float(cells["metrics.`pictures_per_second`"]) > 0 for _, cells in found)
    by_name = dict(found)
    assert by_name["width=24"]["params.`train.width`"] == "24"
    assert by_name["strength=[0.02,0.3] noise_map=true"]["params.`train.noise_map`"] == "true"
    assert "Best first" in text
    opened.picture("mlflow-runs.png")


def test_the_charts_show_curves_scores_and_only_what_differs(opened):
    text = opened.show(opened.addresses["curves"], "Scores on the test pictures", height=1000)
    opened.window.wait_for("document.querySelectorAll('.js-plotly-plot').length >= 4")
    assert all(f"\n{name}\n" in text for name in ("validation_psnr", "loss", "denoised.psnr"))
    opened.picture("mlflow-curves.png")
    opened.show(opened.addresses["what differs from the best run"], "train.noise_map", height=900)
    text = opened.window.value("document.body.innerText")
    assert all(setting in text for setting in ("train.width", "train.network", "generate.noise.strength"))
    # the same in all runs
    assert "train.epochs" not in text
    opened.picture("mlflow-differences.png")


def test_the_compare_page_has_the_best_runs_side_by_side(opened):
    text = opened.show(opened.addresses["the best 4 compared"], "Show diff only")
    assert "Comparing 4 Runs" in text
    assert all(name.replace(" ", "") in re.sub(r"\s", "", text) for name in NAMES)


def test_a_runs_page_says_what_it_is_and_shows_report_and_pictures(opened):
    opened.show(opened.addresses["runs, best first"], "network=autoencoder-2021")
    link = linked(opened.window, "default")
    text = opened.show(link, "To repeat it")
    assert re.search(r"\d+\.\d\d dB \([+-]\d+\.\d\), residual-unet, gaussian 0.1, drawn numbers", text)
    report = opened.window.wait_for(
        "[...document.querySelectorAll('a')].find(each => each.innerText == 'Report')?.href"
    )
    opened.show(report, "report.html", height=1000)
    # the report itself is in a frame
    opened.window.wait_for("document.querySelector('iframe')?.src || document.querySelector('iframe')?.srcdoc")


def test_the_models_page_has_the_champions_card_and_tells_versions_apart(opened):
    text = opened.show(
        opened.addresses["versions of the model"], "Version 4", "Version 1", "champion", "challenger", "Limits"
    )
    assert len(re.findall(r"\d+\.\d+ dB \([+-]\d+\.\d\)", text)) >= 4
