"""What people read of a version and of its run in MLflow's interface: a line each, and where to go from there."""

import shlex
from collections.abc import Mapping

from svhn_denoiser.paths import REPORT
from svhn_denoiser.registry.versions import MODEL, Version, find
from svhn_denoiser.tracking.runs import run_tags
from svhn_denoiser.tracking.store import Store
from svhn_denoiser.tracking.tags import SETTINGS

_SOURCES = {
    "svhn": "official SVHN",
    "synthetic": "drawn numbers",
    "mat": "files in SVHN's format",
    "images": "a folder of pictures",
}
# what a run knows of its lineage, and `registry show` prints
_LINEAGE = ("settings", "git_dirty", "dvc_experiment", "data_hash", "params_hash", "device", "precision")


def describe(store: Store, number: int) -> None:
    """Say in a version's description and in its run's what it is and what became of it.

    MLflow shows the one in the table of versions, the other above the run and in the column "Description".
    """
    version = find(store, str(number))
    store.client.update_model_version(MODEL, str(number), of_version(version.tags))
    tags = run_tags(store, version.run_id)
    if tags is not None:
        store.client.set_tag(version.run_id, "mlflow.note.content", of_run(store.experiment_id, version, tags))
        # a column of the table of runs
        store.client.set_tag(version.run_id, "gate", version.tags.get("gate", "not asked"))


def of_version(tags: Mapping[str, str]) -> str:
    """A line: "33.74 dB (+13.5), residual-unet, gaussian 0.1, official SVHN; champion in place of 1"."""
    source = tags.get("data_source", "")
    known = [_scores(tags), tags.get("network"), tags.get("noise"), _SOURCES.get(source, source)]
    fate = _fate(tags)
    return ", ".join(part for part in known if part) + (f"; {fate}" if fate else "")


def of_run(experiment_id: str, version: Version, tags: Mapping[str, str]) -> str:
    """Markdown: the version's line, links to the report and the version, and the command that repeats the run.

    Args:
        experiment_id: of the run.
        version: the version that the run became.
        tags: of the run.
    """
    report = f"#/experiments/{experiment_id}/runs/{version.run_id}/artifacts/{REPORT.as_posix()}"
    page = f"#/models/{MODEL}/versions/{version.number}"
    lines = [
        f"{of_version(version.tags)}.",
        f"[Report]({report}) · [version {version.number}]({page})",
    ]
    command = _command(tags)
    return "\n\n".join([*lines, f"To repeat it: `{command}`" if command else ""]).strip()


def lineage(store: Store, version: Version) -> dict[str, str]:
    """Where a version comes from, as its run has it: settings, hashes, device. Empty where the run is gone."""
    tags = run_tags(store, version.run_id) or {}
    return {name: tags[name] for name in _LINEAGE if name in tags}


def _scores(tags: Mapping[str, str]) -> str:
    if "psnr" not in tags:
        return ""
    psnr = float(tags["psnr"])
    over = f" ({psnr - float(tags['noisy_psnr']):+.1f})" if "noisy_psnr" in tags else ""
    return f"{psnr:.2f} dB{over}"


def _fate(tags: Mapping[str, str]) -> str:
    if "rolled_back_at" in tags:
        return f"was champion, rolled back to {tags.get('rolled_back_to', '?')}"
    over = tags.get("promoted_over")
    if over is not None:
        return "first champion" if over == "none" else f"champion in place of {over}"
    return "refused by the gate" if tags.get("gate") == "refused" else ""


def _command(tags: Mapping[str, str]) -> str:
    commit = tags.get("git_commit", "unknown")
    if commit == "unknown":
        return ""
    settings = "".join(f" -S {shlex.quote(setting)}" for setting in shlex.split(tags.get(SETTINGS, "")))
    return f"git checkout {commit[:10]} && " + (f"dvc exp run{settings}" if settings else "dvc repro")
