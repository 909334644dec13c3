"""The pages: their links, the version and what the changelog says of it, and the files that they name."""

import re
import subprocess
import tomllib

import pytest
from ruamel.yaml import YAML

from tests.example_settings import ROOT

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if (ROOT / name).exists()
)


def prose(page) -> str:
    """A page without its blocks and spans of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", text)


def anchors(page) -> set[str]:
    """The anchors of a page's headings, as GitHub and the docs site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page) -> list[str]:
    return [next(filter(None, found)) for found in LINK.findall(prose(page))]


def broken(page) -> list[str]:
    """The internal links of a page that lead nowhere."""
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_internal_link_leads_somewhere(page):
    assert broken(page) == []


def test_the_pages_that_people_read_first_have_links_at_all():
    assert len(links(ROOT / "README.md")) > 15
    assert sum(len(links(page)) for page in PAGES) > 60


def test_the_version_is_the_changelogs():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", changelog, flags=re.MULTILINE)
    number, date = released[0]
    if version.endswith(".dev0"):
        assert "## Unreleased\n" in changelog
        assert [int(part) for part in version.removesuffix(".dev0").split(".")] > [int(n) for n in number.split(".")]
    else:
        assert version == number
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert (citation["version"], str(citation["date-released"])) == (number, date)


NAMED = re.compile(r"`((?:svhn_denoiser|stages|benchmarks|tests|docs|requirements|\.github|\.ci)/[\w./-]*)`")


def test_every_file_that_a_page_names_exists():
    named = {(page.name, name) for page in PAGES for name in NAMED.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 25
    made = ("benchmarks/models",)  # not in git
    assert (
        sorted((page, name) for page, name in named if not (ROOT / name).exists() and not name.startswith(made)) == []
    )


# what a newcomer asks, and the one file whose name answers it
QUESTIONS = {
    "where is PSNR defined?": "evaluation/metrics.py",
    "where would I add a noise kind?": "noise.py",
    "where does the download retry?": "sources/retrying_download.py",
    "where are run tags made?": "tracking/tags.py",
    "where is a big photograph tiled?": "denoising/tiles.py",
    "where does CI decide to retrain?": "retraining/changes.py",
    "what draws the report's charts?": "report/charts.py",
    "where is a training resumed?": "training/resuming.py",
    "where is the promotion threshold?": "registry/gate.py",
    "where is the champion moved?": "registry/promotion.py",
}


@pytest.mark.parametrize(("question", "file"), QUESTIONS.items(), ids=QUESTIONS)
def test_contributing_answers_a_newcomers_question_with_one_file(question, file):
    assert (ROOT / "svhn_denoiser" / file).is_file(), question
    rows = [
        line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    assert len([row for row in rows if f"`svhn_denoiser/{file}`" in row]) == 1, question


def test_every_page_is_in_the_sites_navigation():
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT).as_posix() for page in PAGES if not page.relative_to(ROOT).parts[0].startswith(".")]
    assert [page for page in pages if f'"{page}"' not in settings and not page.startswith("tests/")] == []
