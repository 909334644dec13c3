"""DVC as a retraining uses it: the graph, restore, run, push, read what another commit made.

In this process rather than as a command, so that a remote can be chosen for one call, and each answer is a value. Most
of what is used here and in `changes.py` is DVC's inside (`Repo.index`, `Repo.stage_cache`, `Stage.changed_stage`,
`StageLoader`, `hash_info`, the texts of its log) and promised by nobody: pyproject.toml pins DVC to the minor version
that it was seen with. For the next one, run tests/retraining and tests/pipeline, then move the pin.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from dvc.api import read
from dvc.exceptions import CheckoutError, DvcException
from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotSupported

from svhn_denoiser.causes import reason
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.paths import DVC_LOCK
from svhn_denoiser.retraining.output import StageOutput, on_standard_error
from svhn_denoiser.retraining.result import StageOutcome
from svhn_denoiser.tracking.lineage import LOCK_REMEDY

_IGNORED = f"`git check-ignore --verbose {DVC_LOCK}` tells by which file: add the line !{DVC_LOCK} there."

# stages that a retraining treats in ways of their own
TRAIN, REGISTER = "train", "register"


class Pipeline:
    """The graph of dvc.yaml in the working folder, which is its root.

    Args:
        remote: name of a remote; None for the default one.

    Raises:
        DenoiserError: there is no such remote, or dvc.yaml, dvc.lock or DVC's settings cannot be read.
    """

    def __init__(self, remote: str | None = None) -> None:
        with explained():
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

    def read_again(self) -> list[Any]:
        """DVC's stages, in the order in which they run, as dvc.yaml and dvc.lock have them now.

        Raises:
            DvcException: one of the two cannot be read; see `explained`.
        """
        self.repo.close()
        self.repo = Repo(".", remote=self.remote)  # DVC reads settings and dvc.lock once
        return self._stages()

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
                f"the DVC remote {self.remote} cannot be read: {reason(error)} "
                f"Its credentials come from the environment: see docs/remote.md."
            ) from error

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

    def restore(self, path: Path, *, or_make: bool = False) -> bool:
        """Bring an output into the working folder, from the cache or the remote; False where it is nowhere.

        Args:
            path: of the output.
            or_make: whether a remote that breaks off counts as one that does not have it.

        Raises:
            DenoiserError: the remote broke off.
        """
        with explained(), on_standard_error(self.output):
            outs = (out for stage in self._stages() for out in stage.outs if out.def_path == path.as_posix())
            return any(self._restore(out, or_make) for out in outs)

    def restore_inputs(self, stages: Iterable[str], *, or_make: bool = False) -> list[str]:
        """Bring what these stages read and others make into the working folder, from the cache or the remote.

        Always whole outputs: DVC takes half a folder for a changed one.

        Args:
            stages: that are to run.
            or_make: whether what a remote that breaks off does not give is made here instead.

        Returns:
            These stages and those that have to run too, as what they once made is nowhere.

        Raises:
            DenoiserError: the remote broke off.
        """
        needed = self.affected(stages)
        with explained(), on_standard_error(self.output):
            while missing := self._not_restored(needed, or_make):
                needed = self.affected({*needed, *missing})
        return needed

    def run(
        self, stages: Iterable[str], *, environment: Mapping[str, str] | None = None, force: bool = False
    ) -> dict[str, StageOutcome]:
        """Run stages, in their order, each only if DVC finds that it must; what was run before is restored.

        Their inputs must be there, or be made by an earlier one of them.

        Args:
            stages: by name.
            environment: variables that their commands get besides those of this process.
            force: whether they run though nothing changed.

        Raises:
            DenoiserError: one fails.
        """
        outcomes: dict[str, StageOutcome] = {}
        self.output.ran.clear()
        self.output.last.clear()
        # each line of a stage when it is printed
        theirs = {"PYTHONUNBUFFERED": "1", **(environment or {})}
        names = list(stages)
        try:
            with on_standard_error(self.output):
                # single items: what is not among them is not looked at, and may be missing
                pull = self.remote is not None
                done = self.repo.reproduce(names, single_item=True, pull=pull, force=force, run_env=theirs)
        except DvcException as error:
            raise DenoiserError(self.output.error() or reason(error)) from error
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
        if self.remote is None:
            return
        try:
            with on_standard_error(self.output):
                self.repo.push(targets=None if stages is None else list(stages))
                with suppress(RunCacheNotSupported):
                    self.repo.stage_cache.push(None)
        except Exception as error:  # each kind of remote raises errors of its own
            raise DenoiserError(
                f"the DVC remote {self.remote} takes nothing: {reason(error)} What was trained is in this checkout's "
                f"cache: the same command resumes from it. Credentials come from the environment: see docs/remote.md."
            ) from error

    def read(self, path: Path, commit: str) -> dict[str, Any] | None:
        """A JSON file that a commit's pipeline made, from the cache or the remote; None where it is nowhere."""
        config = {"core": {"remote": self.remote}} if self.remote is not None else None
        try:
            content: dict[str, Any] = json.loads(read(path.as_posix(), rev=commit, config=config))
        except Exception:  # the commit is older than the file, or the remote has lost it
            return None
        return content

    def _stages(self) -> list[Any]:
        graph = self.repo.index.graph
        return list(TopologicalSorter({stage: set(graph.successors(stage)) for stage in graph}).static_order())

    def _not_restored(self, stages: list[str], or_make: bool) -> set[str]:
        missing = set()
        for stage in self._stages():
            for maker in self.repo.index.graph.successors(stage) if stage.addressing in stages else ():
                used = (out for out in maker.outs if any(within(dep, out) for dep in stage.deps))
                if maker.addressing not in stages and not all(self._restore(out, or_make) for out in used):
                    missing.add(maker.addressing)
        return missing

    def _restore(self, out: Any, or_make: bool) -> bool:
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
            if or_make:
                return False
            raise DenoiserError(f"the DVC remote {self.remote} broke off: {reason(error)} Try again.") from error
        return True


def within(dep: Any, out: Any) -> bool:
    """Whether a stage's dependency is, or lies in, another stage's output."""
    return bool(dep.fs_path == out.fs_path or dep.fs_path.startswith(out.fs_path + os.sep))


@contextmanager
def explained() -> Iterator[None]:
    """Turn what DVC raises in this block into an error for people.

    Raises:
        DenoiserError: DVC cannot do it.
    """
    try:
        yield
    except NotImplementedError as error:  # a name of a hash that DVC does not know
        raise DenoiserError(f"{DVC_LOCK}: is damaged. {LOCK_REMEDY}") from error
    except (DvcException, OSError, UnicodeEncodeError) as error:
        text = reason(error)
        ignored = "is git-ignored" in text  # often by *.lock in a list of one's own for all repositories
        remedy = f" {_IGNORED if ignored else LOCK_REMEDY}" if f"{DVC_LOCK}' " in text else ""
        raise DenoiserError(_about_a_file(error) or f"DVC says: {text}{remedy}") from error


def _about_a_file(error: BaseException | None) -> str | None:
    # what DVC says of these names the rule that was broken, and not always the file that broke it
    while error is not None:
        if isinstance(error, UnicodeEncodeError):
            return f"{error.object}: its name is not UTF-8, and DVC keeps no such file. Rename it."
        if isinstance(error, FileNotFoundError) and Path(error.filename or "").is_symlink():
            return f"{error.filename}: is a link to nothing. Mend it, or delete it."
        error = error.__cause__
    return None
