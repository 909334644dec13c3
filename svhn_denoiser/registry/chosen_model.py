"""Which model people mean: the one they name, or the champion, or what this checkout trained last.

What takes long to import (MLflow 3 s) is imported only where it is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from svhn_denoiser.paths import MODEL
from svhn_denoiser.tracking.location import repository_root, store_exists

OPTION_HELP = (
    "A .keras file, or an address of MLflow's such as models:/svhn-denoiser/3. "
    f"By default the champion, or {MODEL} where nothing is registered."
)


@dataclass(frozen=True)
class ChosenModel:
    """A model's file, which need not exist, and what to call it."""

    file: Path
    name: str


@contextmanager
def choose(named: str | None) -> Iterator[ChosenModel]:
    """The model to use; what is fetched from MLflow is gone when the context ends.

    Args:
        named: a file, or an address such as models:/svhn-denoiser/3; None for the champion, or for
            models/denoiser.keras where nothing is registered.

    Raises:
        DenoiserError: MLflow has no such model, or does not answer.
    """
    if named is not None and not named.startswith(("models:/", "runs:/")):
        yield ChosenModel(Path(named), named)
        return
    with TemporaryDirectory() as folder:
        yield _champion(Path(folder)) if named is None else _fetch(named, named, Path(folder))


def _champion(folder: Path) -> ChosenModel:
    if store_exists():
        from svhn_denoiser.registry import versions
        from svhn_denoiser.tracking.store import open_store

        with open_store() as store:
            champion = versions.champion(store)
        if champion is not None:
            address = f"models:/{versions.MODEL}/{champion.number}"
            return _fetch(address, f"the champion, version {champion.number}", folder)
    return ChosenModel(repository_root() / MODEL, f"{MODEL}, as there is no champion yet")


def _fetch(address: str, name: str, folder: Path) -> ChosenModel:
    from svhn_denoiser.registry import versions
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        return ChosenModel(versions.fetch(store, address, folder), name)
