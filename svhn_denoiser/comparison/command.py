"""`svhn-denoiser compare A B`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.paths import DVC_LOCK, NOISY, PARAMS
from svhn_denoiser.terminal import AsJson, err, out, print_json

if TYPE_CHECKING:
    from svhn_denoiser.comparison.comparison import Comparison
    from svhn_denoiser.pairs import Pairs

_KINDS = (
    "A version's number, `champion`, `challenger` or another alias; a git revision or a DVC experiment; a run's id; an "
    "MLflow address; a .keras file; `workspace` for what was trained last here; `shipped`."
)

First = Annotated[str, typer.Argument(metavar="A", help=_KINDS, show_default=False)]
Second = Annotated[str, typer.Argument(metavar="B", help="The same: any of them.", show_default=False)]
Pictures = Annotated[
    int | None,
    typer.Option("--pictures", metavar="N", min=1, help="Use the first N test pictures.", show_default="all"),
]
Page = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Also write a page with the pictures.", show_default=False),
]


def compare(a: First, b: Second, pictures: Pictures = None, page: Page = None, as_json: AsJson = False) -> None:
    """Compare two models on the same test pictures: which is better, by how much, and on which pictures.

    The pictures are those of data/noisy here. Nothing is registered, and nothing of the repository changes.
    """
    if page is not None:
        _make_folder(page)
    with TemporaryDirectory() as folder, _progress() as advance:
        comparison, test = _compared(a, b, pictures, Path(folder), advance)
    if page is not None:
        from svhn_denoiser.comparison.page import render
        from svhn_denoiser.files import write_text

        write_text(page, render(comparison, test))
    if as_json:
        print_json(comparison.as_dict())
        return
    _print(comparison)
    if page is not None:
        typer.echo(f"page: {page}")


def _make_folder(page: Path) -> None:
    # before minutes of work
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DenoiserError(f"{page}: cannot be written: {error.strerror}. Choose another place.") from None


def _compared(
    a: str, b: str, pictures: int | None, folder: Path, advance: Callable[[str], None]
) -> "tuple[Comparison, Pairs]":
    from svhn_denoiser import pairs, params
    from svhn_denoiser.comparison import finding
    from svhn_denoiser.tracking.lineage import dvc_hash
    from svhn_denoiser.tracking.location import repository_root

    root = repository_root()
    if not (root / NOISY / "test").is_dir():
        raise DenoiserError(
            f"{NOISY}: there are no test pictures here to compare on. `dvc repro generate` makes them; where somebody "
            f"pushed them, `dvc pull {NOISY}` fetches them."
        )
    test, settings = pairs.read(root / NOISY, "test"), params.load(root / PARAMS)
    sides = []
    for letter, name in (("A", a), ("B", b)):
        advance(f"fetching {letter}")
        (folder / letter).mkdir()
        sides.append(finding.find(name, folder / letter))

    # imports TensorFlow
    from svhn_denoiser.comparison.comparison import compare as both

    data_hash = dvc_hash(NOISY, root / DVC_LOCK)
    found = both((sides[0], sides[1]), settings, test, pictures=pictures, data_hash=data_hash, advance=advance)
    return found, test


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    # on a terminal alone, and gone at the end
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda doing: progress.update(task, description=doing)


def _print(comparison: "Comparison") -> None:
    from svhn_denoiser.comparison.tables import tables

    for table in tables(comparison):
        # a title of the table's own would be broken at the table's width
        out.print(f"\n[bold]{escape(table.title)}[/bold]")
        if not table.rows:
            continue
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(table.head):
            shown.add_column(escape(name), justify="right" if number else "left", overflow="fold", no_wrap=not number)
        for row in table.rows:
            shown.add_row(*map(escape, row))
        out.print(shown)
    for note in comparison.notes:
        typer.echo(f"note: {note}")
    typer.echo(comparison.headline)
