"""What a store holds of the project: runs with their points and files, models, versions, aliases."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from svhn_denoiser.registry.versions import MODEL, registered_model
from svhn_denoiser.tracking.store import Store, is_not_there
from svhn_denoiser.tracking.tags import COPIED_FROM

# isort: split
import mlflow
from mlflow.entities import FileInfo, LoggedModel, Metric, Run, ViewType
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

# MLflow writes the ids of run and model into this file: its copy has others
DESCRIPTION_OF_MODEL = "MLmodel"

# as text, so that a NaN equals a NaN: step, time in ms since 1970, value
Point = tuple[int, int, str]


@dataclass(frozen=True)
class Recorded:
    """A run, its curves and its files.

    Attributes:
        run: as MLflow has it.
        points: of each metric.
        files: path below the run's artifacts, and size in bytes.
    """

    run: Run
    points: Mapping[str, frozenset[Point]]
    files: Mapping[str, int]


@dataclass(frozen=True)
class Model:
    """A model that a run logged, and its files as `Recorded` has them."""

    model: LoggedModel
    files: Mapping[str, int]


@dataclass(frozen=True)
class Counts:
    """How much there is; `size` is that of all files, in bytes."""

    runs: int
    points: int
    files: int
    size: int
    models: int
    versions: int
    aliases: int

    def as_dict(self) -> dict[str, int]:
        """For programs to read as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Inventory:
    """What a store holds.

    Attributes:
        runs: by id; in a copy, by the id of the original.
        models: the same.
        versions: by number.
        registered: the model that the versions are of; None where nothing is registered.
    """

    runs: Mapping[str, Recorded]
    models: Mapping[str, Model]
    versions: Mapping[int, ModelVersion]
    registered: RegisteredModel | None

    @property
    def aliases(self) -> dict[str, int]:
        """Numbers of versions by alias."""
        known = self.registered.aliases if self.registered else {}
        return {alias: int(number) for alias, number in known.items()}

    def counts(self) -> Counts:
        """How much it is."""
        files = [*(run.files for run in self.runs.values()), *(model.files for model in self.models.values())]
        return Counts(
            runs=len(self.runs),
            points=sum(len(points) for run in self.runs.values() for points in run.points.values()),
            files=sum(len(one) for one in files),
            size=sum(sum(one.values()) for one in files),
            models=len(self.models),
            versions=len(self.versions),
            aliases=len(self.aliases),
        )


def take(store: Store, *, copies: bool) -> Inventory:
    """Read what a store holds; runs that somebody deleted, too, as versions may be theirs.

    Args:
        store: where.
        copies: whether only what was copied there counts, under the ids of the originals. Versions all count.
    """
    mlflow.set_tracking_uri(store.uri)
    runs = list(_runs(store, f"tags.{COPIED_FROM} LIKE '%'" if copies else ""))
    # what is not ready was left by a registration, or a copy, that was interrupted
    models = [model for model in _models(store) if (COPIED_FROM in model.tags if copies else model.status == "READY")]
    return Inventory(
        {run.data.tags[COPIED_FROM] if copies else run.info.run_id: _recorded(store, run) for run in runs},
        {model.tags[COPIED_FROM] if copies else model.model_id: _model(store, model) for model in models},
        {int(version.version): version for version in _versions(store)},
        _registered(store),
    )


def files_below(listed: Callable[[str | None], Sequence[FileInfo]], folder: str | None = None) -> dict[str, int]:
    """Path and size of all files, from a function that lists one folder of artifacts."""
    found: dict[str, int] = {}
    for entry in listed(folder):
        found |= files_below(listed, entry.path) if entry.is_dir else {entry.path: int(entry.file_size or 0)}
    return found


def as_point(metric: Metric) -> Point:
    """A point of a curve, to be compared."""
    return metric.step, metric.timestamp, repr(float(metric.value))


def _recorded(store: Store, run: Run) -> Recorded:
    run_id = run.info.run_id
    points = {
        name: frozenset(as_point(metric) for metric in store.client.get_metric_history(run_id, name))
        for name in run.data.metrics
    }
    return Recorded(run, points, files_below(lambda folder: store.client.list_artifacts(run_id, folder)))


def _model(store: Store, model: LoggedModel) -> Model:
    listed = files_below(lambda folder: store.client.list_logged_model_artifacts(model.model_id, folder))
    return Model(model, {path: 0 if path == DESCRIPTION_OF_MODEL else size for path, size in listed.items()})


def _runs(store: Store, wanted: str) -> Iterator[Run]:
    if store.experiment_id:
        ids = [store.experiment_id]
        yield from _pages(lambda token: store.client.search_runs(ids, wanted, ViewType.ALL, page_token=token))


def _models(store: Store) -> Iterator[LoggedModel]:
    if store.experiment_id:
        yield from _pages(lambda token: store.client.search_logged_models([store.experiment_id], page_token=token))


def _versions(store: Store) -> Iterator[ModelVersion]:
    yield from _pages(lambda token: store.client.search_model_versions(f"name='{MODEL}'", page_token=token))


def _registered(store: Store) -> RegisteredModel | None:
    try:
        return registered_model(store)
    except MlflowException as error:
        if is_not_there(error):
            return None
        raise


def _pages(page_at: Callable[[str | None], Any]) -> Iterator[Any]:
    token = None
    while True:
        page = page_at(token)
        yield from page
        token = page.token
        if not token:
            return
