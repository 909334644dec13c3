"""`svhn-denoiser retrain`, for people and CI."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from svhn_denoiser.credentials import masked, masked_leaves
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import write_json, write_text
from svhn_denoiser.paths import RETRAINING, RETRAINING_SUMMARY
from svhn_denoiser.retraining.comment import headline, markdown
from svhn_denoiser.retraining.result import MOST, Outcome, Result, WrongUsageError
from svhn_denoiser.terminal import AsJson, print_masked_json


def retrain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; change nothing.")] = False,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting for this retraining, such as train.epochs=60. KEY=A,B tries both and proposes the better "
            f"one; {MOST} combinations at most. Repeat it for more settings.",
        ),
    ] = None,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Say what the gate would decide; register and promote nothing.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Commit to compare with. Default: origin/main, else the previous one."),
    ] = None,
    summary: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="File for the summary, in Markdown.")
    ] = RETRAINING_SUMMARY,
    commit: Annotated[
        bool, typer.Option("--commit/--no-commit", help="Commit dvc.lock, and params.yaml with the settings of --set.")
    ] = False,
    remote: Annotated[
        str | None, typer.Option(metavar="NAME", help="DVC remote. Default: the repository's default remote, if any.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train what changed, compare it with the champion, promote it if it is better, and report.

    Exit codes: 0 promoted, 3 not better, 4 nothing to do, 5 waits for a person, 1 failed, 2 wrong usage.
    """
    file = summary.absolute()
    # imports DVC
    from svhn_denoiser.retraining import checkout, job

    os.chdir(checkout.root())
    signal.signal(signal.SIGTERM, _stop)

    options = job.Options(tuple(chosen or ()), dry_run, report_only, base, commit, remote)
    result = Result()
    if not dry_run:
        _refuse_unwritable(file)
    try:
        job.retrain(options, result, _say)
    except BaseException as error:
        _report_failure(error, result, None if dry_run else file, as_json)
        raise
    _report(result, summary, file, dry_run, as_json)
    raise typer.Exit(result.exit_code)


def _refuse_unwritable(summary: Path) -> None:
    # before hours of training, rather than after them
    for folder in (RETRAINING.parent, summary.parent):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            named = "" if folder == RETRAINING.parent else "--summary: "
            raise DenoiserError(f"{named}{folder}: cannot be written into: {error.strerror}.") from None


def _report(result: Result, summary: Path, file: Path, dry_run: bool, as_json: bool) -> None:
    if not dry_run:
        _write(result, file)
    if as_json:
        print_masked_json(_masked(result))
    else:
        _print(result, summary, dry_run)


def _report_failure(error: BaseException, result: Result, file: Path | None, as_json: bool) -> None:
    result.outcome = Outcome.FAILED
    result.reasons = [masked(_reason(error))]
    if file is not None:
        try:
            _write(result, file)
        except OSError as unwritten:  # what failed before is what people have to know
            _say(f"the report is not written: {unwritten}")
    if as_json:
        print_masked_json(_masked(result))
    if isinstance(error, WrongUsageError):
        raise typer.BadParameter(masked(str(error))) from None
    if isinstance(error, DenoiserError):
        raise DenoiserError(masked(str(error))) from None


def _reason(error: BaseException) -> str:
    if isinstance(error, DenoiserError):
        return str(error)
    stopped = isinstance(error, KeyboardInterrupt | SystemExit)
    return "It was stopped. The next run resumes." if stopped else f"{type(error).__name__}: see the log."


def _write(result: Result, summary: Path) -> None:
    write_json(RETRAINING, _masked(result))
    text = markdown(result)
    write_text(summary, text)
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(step).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


def _print(result: Result, summary: Path, dry_run: bool) -> None:
    lines = [headline(result), *(f"  {reason}" for reason in result.reasons)]
    if dry_run:
        lines += [f"  {stage}: {', '.join(why)}" for stage, why in result.changes.items()]
    else:
        lines.append(f"summary: {summary}")
    typer.echo(masked("\n".join(lines)))


def _masked(result: Result) -> dict[str, Any]:
    content = result.as_dict()
    # programs rely on these words, and nobody else chose them
    ours = {"outcome": content["outcome"], "stages": content["stages"]}
    return {**masked_leaves(content), **ours}


def _say(sentence: str) -> None:
    sys.stderr.write(f"retrain: {masked(sentence)}\n")
    sys.stderr.flush()


def _stop(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
