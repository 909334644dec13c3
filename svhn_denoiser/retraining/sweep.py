"""Training and scoring with each candidate's settings; the best one on the validation pictures goes on to the gate.

Without a sweep there is one candidate.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from svhn_denoiser.files import read_csv, read_json, write_text
from svhn_denoiser.paths import DVC_LOCK, HISTORY, METRICS, PARAMS
from svhn_denoiser.retraining import changes
from svhn_denoiser.retraining.checkout import differs
from svhn_denoiser.retraining.chosen_settings import Candidate
from svhn_denoiser.retraining.pipeline import REGISTER, TRAIN, Pipeline
from svhn_denoiser.retraining.remote import Remote
from svhn_denoiser.retraining.result import Result, StageOutcome, Trial


class Sweep:
    """Runs all stages but the registration, for one candidate after the other.

    Args:
        pipeline: of the working folder.
        remote: is given what was made.
        candidates: the settings to train with.
        environment: variables that the stages get besides those of this process.
        result: is told what was done for each stage, and how each trial came out.
        say: called with what is being done.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        remote: Remote,
        candidates: Sequence[Candidate],
        *,
        environment: Mapping[str, str],
        result: Result,
        say: Callable[[str], None],
    ) -> None:
        self._pipeline, self._remote, self._candidates = pipeline, remote, candidates
        self._environment, self._result, self._say = environment, result, say

    def train_best(self) -> int:
        """Train with each candidate's settings; leave the best one's results in the working folder.

        Returns:
            The number of the best candidate.

        Raises:
            DenoiserError: a stage fails, or the remote does.
        """
        result, last = self._result, len(self._candidates) - 1
        psnrs = []
        for candidate in self._candidates:
            self._train(candidate)
            if last > 0:
                trial = Trial(
                    dict(candidate.chosen),
                    _best_validation_psnr(),
                    float(read_json(METRICS, {"denoised.psnr": float})["denoised"]["psnr"]),
                )
                result.trials.append(trial)
                psnrs.append(trial.validation_psnr)
        best = max(range(len(psnrs)), key=psnrs.__getitem__) if psnrs else last
        if best != last:
            self._say(f"the best of {len(psnrs)}: {self._candidates[best]}")
            self._train(self._candidates[best])
        return best

    def _train(self, candidate: Candidate) -> None:
        pipeline, stages_done = self._pipeline, self._result.stages
        if candidate.chosen:
            self._say(f"with {candidate}")
            write_text(PARAMS, candidate.text)
        changed = changes.since_lock(pipeline, candidate.tree)
        or_make = self._result.report_only
        # the registration's inputs are wanted in any case
        wanted = [*changed, REGISTER, *self._to_be_validated(changed, or_make)]
        stages = [stage for stage in pipeline.restore_inputs(wanted, or_make=or_make) if stage != REGISTER]
        for stage in pipeline.order:
            if stage != REGISTER:
                stages_done.setdefault(stage, "unchanged")
        made_before = [stage for stage in pipeline.order if stage not in (*stages, REGISTER)]
        if made_before and differs("HEAD", str(DVC_LOCK)):
            # a run that was stopped may have been about to
            self._remote.push("what was made here before", made_before)
        for phase in _phases(stages):
            for stage, outcome in pipeline.run(phase, environment=self._environment).items():
                stages_done[stage] = _stronger(stages_done[stage], outcome)
            self._remote.push(f"what {' and '.join(phase)} made", phase)

    def _to_be_validated(self, changed: Mapping[str, object], or_make: bool) -> list[str]:
        # the trials of a sweep are compared by the history, which the registration does not need
        if len(self._candidates) == 1 or TRAIN in self._pipeline.affected(changed):
            return []
        return [] if self._pipeline.restore(HISTORY, or_make=or_make) else [TRAIN]


def _phases(stages: list[str]) -> Iterator[list[str]]:
    # pushed between: a training is dear, and must not be lost with the machine
    cut = stages.index(TRAIN) + 1 if TRAIN in stages else 0
    yield from filter(None, (stages[:cut], stages[cut:]))


def _stronger(one: StageOutcome, other: StageOutcome) -> StageOutcome:
    # of a sweep's trials, what was done in any
    order: list[StageOutcome] = ["unchanged", "restored", "ran"]
    return max(one, other, key=order.index)


def _best_validation_psnr() -> float:
    # of the epoch that was kept; a training that once was no number has not lost for that
    every = [float(row["validation_psnr"]) for row in read_csv(HISTORY, ("validation_psnr",), empty=False)]
    return max((psnr for psnr in every if not math.isnan(psnr)), default=-math.inf)
