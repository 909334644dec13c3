"""Versions of the model in MLflow's registry: list them, find one, add one, fetch its file.

`champion` is the version that `denoise` uses, `challenger` the version registered last.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import at_once, events
from svhn_denoiser.registry.events import Event
from svhn_denoiser.tracking.artifacts import require_plug_in

# before MLflow: it decides what MLflow prints and reports
from svhn_denoiser.tracking.store import REFUSALS, Store, in_words, is_not_there
from svhn_denoiser.tracking.tags import number_in

# isort: split
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.models import Model

if TYPE_CHECKING:
    import keras

_Found = TypeVar("_Found", ModelVersion, RegisteredModel)

MODEL = "svhn-denoiser"
CHAMPION = "champion"
CHALLENGER = "challenger"
# of the registered model, until there is a card to show
DESCRIPTION = "Removes noise from pictures of house numbers."

# what to do where nothing is registered
FIRST_VERSION = "`svhn-denoiser runs sync` registers a model that is here already, `dvc repro` trains one."

# what Keras needs to load and run the model; MLflow would find this out by loading it, in 8 s instead of 0.1
_REQUIREMENTS = ("keras", "tensorflow", "numpy")


@dataclass(frozen=True)
class Version:
    """A version of the registered model, with its tags: scores, what the gate asks for, and what became of it.

    `waiting`: it passed the gate against the present champion, and a person has yet to promote it.
    """

    number: int
    aliases: tuple[str, ...]
    run_id: str
    created: str
    tags: Mapping[str, str]
    waiting: bool = False

    @property
    def promotion(self) -> Event | None:
        """When it became champion last, by whom, in place of which version and why."""
        return events.read(events.PROMOTED, self.tags)

    @property
    def rollback(self) -> Event | None:
        """When it was rolled back, by whom, to which version and why; None where it was promoted again since."""
        return events.read(events.ROLLED_BACK, self.tags)

    def score(self, name: str) -> float | None:
        """A score of the test pictures when the version was registered, psnr or ssim; None where it is not known."""
        return number_in(self.tags, name)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for programs to read as JSON."""
        scores = {name: self.score(name) for name in ("psnr", "ssim")}
        others = {key: value for key, value in sorted(self.tags.items()) if key not in scores}
        return {
            "version": self.number,
            "aliases": list(self.aliases),
            "run_id": self.run_id,
            "created": self.created,
            **scores,
            "waiting": self.waiting,
            "promotion": self.promotion.as_dict() if self.promotion else None,
            "rollback": self.rollback.as_dict() if self.rollback else None,
            "tags": others,
        }


def versions(store: Store) -> list[Version]:
    """All versions, the newest first; none where nothing was registered yet."""
    aliases = _aliases(store)
    if aliases is None:
        return []
    found: list[ModelVersion] = []
    page = None
    while page is None or page.token:
        page = store.client.search_model_versions(f"name='{MODEL}'", page_token=page.token if page else None)
        found += page
    known = (_version(entry, aliases) for entry in found)
    return sorted(
        (version for version in known if at_once.TWIN not in version.tags), key=lambda version: -version.number
    )


def champion(store: Store) -> Version | None:
    """The version with the alias `champion`, if there is one."""
    aliases = _aliases(store) or {}
    return find(store, CHAMPION) if CHAMPION in aliases else None


def find(store: Store, name: str) -> Version:
    """A version by its number or alias.

    Raises:
        DenoiserError: there is none; the message lists those there are.
    """
    aliases = _aliases(store)
    number = (aliases or {}).get(name, name)
    if number.isdecimal():
        try:
            return _version(entry(store, number), aliases or {})
        except MlflowException as error:
            if not is_not_there(error):
                raise
    numbers = [str(version.number) for version in versions(store)[:20]]
    if not numbers:
        raise DenoiserError(f"{store.name}: no version of {MODEL} is registered yet. {FIRST_VERSION}")
    there = ", ".join([*sorted(aliases or {}), *numbers])
    raise DenoiserError(f"{store.name}: {MODEL} has no version {name!r}; there are {there}.")


def came_after_another(version: Version, there: Mapping[int, Version]) -> bool:
    """Whether a version that was promoted where there was no champion is not the first champion after all.

    True also where that is not known: a version before it was deleted, and may have been champion.

    Args:
        version: one that was promoted.
        there: all versions by number, it among them.
    """
    # MLflow gives no number twice
    if any(number not in there for number in range(1, version.number)):
        return True
    promoted = sorted((each.promotion.at, each.number) for each in there.values() if each.promotion)
    return promoted[0][1] != version.number


def add(store: Store, model: "keras.Model", *, sha256: str, run_id: str, tags: Mapping[str, str]) -> Version:
    """Log a model to its run and register it as `challenger`; once for each model.

    The same bytes are the same version, whichever training made them: one that was killed at its end and repeated makes
    them again. The version belongs to the run that made them first, and keeps what is known of that; the last other one
    is named in its tag `also_made_by`.

    Args:
        store: where to.
        model: float32 (N, H, W, 3) in [0, 1] to the same.
        sha256: of the model's file.
        run_id: the run that trained it.
        tags: scores and lineage; those of an existing version of the same run are updated.
    """
    with store.lock():
        same = _first_same(store, sha256)
        if same is not None:
            number = same.number
            tag(store, number, tags if same.run_id == run_id else {"also_made_by": run_id})
        else:
            created = _create(store, model, run_id, {**tags, "sha256": sha256})
            # on a server, another machine may have done the same at the same moment: the lower number stays
            first = _first_same(store, sha256)
            number = first.number if first else created
            if number < created:
                at_once.withdraw(store, MODEL, created, number)
        at_once.set_alias(store, MODEL, CHALLENGER, number)
    return find(store, str(number))


def tag(store: Store, number: int, tags: Mapping[str, str]) -> None:
    """Add tags to the version of that number, or change them."""
    for key, value in tags.items():
        store.client.set_model_version_tag(MODEL, str(number), key, value)


def fetch(store: Store, uri: str, folder: Path) -> Path:
    """Download a model's Keras file.

    Args:
        store: where from.
        uri: an address of MLflow's: `models:/svhn-denoiser@champion`, `models:/svhn-denoiser/3`, `runs:/...`.
        folder: where to.

    Raises:
        DenoiserError: there is no such model, or it cannot be fetched, or holds no Keras file.
    """
    try:
        download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=store.uri)
    except ModuleNotFoundError:
        require_plug_in(store.name, store.artifacts)
        raise
    except REFUSALS as error:
        raise DenoiserError(f"{uri}: cannot be fetched from {store.name}: {in_words(error)}") from error
    found = sorted(folder.rglob("model.keras"))
    if not found:
        raise DenoiserError(f"{uri}: holds no Keras model. Name one that `svhn-denoiser registry list` shows.")
    return found[0]


def _first_same(store: Store, sha256: str) -> Version | None:
    same = (version for version in versions(store) if version.tags.get("sha256") == sha256)
    return min(same, key=lambda version: version.number, default=None)


def _create(store: Store, model: "keras.Model", run_id: str, tags: Mapping[str, str]) -> int:
    from svhn_denoiser.registry import serving

    model_id = _logged(store, run_id, tags["sha256"])
    if model_id is None:
        model_id = store.client.create_logged_model(
            store.experiment_id, "denoiser", source_run_id=run_id, tags={"sha256": tags["sha256"]}
        ).model_id
        Model.log(
            None,
            serving,
            model=model,
            model_id=model_id,
            run_id=run_id,
            signature=serving.SIGNATURE,
            pip_requirements=[f"{package}=={installed(package)}" for package in _REQUIREMENTS],
        )
    try:
        store.client.create_registered_model(MODEL, description=DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = store.client.create_model_version(
        MODEL, f"models:/{model_id}", run_id, tags=dict(tags), model_id=model_id
    )
    return int(_named(created).version)


def _logged(store: Store, run_id: str, sha256: str) -> str | None:
    # left by a registration that was interrupted before it made the version
    wanted = f"source_run_id = '{run_id}' AND tags.sha256 = '{sha256}'"
    complete = (
        model for model in store.client.search_logged_models([store.experiment_id], wanted) if model.status == "READY"
    )
    return next((str(model.model_id) for model in complete), None)


def _aliases(store: Store) -> dict[str, str] | None:
    # asked of the model: search results do not carry them
    try:
        aliases = registered_model(store).aliases
    except MlflowException as error:
        if is_not_there(error):
            return None
        raise
    return {alias: str(number) for alias, number in aliases.items()}


def registered_model(store: Store) -> RegisteredModel:
    """The model as MLflow has it.

    Raises:
        MlflowException: there is none, or the answer was empty.
    """
    return _named(store.client.get_registered_model(MODEL))


def entry(store: Store, number: int | str) -> ModelVersion:
    """A version as MLflow has it; raises as `registered_model` does."""
    return _named(store.client.get_model_version(MODEL, str(number)))


def _named(found: _Found) -> _Found:
    # MLflow takes an answer without content, as of a proxy, for one without a name
    if found.name != MODEL:
        raise MlflowException("the answer was empty. Try again.")
    return found


def _version(found: ModelVersion, aliases: Mapping[str, str]) -> Version:
    number, champion = str(found.version), aliases.get(CHAMPION)
    verdict = events.waits(int(champion) if champion else None)
    created = datetime.datetime.fromtimestamp(found.creation_timestamp / 1000, datetime.UTC)
    version = Version(
        number=int(number),
        aliases=tuple(sorted(alias for alias, target in aliases.items() if target == number)),
        run_id=found.run_id or "",
        created=created.isoformat(timespec="seconds"),
        # EDIT on a server deletes no tag: an empty one is none
        tags={key: value for key, value in found.tags.items() if value},
    )
    waiting = found.tags.get(events.GATE) == verdict and champion != number and version.rollback is None
    return replace(version, waiting=waiting)
