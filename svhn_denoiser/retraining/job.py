"""The order of a retraining, from what changed to the verdict."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from ruamel.yaml import YAML

from svhn_denoiser import params as settings
from svhn_denoiser.dotted import differences, flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_csv, read_json
from svhn_denoiser.retraining import checkout, chosen_settings, registry_access, undo
from svhn_denoiser.retraining.result import Outcome, Result, StageOutcome, Trial
from svhn_denoiser.retraining.summary import verdict

if TYPE_CHECKING:
    from svhn_denoiser.retraining.pipeline import Pipeline

_PARAMS, _LOCK = Path("params.yaml"), Path("dvc.lock")
_METRICS = Path("reports/metrics.json")
_HISTORY = Path("reports/history.csv")
_RUN = Path("reports/run.json")
_REGISTRATION = Path("reports/registration.json")
_PICTURES = Path("reports/images")
_TRAIN, _REGISTER = "train", "register"


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
        result: is filled in on the way, so that it tells how far it came if this fails.
        say: is told what is being done.

    Raises:
        DenoiserError: it failed; nothing was promoted, unless the result says so.
        WrongUsageError: the options make no sense.
    """
    began = time.monotonic()
    try:
        job = _Job(options, result, say)
        if options.dry_run:
            # a dry run changes nothing, so it can look on while another retraining works
            job.look()
            return
        with checkout.alone(say), _no_orphans():
            job.run()
    finally:
        result.seconds = round(time.monotonic() - began, 1)


class _Job:
    pipeline: "Pipeline"

    def __init__(self, options: Options, result: Result, say: Callable[[str], None]) -> None:
        self.options, self.result, self.say = options, result, say
        self.combinations = chosen_settings.combinations(options.chosen)

    def run(self) -> None:
        undo.put_back(self.say)
        self._find_changes()
        if self.options.commit:
            self._refuse_loose_changes()
        if self.result.changes or self._is_unfinished() or self._is_registered_elsewhere():
            self._work()
        else:
            self.result.outcome = Outcome.NOTHING_TO_DO
            self._commit()

    def look(self) -> None:
        result = self.result
        self._find_changes()
        for stage in self.pipeline.affected(result.changes):
            result.changes.setdefault(stage, ["it depends on what these make"])
        if not result.changes and self._is_unfinished():
            result.reasons = ["What an earlier run made here was not yet pushed, reported and recorded."]
        work = result.changes or result.reasons or self._is_registered_elsewhere()
        result.outcome = Outcome.WOULD_RUN if work else Outcome.NOTHING_TO_DO

    def _find_changes(self) -> None:
        # imports DVC
        from svhn_denoiser.retraining.pipeline import Pipeline

        options, result = self.options, self.result
        result.report_only = options.report_only
        text, lock = undo.text_after(_PARAMS) or "", None
        if undo.left_behind():
            lock = undo.text_after(_LOCK) or ""
        settings.parse(text)
        self.texts = [_checked(chosen_settings.with_settings(text, combination)) for combination in self.combinations]
        result.commit = checkout.head()
        result.base = checkout.base(options.base)
        self.pipeline = Pipeline(options.remote)
        self.changes = [self.pipeline.changes(_tree(each), lock) for each in self.texts]
        for changes in self.changes:
            for stage, reasons in changes.items():
                known = result.changes.setdefault(stage, [])
                known += [reason for reason in reasons if reason not in known]
        self._compare_settings(self.texts[-1])

    def _work(self) -> None:
        result = self.result
        access = registry_access.access(result.report_only, to_be_committed=self.options.commit)
        result.report_only = access.report_only
        if access.note:
            self._note(access.note)
        self._reach_remote()
        if result.base is not None:
            result.base_metrics = self.pipeline.read(str(_METRICS), result.base)
        with ExitStack() as stack:
            keep = stack.enter_context(undo.settings_put_back(self.texts)) if self.options.chosen else None
            with registry_access.recorded(access):
                for combination, text in zip(self.combinations, self.texts, strict=True):
                    self._train(combination, text)
                self._take_best()
            self._judge(access)
            self._push("the results")
            # in the block: settings that could not be committed are put back, and the same command goes on
            self._commit()
            if keep is not None:
                keep.asked = self._settings_won()
        undo.note_finished()

    def _train(self, combination: Mapping[str, Any], text: str) -> None:
        pipeline, result = self.pipeline, self.result
        if self.options.chosen:
            self.say(f"with {_shown(combination)}")
            _PARAMS.write_text(text, encoding="utf-8")
        changed = pipeline.changes(_tree(text))
        # its inputs, too, are wanted in any case
        wanted = [*changed, _REGISTER, *self._to_be_validated(changed)]
        stages = [stage for stage in pipeline.restore_inputs(wanted) if stage != _REGISTER]
        for stage in pipeline.order:
            if stage != _REGISTER:
                result.stages.setdefault(stage, "unchanged")
        made_before = [stage for stage in pipeline.order if stage not in (*stages, _REGISTER)]
        if made_before and checkout.differs("HEAD", str(_LOCK)):
            # a run that was stopped may have been about to
            self._push("what was made here before", made_before)
        for phase in _phases(stages):
            for stage, outcome in pipeline.run(phase).items():
                result.stages[stage] = _stronger(result.stages[stage], outcome)
            self._push(f"what {' and '.join(phase)} made", phase)
        if len(self.combinations) > 1:
            psnr = float(read_json(_METRICS)["denoised"]["psnr"])
            result.trials.append(Trial(dict(combination), _best_validation_psnr(), psnr))

    def _to_be_validated(self, changed: Mapping[str, Any]) -> list[str]:
        # the trials of a sweep are compared by the history, which the registration does not need
        if len(self.combinations) == 1 or _TRAIN in self.pipeline.affected(changed):
            return []
        return [] if self.pipeline.restore(str(_HISTORY)) else [_TRAIN]

    def _take_best(self) -> None:
        result, best = self.result, len(self.combinations) - 1
        if result.trials:
            best = max(range(len(result.trials)), key=lambda number: result.trials[number].validation_psnr)
        if best != len(self.combinations) - 1:
            self.say(f"the best of {len(result.trials)}: {_shown(self.combinations[best])}")
            self._train(self.combinations[best], self.texts[best])
            result.trials.pop()
        result.metrics = read_json(_METRICS)
        result.run_id = read_json(_RUN)["run_id"]
        result.pictures = [str(picture) for picture in sorted(_PICTURES.glob("*.png"))]
        result.changes = self.changes[best] or result.changes
        self._compare_settings(self.texts[best])

    def _judge(self, access: registry_access.Access) -> None:
        result = self.result
        if result.report_only:
            self.say("asking the gate what it would decide")
            answer = registry_access.would_decide(access)
        else:
            self.say("registering")
            answer = self._register()
            if result.stages[_REGISTER] == "unchanged" and result.changes:
                # the verdict is that of an earlier retraining
                answer |= {"promoted": False, "reasons": [f"All came out as it was for version {answer['version']}."]}
            result.version, result.run_id = answer["version"], answer["run_id"]
        result.champion_before, result.champion_after = answer["champion_before"], answer["champion_after"]
        result.reasons = list(answer["reasons"])
        trained = any(outcome == "ran" for stage, outcome in result.stages.items() if stage != _REGISTER)
        if answer["promoted"]:
            result.outcome = Outcome.PROMOTED
        elif result.version is not None and result.version == result.champion_after and not trained:
            result.outcome = Outcome.NOTHING_TO_DO
        else:
            result.outcome = Outcome.NOT_BETTER

    def _register(self) -> dict[str, Any]:
        result = self.result
        result.stages |= self.pipeline.run([_REGISTER])
        answer = read_json(_REGISTRATION)
        if result.stages[_REGISTER] == "unchanged" and (why := registry_access.out_of_date(answer)) is not None:
            # DVC knows nothing of the registry
            result.changes[_REGISTER] = [why]
            result.stages |= self.pipeline.run([_REGISTER], force=True)
            answer = read_json(_REGISTRATION)
        return answer

    def _settings_won(self) -> bool:
        # also where an earlier machine promoted it and stopped: the champion's settings have to be in some commit
        result = self.result
        return not result.report_only and result.version is not None and result.version == result.champion_after

    def _compare_settings(self, text: str) -> None:
        base = self.result.base
        if base is None:
            return
        from svhn_denoiser.retraining.pipeline import locked_settings

        lock, params = checkout.show(base, str(_LOCK)), checkout.show(base, str(_PARAMS))
        # what its results were made with, where that is recorded; params.yaml may be ahead of them
        before = flat(_tree(params or "")) | (locked_settings(lock) if lock else {})
        self.result.params_changed = differences(before, _tree(text))

    def _refuse_loose_changes(self) -> None:
        changed, new = checkout.changed_files()
        # a new file that no stage depends on, such as a note or a log of CI, is in no hash of dvc.lock
        loose = sorted({*changed, *self.pipeline.watched(new)} - {str(_LOCK)})
        if loose:
            raise DenoiserError(
                f"--commit: {', '.join(loose)} differ from the commit. Commit them first: {_LOCK} says what was made "
                f"of what is committed."
            )

    def _is_unfinished(self) -> bool:
        # stopped after the last stage, before it was pushed, reported and committed
        return undo.text_after(_LOCK) != checkout.show("HEAD", str(_LOCK)) and not undo.finished()

    def _is_registered_elsewhere(self) -> bool:
        known = None if self.result.report_only else self.pipeline.read(str(_REGISTRATION), "HEAD")
        why = registry_access.registered_elsewhere(known) if known else None
        if why is not None:
            self.result.changes = {_REGISTER: [why]}
        return why is not None

    def _reach_remote(self) -> None:
        if self.pipeline.remote is None:
            self._note("There is no DVC remote: what is made stays in this checkout.")
            return
        self.say(f"fetching the run cache from {self.pipeline.remote}")
        self.pipeline.makes_do = self.result.report_only
        try:
            self.pipeline.reach_remote()
        except DenoiserError as error:
            if not self.result.report_only:
                raise
            self._note(f"All is made here: {error}")
            self.pipeline.forget_remote()

    def _push(self, what: str, stages: list[str] | None = None) -> None:
        if self.pipeline.remote is None:
            return
        self.say(f"pushing {what}")
        try:
            self.pipeline.push(stages)
        except DenoiserError as error:
            if not self.result.report_only:
                raise
            self._note(f"What was made stays in this checkout: {error}")
            self.pipeline.read_only = True

    def _note(self, sentence: str) -> None:
        self.result.notes.append(sentence)
        self.say(sentence)

    def _commit(self) -> None:
        if not self.options.commit:
            return
        files = [str(_LOCK)]
        if self.options.chosen:
            if not self._settings_won():
                return
            files.append(str(_PARAMS))
        if any(checkout.differs("HEAD", file) for file in files):
            checkout.commit_files(files, f"Record a retraining\n\n{verdict(self.result)}\n")


def _checked(text: str) -> str:
    try:
        settings.parse(text, "--set")
    except DenoiserError as error:
        raise chosen_settings.WrongUsageError(str(error)) from None
    return text


def _phases(stages: list[str]) -> Iterator[list[str]]:
    # pushed between: a training is dear, and must not be lost with the machine
    cut = stages.index(_TRAIN) + 1 if _TRAIN in stages else 0
    yield from filter(None, (stages[:cut], stages[cut:]))


def _stronger(one: StageOutcome, other: StageOutcome) -> StageOutcome:
    # of a sweep's trials, what was done in any
    order: list[StageOutcome] = ["unchanged", "restored", "ran"]
    return max(one, other, key=order.index)


def _tree(text: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(text) or {}


def _best_validation_psnr() -> float:
    # of the epoch that was kept; a training that once was no number has not lost for that
    every = [float(row["validation_psnr"]) for row in read_csv(_HISTORY)]
    return max((psnr for psnr in every if not math.isnan(psnr)), default=-math.inf)


def _shown(combination: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in combination.items())


@contextmanager
def _no_orphans() -> Iterator[None]:
    # a stage must not go on when the retraining it belongs to was ended
    before = set(psutil.Process().children(recursive=True))
    try:
        yield
    finally:
        children = [child for child in psutil.Process().children(recursive=True) if child not in before]
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.terminate()
        for child in psutil.wait_procs(children, timeout=30)[1]:
            with suppress(psutil.NoSuchProcess):
                child.kill()
