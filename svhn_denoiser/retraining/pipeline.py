"""DVC as a retraining uses it: what changed, restore, run, push, read what another commit made.

In this process rather than as a command, so that a remote can be chosen for one call, and each answer is a value.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from dvc.api import read
from dvc.dependency import ParamsDependency
from dvc.exceptions import CheckoutError, DvcException
from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotSupported
from dvc.stage.loader import StageLoader
from ruamel.yaml import YAML

from svhn_denoiser.credentials import masked
from svhn_denoiser.dotted import differences, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining.output import StageOutput, on_standard_error
from svhn_denoiser.retraining.result import StageOutcome

LOCK_FILE = "dvc.lock"
PARAMS = "params.yaml"


class Pipeline:
    """The graph of dvc.yaml in the working folder, which is its root.

    Args:
        remote: name of a remote; None for the default one.

    Raises:
        DenoiserError: there is no such remote, or dvc.yaml, dvc.lock or DVC's settings cannot be read.
    """

    def __init__(self, remote: str | None = None) -> None:
        with _explained():
            self.repo = Repo(".", remote=remote)
            self.remote: str | None = self.repo.config["core"].get("remote")
            known = self.repo.config["remote"]
            if self.remote is not None and self.remote not in known:
                there = ", ".join(known) or "none"
                raise DenoiserError(
                    f"there is no DVC remote {self.remote}; there are: {there}. Add it with `dvc remote add`."
                )
            self.order = [stage.addressing for stage in self._stages()]
        self.output = StageOutput()
        # whether what the remote does not give is made here instead
        self.makes_do = False
        self.read_only = False

    def forget_remote(self) -> None:
        """Work without the remote from now on."""
        self.remote = None

    def reach_remote(self) -> None:
        """Fetch the run cache: what was made from what, by anybody who pushed it.

        Raises:
            DenoiserError: the remote cannot be read.
        """
        if self.remote is None:
            return
        try:
            with on_standard_error(self.output), suppress(RunCacheNotSupported):
                self.repo.stage_cache.pull(None)
        except Exception as error:  # each kind of remote raises errors of its own
            raise DenoiserError(
                f"the DVC remote {self.remote} cannot be read: {_reason(error)} "
                f"Its credentials come from the environment: see docs/remote.md."
            ) from error

    def changes(self, settings: Mapping[str, Any], lock: str | None = None) -> dict[str, list[str]]:
        """Why stages are no longer what dvc.lock says, for each that changed itself.

        What lies in the working folder as their outputs does not matter: it can be restored.

        Args:
            settings: the tree of params.yaml, perhaps with other values than the file has.
            lock: a text to go by in the place of dvc.lock's.
        """
        with _explained():
            self.repo.close()
            self.repo = Repo(".", remote=self.remote)  # DVC reads settings and dvc.lock once
            stages = self._stages()
            if lock is not None:
                _go_by(lock, stages)
            made = {out.fs_path: out for stage in stages for out in stage.outs}
            reasons = {stage.addressing: list(_reasons(stage, made, settings)) for stage in stages}
        return {stage: why for stage, why in reasons.items() if why}

    def affected(self, changed: Iterable[str]) -> list[str]:
        """These stages and all that depend on them, in the order in which they run."""
        found = set(changed)
        for stage in self._stages():
            if any(maker.addressing in found for maker in self.repo.index.graph.successors(stage)):
                found.add(stage.addressing)
        return [stage for stage in self.order if stage in found]

    def watched(self, files: Iterable[str]) -> list[str]:
        """Those of these files and folders that stages depend on, or that hold what they depend on."""
        root = Path(self.repo.root_dir)
        deps = {Path(dep.fs_path) for stage in self._stages() for dep in stage.deps}
        return [
            file
            for file in files
            if any((root / file).is_relative_to(dep) or dep.is_relative_to(root / file) for dep in deps)
            and not self.repo.dvcignore.is_ignored_file(str(root / file))
        ]

    def restore(self, path: str) -> bool:
        """Bring an output into the working folder, from the cache or the remote; False where it is nowhere.

        Raises:
            DenoiserError: the remote broke off.
        """
        with _explained(), on_standard_error(self.output):
            return any(self._restore(out) for stage in self._stages() for out in stage.outs if out.def_path == path)

    def restore_inputs(self, stages: Iterable[str]) -> list[str]:
        """Bring what these stages read and others make into the working folder, from the cache or the remote.

        Always whole outputs: DVC takes half a folder for a changed one.

        Returns:
            These stages and those that have to run too, as what they once made is nowhere.

        Raises:
            DenoiserError: the remote broke off.
        """
        needed = self.affected(stages)
        with _explained(), on_standard_error(self.output):
            while missing := self._not_restored(needed):
                needed = self.affected({*needed, *missing})
        return needed

    def run(self, stages: Iterable[str], *, force: bool = False) -> dict[str, StageOutcome]:
        """Run stages, in their order, each only if DVC finds that it must; what was run before is restored.

        Their inputs must be there, or be made by an earlier one of them.

        Raises:
            DenoiserError: one fails.
        """
        outcomes: dict[str, StageOutcome] = {}
        self.output.ran.clear()
        self.output.last.clear()
        os.environ.setdefault("PYTHONUNBUFFERED", "1")  # each line of a stage when it is printed
        names = list(stages)
        try:
            with on_standard_error(self.output):
                # single items: what is not among them is not looked at, and may be missing
                done = self.repo.reproduce(names, single_item=True, pull=self.remote is not None, force=force)
        except DvcException as error:
            raise DenoiserError(self.output.error() or _reason(error)) from error
        handled = {stage.addressing for stage in done}
        for name in names:
            if name in self.output.ran:
                outcomes[name] = "ran"
            else:
                outcomes[name] = "restored" if name in handled else "unchanged"
        return outcomes

    def push(self, stages: Iterable[str] | None = None) -> None:
        """Send what these stages made, or all of them, and the run cache to the remote.

        First the files, then the notes of what was made from what: a note whose files are missing helps nobody.

        Raises:
            DenoiserError: the remote takes nothing.
        """
        if self.remote is None or self.read_only:
            return
        try:
            with on_standard_error(self.output):
                self.repo.push(targets=None if stages is None else list(stages))
                with suppress(RunCacheNotSupported):
                    self.repo.stage_cache.push(None)
        except Exception as error:  # each kind of remote raises errors of its own
            raise DenoiserError(
                f"the DVC remote {self.remote} takes nothing: {_reason(error)} What was trained is in this checkout's "
                f"cache: the same command goes on from it. Credentials come from the environment: see docs/remote.md."
            ) from error

    def read(self, path: str, commit: str) -> dict[str, Any] | None:
        """A JSON file that a commit's pipeline made, from the cache or the remote; None where it is nowhere."""
        config = {"core": {"remote": self.remote}} if self.remote is not None else None
        try:
            content: dict[str, Any] = json.loads(read(path, rev=commit, config=config))
        except Exception:  # the commit is older than the file, or the remote has lost it
            return None
        return content

    def _stages(self) -> list[Any]:
        graph = self.repo.index.graph
        return list(TopologicalSorter({stage: set(graph.successors(stage)) for stage in graph}).static_order())

    def _not_restored(self, stages: list[str]) -> set[str]:
        missing = set()
        for stage in self._stages():
            for maker in self.repo.index.graph.successors(stage) if stage.addressing in stages else ():
                used = (out for out in maker.outs if any(_within(dep, out) for dep in stage.deps))
                if maker.addressing not in stages and not all(self._restore(out) for out in used):
                    missing.add(maker.addressing)
        return missing

    def _restore(self, out: Any) -> bool:
        if not out.hash_info:
            return False
        if not out.status():
            return True
        try:
            if self.remote is not None:
                self.repo.pull(out.def_path, force=True)
            else:
                self.repo.checkout(out.def_path, force=True)
        except CheckoutError:
            return False
        except Exception as error:  # each kind of remote raises errors of its own
            if self.makes_do:
                return False
            raise DenoiserError(f"the DVC remote {self.remote} broke off: {_reason(error)} Try again.") from error
        return True


def locked_settings(lock: str) -> dict[str, Any]:
    """The settings that results were made with, by dotted name.

    Args:
        lock: the text of dvc.lock.
    """
    found: dict[str, Any] = {}
    for stage in (YAML(typ="safe", pure=True).load(lock) or {}).get("stages", {}).values():
        found |= flat(stage.get("params", {}).get(PARAMS, {}))
    return found


def _go_by(lock: str, stages: Iterable[Any]) -> None:
    locked = (YAML(typ="safe", pure=True).load(lock) or {}).get("stages", {})
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
                yield f"{key}: {_shown(old)} → {_shown(new)}"
        elif (out := made.get(dep.fs_path)) is not None:
            # as after a merge of two versions of dvc.lock
            if dep.hash_info != out.hash_info:
                yield f"{dep.def_path} is another one than it was made from"
        elif not any(_within(dep, out) for out in made.values()):
            for path, how in dep.status().items():
                yield f"{path} {_HOW.get(how, how)}"


_HOW = {"modified": "changed", "new": "is new", "deleted": "is gone"}


def _within(dep: Any, out: Any) -> bool:
    return bool(dep.fs_path == out.fs_path or dep.fs_path.startswith(out.fs_path + os.sep))


def _lookup(tree: Mapping[str, Any], key: str) -> Any:
    node: Any = tree
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _reason(error: BaseException) -> str:
    # DVC wraps what really happened
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause).strip() or type(cause).__name__
        if not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    text = masked(": ".join(parts))
    return text if text.endswith(".") else f"{text}."


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DvcException as error:
        raise DenoiserError(f"DVC says: {_reason(error)}") from error
