"""Build the docs site in build/docs/site: `make docs`.

The site keeps the repository's paths, so a link that works in a checkout also works on the site. The API reference
comes from the docstrings, one page per wing of the package.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "docs"
PAGES = BUILD / "pages"
SITE = BUILD / "site"
PACKAGE = ROOT / "svhn_denoiser"

# What a browser loads when it opens a page. Links that a reader clicks may lead anywhere.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^"')\s]+"""
)


def main() -> int:
    """Copy the pages, write the reference, build strictly. Return the exit code."""
    shutil.rmtree(BUILD, ignore_errors=True)
    for file in documents():
        copy = PAGES / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    listed = ", ".join(f'{{ "{title}" = "{page}" }}' for title, page in write_reference())
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    settings = settings.replace('"API reference" = []', f'"API reference" = [{listed}]')
    (BUILD / "zensical.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=BUILD, check=False)
    if built.returncode:
        return built.returncode
    foreign = sorted({hit for page in SITE.rglob("*") if page.suffix in {".html", ".css"} for hit in loaded(page)})
    if foreign:
        print("error: the site loads these from other servers:", *foreign, sep="\n  ", file=sys.stderr)
        return 1
    print(f"open {SITE.relative_to(ROOT)}/index.html")
    return 0


def documents() -> list[Path]:
    """The Markdown pages of the repository, and the files that they show or link to."""
    patterns = ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "data/README.md", "data/import/README.md")
    cards = ("svhn_denoiser/denoising/shipped/*.md",)
    shown = ("docs/images/*", "docs/stylesheets/*", "benchmarks/**/*.svg", "recipes.yaml", "LICENSE")
    return sorted({file for pattern in (*patterns, *cards, *shown) for file in ROOT.glob(pattern)})


def write_reference() -> Iterator[tuple[str, str]]:
    """Write one page per wing, and one for the files beside the wings; yield each title and path."""
    folders = [PACKAGE, *sorted(folder.parent for folder in PACKAGE.glob("*/__init__.py"))]
    (PAGES / "reference").mkdir()
    for folder in folders:
        name = ".".join(folder.relative_to(ROOT).parts)
        about = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        modules = [f"{name}.{file.stem}" for file in sorted(folder.glob("[!_]*.py"))]
        page = f"reference/{folder.name}.md"
        text = "\n\n".join([f"# {name}", about, *(f"::: {module}" for module in modules)])
        (PAGES / page).write_text(f"{text}\n", encoding="utf-8")
        yield folder.name, page


def loaded(page: Path) -> list[str]:
    """What a page or a style sheet loads from other servers."""
    return LOADED.findall(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
