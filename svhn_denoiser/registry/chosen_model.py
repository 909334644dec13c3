"""Choose a model: the one that is named, the champion, or the one this checkout trained last.

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
    "A .keras file or an MLflow address such as models:/svhn-denoiser/3. "
    f"Default: the champion, or {MODEL} if nothing is registered."
)


@dataclass(frozen=True)
class ChosenModel:
    """A model's file, which may not exist, and its name for people.

    Attributes:
        file: a .keras file.
        name: such as "the champion, version 3".
        noise: what it was trained for, as the tag of its version says it; None where that is not known.
    """

    file: Path
    name: str
    noise: str | None = None


@contextmanager
def choose(named: str | None) -> Iterator[ChosenModel]:
    """The model to use. A model downloaded from MLflow is deleted when the context ends.

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
        if named is not None:
            yield fetch(named, named, Path(folder))
        else:
            yield champion(Path(folder)) or ChosenModel(
                repository_root() / MODEL, f"{MODEL}, as there is no champion yet"
            )


def champion(folder: Path) -> ChosenModel | None:
    """The champion's file, fetched into a folder; None where nothing is registered, or nothing was promoted.

    Raises:
        DenoiserError: MLflow does not answer.
    """
    if store_exists():
        from svhn_denoiser.registry import versions
        from svhn_denoiser.tracking.store import open_store

        with open_store() as store:
            version = versions.champion(store)
        if version is not None:
            address = f"models:/{versions.MODEL}/{version.number}"
            return fetch(address, f"the champion, version {version.number}", folder)
    return None


def fetch(address: str, name: str, folder: Path) -> ChosenModel:
    """A model that MLflow has, fetched into a folder.

    Raises:
        DenoiserError: MLflow has no such model, or does not answer.
    """
    from svhn_denoiser.registry import versions
    from svhn_denoiser.tracking.store import open_store

    with open_store() as store:
        file = versions.fetch(store, address, folder)
        number = address.removeprefix(f"models:/{versions.MODEL}").lstrip("/@")
        noise = None if ":" in number else versions.find(store, number).tags.get("noise")
        return ChosenModel(file, name, noise)
