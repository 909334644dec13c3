"""What the register stage does: register the model as challenger, and make it champion if the gate lets it.

Where `register.promotion` is `ask`, what passes the gate waits for a person.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svhn_denoiser.files import sha256_of
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params
from svhn_denoiser.registry import card_file, events, promotion, versions
from svhn_denoiser.registry.card import Facts, card
from svhn_denoiser.registry.description import describe
from svhn_denoiser.registry.events import Event
from svhn_denoiser.registry.gate import Decision
from svhn_denoiser.registry.judgement import Candidate, judge, score
from svhn_denoiser.registry.promotion import ChampionChangedError
from svhn_denoiser.registry.trained import Trained
from svhn_denoiser.registry.versions import Version
from svhn_denoiser.tracking import views
from svhn_denoiser.tracking.runs import ensure_run, known_of_run, log_report, log_scores, run_exists
from svhn_denoiser.tracking.store import Store, connect, explained
from svhn_denoiser.tracking.tags import of_lineage

if TYPE_CHECKING:
    import keras

# who promotes, in the record of a promotion
_GATE = "gate"
# the tag of a run with what the gate said
_REASONS = "gate_reason"


def register(params: Params, trained: Trained, test: Pairs, reports: Path) -> dict[str, Any]:
    """Register a model as challenger and make it champion if the gate lets it, and nobody has to be asked.

    The same run and model register once, however often this is called; an interrupted call is completed by the next.

    Args:
        params: all settings; the gate's thresholds among them.
        trained: the model.
        test: the pairs that champion and challenger are scored on.
        reports: a folder that is attached to the run.

    Returns:
        What was decided and why, for reports/registration.json. `promoted`: it became champion; `waiting`: it passed
        the gate and waits for a person.

    Raises:
        DenoiserError: the store cannot be reached, or a model cannot be loaded.
    """
    model = load_model(trained.model_file)
    sha256 = sha256_of(trained.model_file)
    store = connect()
    with explained(store):
        run_id = ensure_run(store, trained.run_id)
        log_scores(store, run_id, trained.scores)
        log_report(store, run_id, reports)
        _complete(store, run_id, of_lineage(params) | trained.facts())
        version = versions.add(store, model, sha256=sha256, run_id=run_id, tags=trained.tags())
        if version.run_id == run_id:
            card_file.attach(store, version, card(_facts(store, version, trained, model)))
        before, decision = _decide_and_promote(store, params, version, score(model, test))
        after = versions.champion(store)
        waiting = _waits(params, decision) and (after is None or after.number != version.number)
        if before is None or before.number != version.number:
            passed = events.waits(before.number if before else None) if waiting else events.PASSED
            versions.tag(store, version.number, {events.GATE: passed if decision.promoted else events.REFUSED})
        describe(store, version.number)
    views.refresh(store)
    result = {"version": version.number, "run_id": run_id, **_verdict(params, decision, before, after)}
    if waiting:
        ask = f"It waits for a person: `svhn-denoiser registry promote {version.number} --reason WHY`."
        result |= {"promoted": False, "waiting": True, "reasons": (*decision.reasons, ask)}
    return result


def in_words(registration: Mapping[str, Any]) -> str:
    """What `register` returned, as lines for people."""
    number = registration["version"]
    title = "is champion" if registration["champion_after"] == number else "is no champion"
    title = "passed the gate" if registration["waiting"] else title
    return "\n".join([f"version {number} {title}:", *(f"  {reason}" for reason in registration["reasons"])])


def would_decide(params: Params, trained: Trained, test: Pairs, *, ask_registry: bool = True) -> dict[str, Any]:
    """What the gate would decide; nothing is registered, and nothing in the registry changes.

    Args:
        params: all settings; the gate's thresholds among them.
        trained: the model.
        test: the pairs that champion and challenger are scored on.
        ask_registry: whether it is asked for the champion; otherwise the gate decides as if there were none.

    Returns:
        What `register` does, without version and run.

    Raises:
        DenoiserError: the store cannot be reached, or a model cannot be loaded.
    """
    candidate = score(load_model(trained.model_file), test)
    tags = trained.tags() | {"sha256": sha256_of(trained.model_file)}
    store = connect(create=False) if ask_registry else None
    with nullcontext() if store is None else explained(store):
        champion = None if store is None else versions.champion(store)
        decision = judge(params, candidate, tags, champion, store)
    result = _verdict(params, decision, champion, champion)
    return result | {"promoted": False, "waiting": True} if _waits(params, decision) else result


def _decide_and_promote(
    store: Store, params: Params, version: Version, candidate: Candidate
) -> tuple[Version | None, Decision]:
    # the champion before, and what was decided
    while True:
        champion = versions.champion(store)
        promoted = _without_verdict(champion, version)
        if promoted is not None:
            known = {str(other.number): other for other in versions.versions(store)}
            reasons = known_of_run(store, version.run_id).get(_REASONS, promoted.reason)
            return known.get(promoted.other), candidate.without_comparison(True, reasons)
        decision = judge(params, candidate, version.tags, champion, store)
        if champion is None or champion.number != version.number:
            _note(store, version, decision)
        if not decision.promoted or _waits(params, decision):
            return champion, decision
        try:
            promotion.promote(store, version, over=champion, by=_GATE, reason=decision.in_short)
        except ChampionChangedError:
            # another version became champion first: compare with that one
            continue
        return champion, decision


def _facts(store: Store, version: Version, trained: Trained, model: "keras.Model") -> Facts:
    return Facts(
        number=version.number,
        created=version.created,
        sha256=version.tags["sha256"],
        parameters=model.count_params(),
        run_id=version.run_id,
        run=known_of_run(store, version.run_id),
        trained=trained,
    )


def _waits(params: Params, decision: Decision) -> bool:
    return decision.promoted and params.register_.promotion == "ask"


def _without_verdict(champion: Version | None, version: Version) -> Event | None:
    # the promotion by a call that was killed before it could note the verdict
    if champion is None or champion.number != version.number or events.GATE in champion.tags:
        return None
    return champion.promotion if champion.promotion and champion.promotion.by == _GATE else None


def _note(store: Store, version: Version, decision: Decision) -> None:
    # sentences with figures, too long for the table of versions
    if run_exists(store, version.run_id):
        store.client.set_tag(version.run_id, _REASONS, " ".join(decision.reasons))


def _complete(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    # the run knows what the training saw; what is here now stands in for it only where the run was restored
    known = known_of_run(store, run_id)
    for name, value in tags.items():
        if name not in known:
            store.client.set_tag(run_id, name, value)


def _verdict(params: Params, decision: Decision, before: Version | None, after: Version | None) -> dict[str, Any]:
    return {
        "model": versions.MODEL,
        "champion_before": before.number if before else None,
        "champion_after": after.number if after else None,
        "gate": params.register_.gate.model_dump(),
        "waiting": False,
        **{key: _json_number(value) for key, value in asdict(decision).items()},
    }


def _json_number(value: Any) -> Any:
    # JSON has no NaN
    return None if isinstance(value, float) and not np.isfinite(value) else value
