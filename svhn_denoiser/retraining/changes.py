"""What changed since dvc.lock was written, and whether that means retraining: where CI decides to retrain."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.stage.loader import StageLoader
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.dotted import as_text, differences, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.paths import DVC_LOCK, PARAMS, REGISTRATION
from svhn_denoiser.retraining import checkout, registry_access, undo
from svhn_denoiser.retraining.chosen_settings import Candidate
from svhn_denoiser.retraining.pipeline import REGISTER, Pipeline, explained, within
from svhn_denoiser.tracking.lineage import locked_settings

_HOW = {"modified": "changed", "new": "is new", "deleted": "is gone"}


@dataclass(frozen=True)
class Findings:
    """What there is to do.

    Attributes:
        of_candidates: for each candidate, by stage that is no longer what dvc.lock says, how it differs from what the
            base was trained with; from dvc.lock where the base was never trained.
        stages: why stages are no longer what dvc.lock says, of all candidates together; where nothing changed, why the
            registration has to run again.
        unfinished: whether an earlier run was stopped before all it made was pushed, reported and recorded.
    """

    of_candidates: tuple[dict[str, list[str]], ...]
    stages: dict[str, list[str]]
    unfinished: bool

    @property
    def retrain(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.stages) or self.unfinished


def look(pipeline: Pipeline, candidates: Sequence[Candidate], base: str | None, *, ask_registry: bool) -> Findings:
    """Decide whether there is anything to retrain, and why.

    There is, where a stage's settings, code or inputs are no longer those of dvc.lock; where an earlier run was stopped
    before it had recorded everything; and where the registry does not have the model that dvc.lock tells of.

    Args:
        pipeline: of the working folder.
        candidates: the settings to retrain with; one unless there is a sweep.
        base: the commit that a report compares with.
        ask_registry: whether the registry is asked where nothing else is to be done.

    Raises:
        DenoiserError: dvc.yaml or dvc.lock cannot be read.
    """
    # what a retraining that was killed left in dvc.lock does not count
    lock = (undo.text_after(DVC_LOCK) or "") if undo.left_behind() else None
    here = [since_lock(pipeline, candidate.tree, lock) for candidate in candidates]
    stages = _together(here)
    unfinished = undo.text_after(DVC_LOCK) != checkout.show("HEAD", str(DVC_LOCK)) and not undo.finished()
    if ask_registry and not stages and not unfinished:
        known = pipeline.read(REGISTRATION, "HEAD")
        if known and (why := registry_access.registered_elsewhere(known)) is not None:
            stages = {REGISTER: [why]}
    return Findings(tuple(_since_base(pipeline, candidates, base, here)), stages, unfinished)


def since_lock(pipeline: Pipeline, settings: Mapping[str, Any], lock: str | None = None) -> dict[str, list[str]]:
    """Why stages are no longer what dvc.lock says, for each that changed itself.

    What lies in the working folder as their outputs does not matter: it can be restored.

    Args:
        pipeline: of the working folder.
        settings: the tree of params.yaml, perhaps with other values than the file has.
        lock: a text to go by in the place of dvc.lock's.

    Raises:
        DenoiserError: dvc.yaml or dvc.lock cannot be read.
    """
    with explained():
        stages = pipeline.read_again()
        if lock is not None:
            _go_by(lock, stages)
        made = {out.fs_path: out for stage in stages for out in stage.outs}
        reasons = {stage.addressing: list(_reasons(stage, made, settings)) for stage in stages}
        if lock is not None:
            pipeline.read_again()
    return {stage: why for stage, why in reasons.items() if why}


def _since_base(
    pipeline: Pipeline, candidates: Sequence[Candidate], base: str | None, here: Sequence[dict[str, list[str]]]
) -> Iterator[dict[str, list[str]]]:
    # dvc.lock may be of an earlier run here, and a report compares everything with the base
    lock = None if base is None else _lock_of(base)
    for candidate, changes in zip(candidates, here, strict=True):
        if lock is None or lock == undo.text_after(DVC_LOCK):
            yield changes
        else:
            since = since_lock(pipeline, candidate.tree, lock)
            yield {stage: since.get(stage, [f"as before; {DVC_LOCK} here was of another run"]) for stage in changes}


def of_settings(base: str | None, candidate: Candidate) -> dict[str, tuple[Any, Any]]:
    """Old and new value of each setting that differs from what the base was trained with."""
    if base is None:
        return {}
    lock, params = _lock_of(base), checkout.show(base, str(PARAMS))
    # what its results were made with, where that is recorded; params.yaml may be ahead of them
    before = flat(_readable(params or "")) | (locked_settings(lock) if lock else {})
    return differences(before, candidate.tree)


def _together(changes: Iterable[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    together: dict[str, list[str]] = {}
    for each in changes:
        for stage, reasons in each.items():
            known = together.setdefault(stage, [])
            known += [reason for reason in reasons if reason not in known]
    return together


def _go_by(lock: str, stages: Iterable[Any]) -> None:
    locked = _tree(lock).get("stages", {})
    for stage in stages:
        known = locked.get(stage.name) or {"cmd": None}
        StageLoader.fill_from_lock(stage, known)
        stage.cmd_changed = known["cmd"] != stage.cmd


def _reasons(stage: Any, made: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    if not any(out.hash_info for out in stage.outs):
        yield "it has not run yet"
        return
    if stage.changed_stage():
        yield "its command in dvc.yaml changed"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            now = {key: _lookup(settings, key) for key in dep.params}
            for key, (old, new) in differences(dep.hash_info.value or {}, now).items():
                yield f"{key}: {as_text(old)} → {as_text(new)}"
        elif (out := made.get(dep.fs_path)) is not None:
            # as after a merge of two versions of dvc.lock
            if dep.hash_info != out.hash_info:
                yield f"it used another version of {dep.def_path}"
        elif not any(within(dep, out) for out in made.values()):
            for path, how in dep.status().items():
                yield f"{path} {_HOW.get(how, how)}"


def _lookup(tree: Mapping[str, Any], key: str) -> Any:
    node: Any = tree
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _lock_of(base: str) -> str | None:
    # one that was committed with the conflicts of a merge records nothing
    lock = checkout.show(base, str(DVC_LOCK))
    try:
        locked_settings(lock or "{}")
    except DenoiserError:
        return None
    return lock


def _readable(text: str) -> dict[str, Any]:
    try:
        tree = _tree(text)
    except YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _tree(text: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(text) or {}
