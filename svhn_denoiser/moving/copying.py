"""Copy runs and models from one store to another. What is there already stays as it is, so it can be repeated."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from svhn_denoiser.moving.inventory import DESCRIPTION_OF_MODEL, Inventory, Model, Recorded, as_point
from svhn_denoiser.tracking import pages
from svhn_denoiser.tracking.store import Store
from svhn_denoiser.tracking.tags import COPIED_FROM

# isort: split
import mlflow
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag
from mlflow.models import Model as ModelDescription
from mlflow.utils.mlflow_tags import MLFLOW_USER
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

_Item = TypeVar("_Item")

# of a run: 32 hex digits; of a model: m- before them
_ID = re.compile(r"\b(?:m-)?[0-9a-f]{32}\b")


class Copy:
    """A copy of runs and models that is being made.

    Args:
        source: where from.
        target: where to.
        held: what the source holds.
        there: what the target has of it already.
    """

    def __init__(self, source: Store, target: Store, held: Inventory, there: Inventory) -> None:
        self.source, self.target = source, target
        self._held, self._there = held, there
        self.ids = {key: run.run.info.run_id for key, run in there.runs.items()}
        self.ids |= {key: model.model.model_id for key, model in there.models.items()}

    def translated(self, text: str) -> str:
        """A text in which ids of runs, of models and of the experiment are those of the copies."""
        text = _ID.sub(lambda found: self.ids.get(found[0], found[0]), text)
        here, there = (pages.of_experiment(store.experiment_id) for store in (self.source, self.target))
        return text.replace(here, there)

    def copy(self, say: Callable[[str], object]) -> None:
        """Copy what is missing: runs, their points and files, and models.

        Args:
            say: is told which run is being copied; not those that are there already.
        """
        mlflow.set_tracking_uri(self.target.uri)
        self._copy_tags_of_experiment()
        held = sorted(self._held.runs.items(), key=lambda item: item[1].run.info.start_time)
        # all of them first: a tag of one may name another
        for key, recorded in held:
            if key not in self.ids:
                self.ids[key] = self._created(key, recorded)
        for number, (key, recorded) in enumerate(held, start=1):
            said = f"run {number} of {len(held)}: {recorded.run.info.run_name}"
            self._complete_run(key, recorded, partial(say, said))
        for key, model in self._held.models.items():
            self._complete_model(key, model)
        for key, recorded in held:
            self._end(key, recorded)

    def _copy_tags_of_experiment(self) -> None:
        # saved views of the table, for instance
        wanted = self.source.client.get_experiment(self.source.experiment_id).tags
        known = self.target.client.get_experiment(self.target.experiment_id).tags
        for name in wanted.keys() - known.keys():
            self.target.client.set_experiment_tag(self.target.experiment_id, name, wanted[name])

    def _created(self, key: str, recorded: Recorded) -> str:
        # the other tags may name runs that are not there yet
        tags = {name: value for name, value in recorded.run.data.tags.items() if name == MLFLOW_USER}
        run = self.target.client.create_run(
            self.target.experiment_id,
            start_time=recorded.run.info.start_time,
            run_name=recorded.run.info.run_name,
            tags=tags | {COPIED_FROM: key},
        )
        return str(run.info.run_id)

    def _complete_run(self, key: str, held: Recorded, say: Callable[[], object]) -> None:
        there, run_id, client = self._there.runs.get(key), self.ids[key], self.target.client
        known_params = there.run.data.params if there else {}
        known_tags = there.run.data.tags if there else {}
        tags = {name: self.translated(value) for name, value in held.run.data.tags.items() if name != COPIED_FROM}
        params = [Param(name, value) for name, value in held.run.data.params.items() if name not in known_params]
        missing_tags = [RunTag(name, value) for name, value in tags.items() if name not in known_tags]
        points = list(self._missing_points(key, held))
        files = {path: size for path, size in held.files.items() if not there or there.files.get(path) != size}
        inputs = [] if there and there.run.inputs.dataset_inputs else held.run.inputs.dataset_inputs
        if not (params or missing_tags or points or files or inputs):
            return
        say()
        if there and there.run.info.lifecycle_stage != "active":
            client.restore_run(run_id)
        for some in _batches(params, MAX_PARAMS_TAGS_PER_BATCH):
            client.log_batch(run_id, params=some, synchronous=True)
        for some in _batches(missing_tags, MAX_PARAMS_TAGS_PER_BATCH):
            client.log_batch(run_id, tags=some, synchronous=True)
        for some in _batches(points, MAX_METRICS_PER_BATCH):
            client.log_batch(run_id, metrics=some, synchronous=True)
        if inputs:
            client.log_inputs(run_id, inputs)
        for path in files:
            with TemporaryDirectory() as folder:
                file = self.source.client.download_artifacts(held.run.info.run_id, path, folder)
                client.log_artifact(run_id, file, path.rpartition("/")[0] or None)

    def _missing_points(self, key: str, held: Recorded) -> Iterator[Metric]:
        there = self._there.runs.get(key)
        for name, points in held.points.items():
            known = there.points.get(name, frozenset()) if there else frozenset()
            if points <= known:
                continue
            history = self.source.client.get_metric_history(held.run.info.run_id, name)
            yield from (metric for metric in history if as_point(metric) not in known)

    def _complete_model(self, key: str, held: Model) -> None:
        there, client = self._there.models.get(key), self.target.client
        if there and there.files == held.files and there.model.status == "READY":
            return
        run_id = self.ids.get(held.model.source_run_id or "")
        if there is None:
            created = client.create_logged_model(
                self.target.experiment_id,
                held.model.name,
                source_run_id=run_id,
                tags={name: self.translated(value) for name, value in held.model.tags.items()} | {COPIED_FROM: key},
                params=dict(held.model.params),
                model_type=held.model.model_type,
            )
            self.ids[key] = created.model_id
        model_id = self.ids[key]
        with TemporaryDirectory() as folder:
            whole = download_artifacts(
                artifact_uri=held.model.artifact_location, dst_path=folder, tracking_uri=self.source.uri
            )
            self._rewrite(Path(whole) / DESCRIPTION_OF_MODEL, model_id, run_id)
            client.log_model_artifacts(model_id, whole)
        if run_id is not None:
            outputs = client.get_run(run_id).outputs
            if not outputs or model_id not in {output.model_id for output in outputs.model_outputs}:
                client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
            scores = [Metric(m.key, m.value, m.timestamp, m.step, model_id=model_id) for m in held.model.metrics or ()]
            client.log_batch(run_id, metrics=scores, synchronous=True)
        client.finalize_logged_model(model_id, "READY")

    def _rewrite(self, file: Path, model_id: str, run_id: str | None) -> None:
        # it names the run and the model that it is of
        if file.is_file():
            description = ModelDescription.load(str(file))
            description.run_id, description.model_id, description.model_uuid = run_id, model_id, model_id
            description.artifact_path = self.target.client.get_logged_model(model_id).artifact_location
            description.save(str(file))

    def _end(self, key: str, held: Recorded) -> None:
        run_id, wanted = self.ids[key], held.run.info
        now = self.target.client.get_run(run_id).info
        if now.status != wanted.status and now.status in {"RUNNING", "SCHEDULED"}:
            self.target.client.set_terminated(run_id, wanted.status, wanted.end_time)
        if wanted.lifecycle_stage != "active" and now.lifecycle_stage == "active":
            self.target.client.delete_run(run_id)


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
