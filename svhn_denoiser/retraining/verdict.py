"""The gate's verdict on what was trained: by registering it, or, in a report, by asking what it would be."""

from collections.abc import Callable, Mapping
from typing import Any

from svhn_denoiser import program
from svhn_denoiser.files import read_json
from svhn_denoiser.paths import REGISTRATION
from svhn_denoiser.retraining import registry_access
from svhn_denoiser.retraining.pipeline import REGISTER, Pipeline
from svhn_denoiser.retraining.registry_access import Access
from svhn_denoiser.retraining.result import Outcome, Result

# what is asked of reports/registration.json
_NEEDED = {"version": float, "run_id": str, "promoted": bool, "reasons": list, "champion_after": object}
# and what the gate measured, for the comment
_MEASURED = ("pictures", "psnr_gain", "psnr_gain_low", "psnr_gain_high", "ssim_gain")


def reach(pipeline: Pipeline, access: Access, result: Result, say: Callable[[str], None], *, changed: bool) -> None:
    """Have the gate judge what lies in the working folder; outcome, reasons, version and champions go to the result.

    Args:
        pipeline: of the working folder.
        access: what may be done with the registry.
        result: is filled in.
        say: called with what is being done.
        changed: whether a stage was no longer what dvc.lock said.

    Raises:
        DenoiserError: the registry cannot be reached, or a model cannot be loaded.
    """
    if result.report_only:
        say("asking the gate what it would decide")
        answer = registry_access.would_decide(access)
    else:
        say("registering")
        answer = _register(pipeline, result, changed)
        result.version, result.run_id = answer["version"], answer["run_id"]
    result.champion_before, result.champion_after = answer["champion_before"], answer["champion_after"]
    if result.stages.get(REGISTER) != "unchanged":
        result.against_champion = _comparison(answer)
    result.outcome = _outcome(answer, result)
    # that a model is the champion's own, the outcome says
    own = result.is_champion and result.champion_before == result.version and result.stages[REGISTER] == "ran"
    result.reasons = [] if own and not answer["promoted"] else list(answer["reasons"])


def _register(pipeline: Pipeline, result: Result, changed: bool) -> dict[str, Any]:
    # the verdict is reported once, by the retraining
    environment = {program.REPORTED: "yes"}
    result.stages |= pipeline.run([REGISTER], environment=environment)
    answer = read_json(REGISTRATION, _NEEDED)
    if result.stages[REGISTER] == "unchanged" and (why := registry_access.out_of_date(answer)) is not None:
        # DVC knows nothing of the registry
        result.changes[REGISTER] = [why]
        result.stages |= pipeline.run([REGISTER], environment=environment, force=True)
        answer = read_json(REGISTRATION, _NEEDED)
    if result.stages[REGISTER] == "unchanged" and changed:
        # the verdict is that of an earlier retraining
        same = f"The results are the same as for version {answer['version']}."
        answer |= {"promoted": False, "reasons": [same, *answer["reasons"][-1:]] if answer.get("waiting") else [same]}
    return answer


def _comparison(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    measured = {name: answer.get(name) for name in _MEASURED}
    # NaN is null in JSON
    known = answer["champion_before"] is not None and None not in measured.values()
    return measured if known else None


def _outcome(answer: Mapping[str, Any], result: Result) -> Outcome:
    if answer["promoted"]:
        return Outcome.PROMOTED
    if answer.get("waiting"):
        return Outcome.WAITING
    trained = any(outcome == "ran" for stage, outcome in result.stages.items() if stage != REGISTER)
    if result.is_champion and not trained:
        return Outcome.NOTHING_TO_DO
    return Outcome.NOT_BETTER
