"""Where MLflow's interface shows what, as the part of an address that follows its server's.

Each names the kind of work: without it, MLflow opens an experiment as one of language models.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

_KIND = "workflowType=machine_learning"


def of_experiment(experiment_id: str) -> str:
    """What the pages of an experiment and of its runs begin with."""
    return f"#/experiments/{experiment_id}/"


def runs(experiment_id: str, view: str = "", *, charts: bool = False) -> str:
    """The runs of an experiment.

    Args:
        experiment_id: which.
        view: the id of a saved view.
        charts: whether as charts rather than as a table.
    """
    shown = f"{'&compareRunsMode=CHART' if charts else ''}{f'&viewStateShareKey={view}' if view else ''}"
    return f"{of_experiment(experiment_id)}runs?{_KIND}{shown}"


def artifact(experiment_id: str, run_id: str, path: str) -> str:
    """A file that is attached to a run, by its path there."""
    return f"{of_experiment(experiment_id)}runs/{run_id}/artifacts/{path}?{_KIND}"


def compared(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Runs of an experiment beside each other."""
    wanted, of = (quote(json.dumps(ids)) for ids in (list(run_ids), [experiment_id]))
    # in this order: MLflow looks for the runs at the very beginning
    return f"#/compare-runs?runs={wanted}&experiments={of}&{_KIND}"


def model(name: str) -> str:
    """A registered model, with its versions."""
    return f"#/models/{name}?{_KIND}"


def version(name: str, number: int) -> str:
    """A version of a registered model."""
    return f"#/models/{name}/versions/{number}?{_KIND}"
