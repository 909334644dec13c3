"""A retraining, step by step, from what changed to the verdict."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json
from svhn_denoiser.paths import DVC_LOCK, IMAGES, METRICS, PARAMS, RUN
from svhn_denoiser.retraining import (
    changes,
    checkout,
    chosen_settings,
    leftovers,
    processes,
    registry_access,
    undo,
    verdict,
)
from svhn_denoiser.retraining.changes import Findings
from svhn_denoiser.retraining.chosen_settings import Candidate
from svhn_denoiser.retraining.comment import headline
from svhn_denoiser.retraining.pipeline import Pipeline
from svhn_denoiser.retraining.remote import Remote
from svhn_denoiser.retraining.result import Outcome, Result
from svhn_denoiser.retraining.sweep import Sweep


@dataclass(frozen=True)
class Options:
    """What a retraining is asked to do.

    Attributes:
        chosen: settings for it, as `KEY=VALUE` or `KEY=A,B`.
        dry_run: only say what would run.
        report_only: leave the registry alone.
        base: the commit to compare with; None for the usual one.
        commit: commit dvc.lock, and params.yaml where settings were chosen.
        remote: a DVC remote; None for the default one.
    """

    chosen: tuple[str, ...] = ()
    dry_run: bool = False
    report_only: bool = False
    base: str | None = None
    commit: bool = False
    remote: str | None = None


def retrain(options: Options, result: Result, say: Callable[[str], None]) -> None:
    """Do the whole job in the working folder, which is the root of the repository.

    Args:
        options: what is asked for.
        result: filled in on the way, so that it shows how far a failed retraining got.
        say: called with what is being done.

    Raises:
        DenoiserError: it failed; nothing was promoted, unless the result says so.
        WrongUsageError: the options make no sense.
    """
    began = time.monotonic()
    try:
        combined = chosen_settings.combinations(options.chosen)
        result.report_only = options.report_only
        if options.dry_run:
            # a dry run changes nothing, so it can look on while another retraining works
            _look_only(options, combined, result)
            return
        with checkout.alone(say), processes.none_outlives():
            leftovers.unlock_git(say)
            undo.put_back(say)
            leftovers.mend_lock(say)
            pipeline, candidates, findings = _look(options, combined, result)
            leftovers.forget_the_dead(pipeline, say)
            if options.commit:
                _refuse_loose_changes(pipeline)
            if findings.retrain:
                _work(options, pipeline, candidates, findings, result, say)
            else:
                result.outcome = Outcome.NOTHING_TO_DO
                result.notes += [] if options.report_only else registry_access.reminders()
                _record(options, result)
    finally:
        result.seconds = round(time.monotonic() - began, 1)


def _look_only(options: Options, combined: list[dict[str, Any]], result: Result) -> None:
    pipeline, _, findings = _look(options, combined, result)
    for stage in pipeline.affected(result.changes):
        result.changes.setdefault(stage, ["its inputs change"])
    if not result.changes and findings.unfinished:
        result.reasons = ["An earlier run's results were not yet pushed, reported and recorded."]
    # nobody waits for a training that the server then takes nothing of
    if findings.retrain and (refused := registry_access.problem(options.report_only, to_be_committed=options.commit)):
        result.reasons = [*result.reasons, f"The retraining would be refused: {refused}"]
    result.outcome = Outcome.WOULD_RUN if findings.retrain else Outcome.NOTHING_TO_DO


def _look(
    options: Options, combined: list[dict[str, Any]], result: Result
) -> tuple[Pipeline, list[Candidate], Findings]:
    candidates = chosen_settings.candidates(undo.text_after(PARAMS) or "", combined)
    result.commit = checkout.head()
    result.base = checkout.base(options.base)
    pipeline = Pipeline(options.remote)
    findings = changes.look(pipeline, candidates, result.base, ask_registry=not options.report_only)
    result.changes = {stage: list(why) for stage, why in findings.stages.items()}
    result.params_changed = changes.of_settings(result.base, candidates[-1])
    return pipeline, candidates, findings


def _work(
    options: Options,
    pipeline: Pipeline,
    candidates: Sequence[Candidate],
    findings: Findings,
    result: Result,
    say: Callable[[str], None],
) -> None:
    def note(sentence: str) -> None:
        result.notes.append(sentence)
        say(sentence)

    access = registry_access.access(result.report_only, to_be_committed=options.commit)
    result.report_only = access.report_only
    if access.note:
        note(access.note)
    remote = Remote(pipeline, report_only=result.report_only, say=say, note=note)
    remote.reach()
    if result.base is not None:
        result.base_metrics = pipeline.read(METRICS, result.base)
    with ExitStack() as stack:
        texts = [candidate.text for candidate in candidates]
        keep = stack.enter_context(undo.settings_put_back(texts)) if options.chosen else None
        sweep = Sweep(pipeline, remote, candidates, environment=access.environment, result=result, say=say)
        best = sweep.train_best()
        _describe(result, candidates[best], findings.of_candidates[best])
        verdict.reach(pipeline, access, result, say, changed=bool(findings.stages))
        if result.outcome is Outcome.WAITING and options.chosen and options.commit:
            note("The settings are committed by the same command once that version is promoted.")
        remote.push("the results")
        # in the block: settings that could not be committed are put back, and the same command goes on
        _record(options, result)
        if keep is not None:
            keep.asked = _settings_stay(result)
    undo.note_finished()


def _describe(result: Result, candidate: Candidate, changed: dict[str, list[str]]) -> None:
    result.metrics = read_json(METRICS)
    result.run_id = read_json(RUN, {"run_id": str})["run_id"]
    result.pictures = [str(picture) for picture in sorted(IMAGES.glob("*.png"))]
    result.changes = {stage: list(why) for stage, why in changed.items()} or result.changes
    result.params_changed = changes.of_settings(result.base, candidate)


def _settings_stay(result: Result) -> bool:
    # also where an earlier machine promoted it and stopped: the champion's settings have to be in some commit
    return not result.report_only and result.is_champion


def _refuse_loose_changes(pipeline: Pipeline) -> None:
    changed, new = checkout.changed_files()
    # a new file that no stage depends on, such as a note or a log of CI, is in no hash of dvc.lock
    loose = sorted({*changed, *pipeline.watched(new)} - {str(DVC_LOCK)})
    if loose:
        raise DenoiserError(
            f"--commit: {', '.join(loose)} differ from the commit. Commit them first: {DVC_LOCK} says what was made "
            f"of what is committed."
        )


def _record(options: Options, result: Result) -> None:
    if not options.commit:
        return
    files = [str(DVC_LOCK)]
    if options.chosen:
        if not _settings_stay(result):
            return
        files.append(str(PARAMS))
    if not any(checkout.differs("HEAD", file) for file in files):
        return
    try:
        checkout.commit_files(files, f"Record a retraining\n\n{headline(result)}\n")
    except DenoiserError as error:
        raise DenoiserError(
            f"{' and '.join(files)} could not be committed: {error}\n"
            f"Mend that, and run the same command again: it goes on from here."
        ) from error
