"""The report: one self-contained HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from svhn_denoiser.credentials import masked
from svhn_denoiser.dotted import as_text, flat
from svhn_denoiser.noise import read_noise
from svhn_denoiser.report import charts, gallery
from svhn_denoiser.report.charts import Rows
from svhn_denoiser.report.gallery import Exhibit
from svhn_denoiser.report.templates import template


def render(
    metrics: Mapping[str, Any],
    history: Rows,
    noise_levels: Rows,
    noise_kinds: Rows,
    digits: Rows,
    baselines: Rows,
    run: Mapping[str, Any],
    source: Mapping[str, Any],
    exhibits: Sequence[Exhibit] = (),
    worst: str = "",
    model_sha256: str = "",
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Render the report of one run.

    Only `metrics` has to say something: a part that is empty is left out of the page.

    Args:
        metrics: what reports/metrics.json holds.
        history: rows of reports/history.csv; values are numbers, or text that reads as one.
        noise_levels: rows of reports/noise_levels.csv.
        noise_kinds: rows of reports/noise_kinds.csv.
        digits: rows of reports/digits.csv.
        baselines: rows of reports/baselines.csv.
        run: what reports/run.json holds; of its `training`, where it is there, date, commit, hashes and settings.
        source: what data/raw/source.json holds: where the pictures came from.
        exhibits: the pictures to show, the worst first; their versions are noisy, denoised and clean.
        worst: what the worst pictures have in common, in a sentence.
        model_sha256: of the model's file.
        settings: of this evaluation, by section; the training's are in `run`.

    Returns:
        HTML text without a reference to any other file or address, the same for the same arguments.
    """
    network = str(metrics.get("network", "network"))
    return template(Path(__file__).with_name("template.html")).render(
        metrics=metrics,
        network=network,
        noise=_noise(metrics.get("noise", {})),
        history=history,
        best_epoch=max(history, key=lambda row: float(row["validation_psnr"])) if history else None,
        noise_levels=noise_levels,
        noise_kinds=_by_kind(noise_kinds),
        strengths=sorted({float(row["strength"]) for row in noise_kinds}),
        digits=digits,
        baselines=sorted(baselines, key=lambda row: -float(row["psnr"])),
        gallery=gallery,
        pictures=gallery.render(exhibits, left="noisy", right="denoised", reference="clean") if exhibits else "",
        shown=len(exhibits),
        worst=worst,
        charts=_charts(history, noise_levels, _trained(metrics.get("noise", {})), baselines, network),
        **_lineage(run, source, model_sha256, settings or {}),
    )


def _charts(
    history: Rows, noise_levels: Rows, trained: tuple[float, float] | None, baselines: Rows, network: str
) -> dict[str, bytes]:
    drawn = {}
    if history:
        drawn["training"] = charts.training_curve(history)
    if noise_levels:
        drawn["noise_levels"] = charts.noise_levels(noise_levels, trained)
    if baselines:
        drawn["methods"] = charts.methods(baselines, network)
    return drawn


def _by_kind(rows: Rows) -> dict[str, dict[float, Mapping[str, Any]]]:
    """The row of each strength of each kind."""
    table: dict[str, dict[float, Mapping[str, Any]]] = {}
    for row in rows:
        table.setdefault(str(row["kind"]), {})[float(row["strength"])] = row
    return table


def _trained(noise: Mapping[str, Any]) -> tuple[float, float] | None:
    strength = noise.get("strength")
    if strength is None:
        return None
    low, high = strength if isinstance(strength, list | tuple) else (strength, strength)
    return float(low), float(high)


def _noise(noise: Mapping[str, Any]) -> str:
    bounds = _trained(noise)
    if bounds is None:
        return ""
    low, high = bounds
    strength = f"of strength {low:g}" if low == high else f"of strengths from {low:g} to {high:g}"
    kind = str(noise.get("kind", ""))
    return f"{kind} noise {strength}{read_noise(kind, noise.get('read_sigma'))}".strip()


def _lineage(
    run: Mapping[str, Any], source: Mapping[str, Any], model_sha256: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What the page says of where the model comes from."""
    known = dict(run)
    training = known.pop("training", {})
    return {
        "training": training,
        "facts": {"Training": _training(training, model_sha256), "Data": [*_facts(source)], "Run": [*_facts(known)]},
        "changed": _lines(training.get("changed") or {}),
        "settings": _lines({**training.get("settings", {}), **settings}),
    }


def _training(training: Mapping[str, Any], model_sha256: str) -> list[tuple[str, str]]:
    """Date, commit and hashes, as far as they are known."""
    commit = training.get("git_commit")
    if commit and training.get("git_dirty") == "yes":
        commit += ", with changes that were not committed"
    named = {
        "trained": training.get("started"),
        "on": training.get("device"),
        "precision": training.get("precision"),
        "DVC experiment": training.get("dvc_experiment"),
        "commit": commit,
        "data (DVC's hash of data/noisy)": training.get("data_hash"),
        "settings (md5)": training.get("params_hash"),
        "model (sha256)": model_sha256,
    }
    return [(name, masked(str(value))) for name, value in named.items() if value]


def _lines(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, masked(as_text(value))) for name, value in flat(settings).items()]


def _facts(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Name and value of every leaf, names of nested mappings joined."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{prefix}{key} · ")
        elif value is not None:
            yield f"{prefix}{key}", masked(str(value))  # reports are passed around
