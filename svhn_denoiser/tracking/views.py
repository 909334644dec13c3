"""The views of the runs that MLflow's interface opens: a table, best first, and charts.

MLflow keeps a saved view as a tag of the experiment, the state of its page as JSON. Their ids are fixed, so that
writing them again replaces them. Seen with MLflow 3.17, which pyproject.toml pins.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from svhn_denoiser.tracking import pages
from svhn_denoiser.tracking.location import EXPERIMENT
from svhn_denoiser.tracking.store import REFUSALS, Store

if TYPE_CHECKING:
    from mlflow.entities import Run

# their ids, as addresses have them
TABLE, CURVES, DIFFERENCES = "svhn-denoiser-table", "svhn-denoiser-curves", "svhn-denoiser-differences"
_NAMES = {TABLE: "Best first", CURVES: "Curves and scores", DIFFERENCES: "What differs"}
_TAG = "mlflow.sharedViewState."
# what MLflow takes for a tag
_LONGEST = 5000

_SCORE = "denoised.psnr"
# without a score there is nothing to compare: trainings that failed, were killed, or are not evaluated yet. A stand-in
# of a run in another store has scores, and stays
_SCORED = f"metrics.`{_SCORE}` >= 0"
# no curves to look at; those of a training that still runs are why people look
_ENDED_WELL = "attributes.status != 'FAILED' AND attributes.status != 'KILLED'"

# column and width in pixels: scores, verdict and two settings stand in a window of 1,440
_ALWAYS_THERE = {"attributes.`Run Name`": 240, "runDateAndNestInfo": 132}
_SCORES = {
    f"metrics.`{_SCORE}`": 114,
    "metrics.`gain.psnr`": 88,
    "metrics.`denoised.ssim`": 112,
    "metrics.`pictures_per_second`": 106,
    "tags.`gate`": 72,
}
_ORIGIN = {"tags.`network`": 132, "tags.`noise`": 150, "tags.`data_source`": 104, "attributes.`Source`": 130}
_SETTING_WIDTH = 116
# what the columns of origin show already
_SHOWN = {"train.network", "generate.noise.kind", "generate.noise.strength", "download.source"}
_SECTIONS = ("train", "generate", "download", "seed", "evaluate", "register")
_MOST_SETTINGS = 12
# settings are compared of so many of the best runs: one request
_RUNS = 100
_COMPARED = 5


def write(store: Store) -> None:
    """Write the views, with a column for each setting that differs among the runs.

    That is one request for the runs and one a tag.
    """
    runs = scored_runs(store)
    tags = {
        _TAG + TABLE: _envelope(TABLE, table_state(differing_settings(runs))),
        _TAG + CURVES: _envelope(CURVES, charts_state("curves", "scores", "differences")),
        _TAG + DIFFERENCES: _envelope(DIFFERENCES, charts_state("differences", "curves", "scores")),
        # without it, the experiment opens on a page for language models
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": _SCORE,
    }
    for key, value in tags.items():
        store.client.set_experiment_tag(store.experiment_id, key, value)


def refresh(store: Store) -> None:
    """Write the views after a registration, so that who opens a saved address sees what differs by now.

    A store that does not take it keeps the older columns: no reason to fail.
    """
    with suppress(*REFUSALS):
        write(store)


def are_there(store: Store) -> bool:
    """Whether somebody wrote them."""
    tags = store.client.get_experiment(store.experiment_id).tags
    return all(_TAG + view in tags for view in _NAMES)


def scored_runs(store: Store) -> "list[Run]":
    """The runs that have a score, the best first, 100 at most."""
    order = [f"metrics.`{_SCORE}` DESC"]
    found = store.client.search_runs([store.experiment_id], _SCORED, max_results=_RUNS, order_by=order)
    return list(found)


def differing_settings(runs: "Sequence[Run]") -> list[str]:
    """The settings that differ among runs, by dotted name, those of the training first; without what has a column."""
    known = [run.data.params for run in runs if run.data.params]
    names = {name for params in known for name in params} - _SHOWN
    differing = [name for name in names if len({params.get(name) for params in known}) > 1]
    return sorted(differing, key=_place)


def table_state(settings: Iterable[str]) -> dict[str, Any]:
    """The state of the table's page.

    Args:
        settings: that have a column of their own, between scores and origin.
    """
    columns = _SCORES | {f"params.`{name}`": _SETTING_WIDTH for name in list(settings)[:_MOST_SETTINGS]} | _ORIGIN
    return {
        **_order(),
        "searchFilter": _SCORED,
        "selectedColumns": list(columns),
        "columnOrder": [*_ALWAYS_THERE, *columns],
        "columnWidths": _ALWAYS_THERE | columns,
    }


def charts_state(*order: str) -> dict[str, Any]:
    """The state of the charts' page.

    Args:
        order: of its sections: `curves` over the epochs, `scores` as bars, `differences` from the best run.
    """
    names = {"curves": "Curves", "scores": "Scores on the test pictures", "differences": "What differs"}
    cards = [
        *(_card("LINE", "curves", name) for name in ("validation_psnr", "loss", "pictures_per_second")),
        *(_card("BAR", "scores", name) for name in (_SCORE, "gain.psnr", "denoised.ssim")),
        _differences(),
        # MLflow adds a card for each metric that has none
        *(_card("BAR", "scores", name, deleted=True) for name in ("noisy.psnr", "noisy.ssim", "gain.ssim")),
        _card("LINE", "curves", "learning_rate", deleted=True),
    ]
    return {
        **_order(),
        "searchFilter": _ENDED_WELL,
        "compareRunCharts": cards,
        "compareRunSections": [
            *(_section_of(uuid, names[uuid], shown=True) for uuid in order),
            _section_of("system", "System metrics", shown=False),
        ],
        "isAccordionReordered": True,
    }


def addresses(store: Store, base: str, *, saved: bool) -> Iterator[tuple[str, str]]:
    """What each page is called, and its address; the first is the one to open.

    Args:
        store: with the runs.
        base: where the interface is, `http://127.0.0.1:5000`.
        saved: whether the views are there; otherwise the plain page of runs is the first and only view.
    """
    home = f"{base.rstrip('/')}/"
    if saved:
        yield "runs, best first", home + pages.runs(store.experiment_id, TABLE)
        for view, name in ((CURVES, "curves"), (DIFFERENCES, "what differs from the best run")):
            yield name, home + pages.runs(store.experiment_id, view, charts=True)
    else:
        yield "runs", home + pages.runs(store.experiment_id)
    best = [run.info.run_id for run in scored_runs(store)[:_COMPARED]]
    if len(best) > 1:
        yield f"the best {len(best)} compared", home + pages.compared(store.experiment_id, best)
    if store.client.search_registered_models(f"name='{EXPERIMENT}'", max_results=1):
        yield "versions of the model", home + pages.model(EXPERIMENT)


def _place(setting: str) -> tuple[int, str]:
    section = setting.partition(".")[0]
    return (_SECTIONS.index(section) if section in _SECTIONS else len(_SECTIONS)), setting


def _order() -> dict[str, Any]:
    return {
        "orderByKey": f"metrics.`{_SCORE}`",
        "orderByAsc": False,
        "runsHiddenMode": "SHOW_ALL",
        "viewMaximized": True,
    }


def _card(kind: str, section: str, metric: str, *, deleted: bool = False) -> dict[str, Any]:
    card = {"uuid": f"{kind}-{metric}", "type": kind, "metricSectionId": section, "metricKey": metric}
    return {**card, "deleted": deleted, "isGenerated": False, "runsCountToCompare": _RUNS} | (
        {"xAxisKey": "step", "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True} if kind == "LINE" else {}
    )


def _differences() -> dict[str, Any]:
    return {
        "uuid": "differences-of-runs",
        "type": "DIFFERENCE",
        "metricSectionId": "differences",
        "chartName": "What differs from the best run",
        "compareGroups": ["Model metrics", "Parameters"],
        "showChangeFromBaseline": True,
        "showDifferencesOnly": True,
        "baselineColumnUuid": "",
        "runsCountToCompare": _RUNS,
        "deleted": False,
        "isGenerated": False,
    }


def _section_of(uuid: str, name: str, *, shown: bool) -> dict[str, Any]:
    section = {
        "uuid": uuid,
        "name": name,
        "display": shown,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
    }
    # a table of runs takes the whole width
    return section | ({"columns": 1, "cardHeight": 640} if uuid == "differences" else {})


def _envelope(view: str, state: Mapping[str, Any]) -> str:
    # the time is constant: a view that did not change is the same tag
    text = json.dumps(state, separators=(",", ":"))
    content = json.dumps({"name": _NAMES[view], "createdAt": 0, "state": text})
    if len(content) <= _LONGEST:
        return content
    packed = "deflate;" + base64.b64encode(zlib.compress(text.encode())).decode()
    return json.dumps({"name": _NAMES[view], "createdAt": 0, "state": packed})
