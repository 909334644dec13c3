"""What the register stage does: score the model beside the champion, register it, and let the gate decide."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.scores import Denoiser, Scores, score_denoised, score_pairs
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params
from svhn_denoiser.registry import gate, promotion, versions
from svhn_denoiser.registry.gate import Decision, Rival
from svhn_denoiser.registry.promotion import ChampionChangedError
from svhn_denoiser.registry.versions import Version
from svhn_denoiser.tracking.lineage import lineage
from svhn_denoiser.tracking.runs import ensure_run, log_report, log_scores
from svhn_denoiser.tracking.store import Store, connect, explained

if TYPE_CHECKING:
    import keras


# who promotes, in the tags of a version
_GATE = "gate"


@dataclass(frozen=True)
class Trained:
    """A trained model and what is known of it: what the stages before this one left.

    Attributes:
        model_file: as Keras saved it.
        run_id: the MLflow run that trained it.
        data_source: what it was trained on, as data/raw/source.json has it.
        scores: reports/metrics.json.
    """

    model_file: Path
    run_id: str
    data_source: str
    scores: Mapping[str, Any]


def register(params: Params, trained: Trained, test: Pairs, reports: Path) -> dict[str, Any]:
    """Register a model as challenger and make it champion if the gate lets it.

    The same run and model register once, however often this is called; an interrupted call is completed by the next.

    Args:
        params: all settings; the gate's thresholds among them.
        trained: the model.
        test: the pairs that champion and challenger are scored on.
        reports: a folder that is attached to the run.

    Returns:
        What was decided and why, for reports/registration.json.

    Raises:
        DenoiserError: the store cannot be reached, or a model cannot be loaded.
    """
    model = load_model(trained.model_file)
    sha256 = versions.sha256_of(trained.model_file)
    store = connect()
    with explained(store):
        run_id = ensure_run(store, trained.run_id)
        log_scores(store, run_id, trained.scores)
        log_report(store, run_id, reports)
        tags = _tags(store, run_id, params, trained)
        version = versions.add(store, model, sha256=sha256, run_id=run_id, tags=tags)
        scores = score_pairs(test, _denoiser(model))
        before, decision = _decide_and_promote(store, params, version, scores, test)
        if before is None or before.number != version.number:
            outcome = "passed" if decision.promoted else "refused"
            versions.note(store, version, {"gate": outcome, "gate_reason": " ".join(decision.reasons)})
        after = versions.champion(store)
    return {"version": version.number, "run_id": run_id, **_verdict(params, decision, before, after)}


def would_decide(params: Params, trained: Trained, test: Pairs, *, ask_registry: bool = True) -> dict[str, Any]:
    """What the gate would decide; nothing is registered, and nothing in the registry changes.

    Args:
        params: all settings; the gate's thresholds among them.
        trained: the model.
        test: the pairs that champion and challenger are scored on.
        ask_registry: whether it is asked for the champion; otherwise the gate decides as if there were none.

    Returns:
        What :func:`register` does, without version and run.

    Raises:
        DenoiserError: the store cannot be reached, or a model cannot be loaded.
    """
    model = load_model(trained.model_file)
    tags = {**_description(trained), "sha256": versions.sha256_of(trained.model_file)}
    scores = score_pairs(test, _denoiser(model))
    store = connect(create=False) if ask_registry else None
    with nullcontext() if store is None else explained(store):
        champion = None if store is None else versions.champion(store)
        decision = _decide(store, params, tags, champion, scores, test)
    return _verdict(params, decision, champion, champion)


def _verdict(params: Params, decision: Decision, before: Version | None, after: Version | None) -> dict[str, Any]:
    return {
        "model": versions.MODEL,
        "champion_before": before.number if before else None,
        "champion_after": after.number if after else None,
        "gate": params.register_.gate.model_dump(),
        **{key: _json_number(value) for key, value in asdict(decision).items()},
    }


def _decide_and_promote(
    store: Store, params: Params, version: Version, scores: tuple[Scores, Scores], test: Pairs
) -> tuple[Version | None, Decision]:
    while True:
        champion = versions.champion(store)
        if champion is not None and champion.number == version.number and _unfinished(champion):
            over = champion.tags["promoted_over"]
            known = {str(other.number): other for other in versions.versions(store)}
            reasons = (champion.tags["promotion_reason"],)
            return known.get(over), Decision(True, reasons, len(test), _psnr_over_noisy(scores))
        decision = _decide(store, params, version.tags, champion, scores, test)
        if not decision.promoted:
            return champion, decision
        try:
            promotion.promote(store, version, over=champion, by=_GATE, reason=" ".join(decision.reasons))
        except ChampionChangedError:
            # somebody else was faster: it is their model that must be beaten now
            continue
        return champion, decision


def _unfinished(champion: Version) -> bool:
    # promoted by a call that was killed before it could note the verdict
    return "gate" not in champion.tags and champion.tags.get("promoted_by") == _GATE


def _decide(
    store: Store | None,
    params: Params,
    tags: Mapping[str, str],
    champion: Version | None,
    scores: tuple[Scores, Scores],
    test: Pairs,
) -> Decision:
    noisy, challenger = scores
    no_comparison = Decision(False, (), len(test), _psnr_over_noisy(scores))
    if champion is not None and champion.tags.get("sha256") == tags["sha256"]:
        same = f"It is the champion's model (version {champion.number}), byte for byte: there is nothing to do."
        return _because(no_comparison, same)
    known = [] if store is None else versions.versions(store)
    left = next((version for version in known if _rolled_back(version, tags["sha256"])), None)
    if left is not None:
        reason = left.tags.get("rolled_back_reason", "")
        return _because(
            no_comparison,
            f"This model was champion as version {left.number} and was rolled back on {left.tags['rolled_back_at']} "
            f"({reason}): only a person makes it champion again, with `svhn-denoiser registry promote`.",
        )
    rival = None if store is None or champion is None else _rival(store, champion, test)
    return gate.decide(
        params.register_.gate,
        noisy=noisy,
        challenger=challenger,
        data_source=tags["data_source"],
        noise=tags["noise"],
        champion=rival,
        samples=params.evaluate.bootstrap_samples,
        seed=params.seed,
    )


def _psnr_over_noisy(scores: tuple[Scores, Scores]) -> float:
    noisy, challenger = scores
    return float(np.mean(challenger.psnr) - np.mean(noisy.psnr))


def _rolled_back(version: Version, sha256: str) -> bool:
    return version.tags.get("sha256") == sha256 and "rolled_back_at" in version.tags


def _because(decision: Decision, reason: str) -> Decision:
    return Decision(decision.promoted, (reason,), decision.pictures, decision.psnr_over_noisy)


def _rival(store: Store, champion: Version, test: Pairs) -> Rival:
    with TemporaryDirectory() as folder:
        uri = f"models:/{versions.MODEL}/{champion.number}"
        try:
            model = load_model(versions.fetch(store, uri, Path(folder)))
        except DenoiserError as error:
            raise DenoiserError(
                f"the champion (version {champion.number}) cannot be compared with: {error} "
                f"Make another version champion with `svhn-denoiser registry promote VERSION`."
            ) from error
        scores = score_denoised(test, _denoiser(model))
        return Rival(champion.number, scores, champion.tags.get("data_source"), champion.tags.get("noise"))


def _denoiser(model: "keras.Model") -> Denoiser:
    return lambda noisy: denoise(model, noisy)


def _tags(store: Store, run_id: str, params: Params, trained: Trained) -> dict[str, str]:
    # the run knows what the training saw; what is here now stands in for it only where the run was restored
    run = store.client.get_run(run_id).data.tags
    names = ("git_commit", "git_dirty", "dvc_experiment", "data_hash", "params_hash", "restored_from")
    seen = {**lineage(params), **run}
    return {**{name: seen[name] for name in names if name in seen}, **_description(trained)}


def _description(trained: Trained) -> dict[str, str]:
    noise = trained.scores["noise"]
    return {
        "data_source": trained.data_source,
        "network": str(trained.scores["network"]),
        "noise": f"{noise['kind']} {noise['strength']}",
        "pictures": str(trained.scores["pictures"]),
        "psnr": repr(trained.scores["denoised"]["psnr"]),
        "ssim": repr(trained.scores["denoised"]["ssim"]),
        "noisy_psnr": repr(trained.scores["noisy"]["psnr"]),
        "noisy_ssim": repr(trained.scores["noisy"]["ssim"]),
    }


def _json_number(value: Any) -> Any:
    # JSON has no NaN
    return None if isinstance(value, float) and not np.isfinite(value) else value
