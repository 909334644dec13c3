"""What people read of a version and of its run in MLflow's interface: a line each, and where to go from there."""

import shlex
from collections.abc import Mapping

from svhn_denoiser.paths import REPORT
from svhn_denoiser.registry import card_file
from svhn_denoiser.registry.events import GATE, NOBODY, REFUSED
from svhn_denoiser.registry.versions import MODEL, Version, came_after_another, find, versions
from svhn_denoiser.tracking import pages
from svhn_denoiser.tracking.runs import known_of_run, run_exists
from svhn_denoiser.tracking.store import Store
from svhn_denoiser.tracking.tags import SETTINGS, number_in

_SOURCES = {
    "svhn": "official SVHN",
    "synthetic": "drawn numbers",
    "mat": "files in SVHN's format",
    "images": "a folder of pictures",
}
# what a run knows of a version, and `registry show` prints
_OF_RUN = (
    *("noisy_psnr", "noisy_ssim", "pictures", "network", "gate_reason", "git_commit", "git_dirty", "settings"),
    *("dvc_experiment", "data_hash", "params_hash", "device", "precision", "restored_from"),
)


def describe(store: Store, number: int) -> None:
    """Say in a version's description and in its run's what it is and what became of it, and on the model's page.

    MLflow shows the one in the table of versions, the other above the run and in the column "Description".
    """
    version = find(store, str(number))
    run = known_of_run(store, version.run_id)
    line = of_version(version, run, first=_is_first(store, version))
    store.client.update_model_version(MODEL, str(number), line)
    if run_exists(store, version.run_id):
        store.client.set_tag(version.run_id, "mlflow.note.content", of_run(store.experiment_id, version, run, line))
        # a column of the table of runs
        store.client.set_tag(version.run_id, GATE, version.tags.get(GATE, "not asked"))
    card_file.show(store)


def of_version(version: Version, run: Mapping[str, str], *, first: bool) -> str:
    """A line: "33.74 dB (+13.5), residual-unet, gaussian 0.1, official SVHN; champion in place of 1".

    Args:
        version: what its tags have; those of earlier releases have all of it.
        run: what `known_of_run` gives; empty where that is gone.
        first: whether it is the first champion, where it is recorded that it replaced none.
    """
    tags = {**run, **version.tags}
    source = tags.get("data_source", "")
    known = [_scores(tags), tags.get("network"), tags.get("noise"), _SOURCES.get(source, source)]
    fate = _fate(version, first)
    return "; ".join(part for part in (", ".join(part for part in known if part), fate) if part)


def of_run(experiment_id: str, version: Version, run: Mapping[str, str], line: str) -> str:
    """Markdown: the version's line, links to the report and the version, and the command that repeats the run.

    Args:
        experiment_id: of the run.
        version: the version that the run became.
        run: what `known_of_run` gives.
        line: what `of_version` gives.
    """
    report = pages.artifact(experiment_id, version.run_id, REPORT.as_posix())
    page = pages.version(MODEL, version.number)
    lines = [
        f"{line}.",
        f"[Report]({report}) · [version {version.number}]({page})",
    ]
    command = repeating(run)
    return "\n\n".join([*lines, f"To repeat it: `{command}`" if command else ""]).strip()


def of_its_run(store: Store, version: Version) -> dict[str, str]:
    """What the run knows of a version: noisy scores, the gate's reasons, settings, hashes. Empty where it is gone."""
    run = known_of_run(store, version.run_id)
    return {name: run[name] for name in _OF_RUN if name in run}


def repeating(run: Mapping[str, str]) -> str:
    """The command that repeats a run, for a shell; empty where its commit is not known.

    Args:
        run: its tags.
    """
    commit = run.get("git_commit", "unknown")
    if commit == "unknown":
        return ""
    settings = "".join(f" -S {shlex.quote(setting)}" for setting in shlex.split(run.get(SETTINGS, "")))
    return f"git checkout {commit[:10]} && " + (f"dvc exp run{settings}" if settings else "dvc repro")


def _scores(tags: Mapping[str, str]) -> str:
    psnr, before = number_in(tags, "psnr"), number_in(tags, "noisy_psnr")
    if psnr is None:
        return ""
    return f"{psnr:.2f} dB" + ("" if before is None else f" ({psnr - before:+.1f})")


def _is_first(store: Store, version: Version) -> bool:
    if version.promotion is None or version.promotion.other != NOBODY:
        return False
    return not came_after_another(version, {each.number: each for each in versions(store)})


def _fate(version: Version, first: bool) -> str:
    if version.rollback is not None:
        return f"was champion, rolled back to {version.rollback.other}"
    if version.promotion is not None:
        over = version.promotion.other
        # one that was deleted, or lost its alias by hand, may have been champion before: nothing is said of that
        return f"champion in place of {over}" if over != NOBODY else "first champion" if first else "champion"
    verdict = version.tags.get(GATE, "")
    return "refused by the gate" if verdict == REFUSED else verdict if verdict.startswith("would") else ""
