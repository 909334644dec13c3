"""The text of the pull-request comment, the job's summary and reports/retraining.md: the verdict first."""

from collections.abc import Iterable, Mapping
from typing import Any

from svhn_denoiser.comparison.score_rows import INTERVAL, score_rows
from svhn_denoiser.credentials import masked
from svhn_denoiser.dotted import as_text
from svhn_denoiser.markdown import code, one_line, table
from svhn_denoiser.retraining.result import Outcome, Result

# identifies the comment, so that later runs update it
MARKER = "<!-- svhn-denoiser retrain -->"

_SCORES = [
    ("PSNR, denoised (dB)", ("denoised", "psnr"), 2),
    ("SSIM, denoised", ("denoised", "ssim"), 4),
    ("PSNR over noisy (dB)", ("gain", "psnr"), 2),
    ("PSNR, noisy (dB)", ("noisy", "psnr"), 2),
]
_MOST_SETTINGS = 20
_MOST_REASONS = 5


def markdown(result: Result) -> str:
    """The whole text, in Markdown, short enough for a comment."""
    parts = [f"### {headline(result)}", *_reasons(result), *_champion(result)]
    parts += [*_metrics(result), *_trials(result)]
    parts += [*_settings(result), *_stages(result), *_notes(result), *_names(result)]
    return f"{MARKER}\n\n" + masked("\n\n".join(parts)) + "\n"


def headline(result: Result) -> str:
    """What came of it, in one sentence."""
    psnr = _score(result.metrics, ("denoised", "psnr"))
    figure = "" if psnr is None else f", with {psnr:.2f} dB"
    before, version = result.champion_before, result.version
    match result.outcome:
        case Outcome.FAILED if version is not None and version == result.champion_after != before:
            return f"Failed after version {version} was made champion: run the command again to push and record it."
        case Outcome.FAILED:
            return "Failed: nothing was promoted."
        case Outcome.NOTHING_TO_DO if version is not None and version == result.champion_after:
            return f"Nothing to do: version {version}, trained from exactly this, is already champion."
        case Outcome.NOTHING_TO_DO:
            return "Nothing to do: nothing that a stage depends on has changed."
        case Outcome.WOULD_RUN:
            return "Something would run."
        case Outcome.PROMOTED if result.report_only:
            instead = f"in place of version {before}" if before else "as the first one"
            return f"Would be promoted: it would become champion {instead}{figure}."
        case Outcome.WAITING if result.report_only:
            instead = f"in place of version {before}" if before else "as the first one"
            return f"Would wait: it passes the gate{figure}, and a person would make it champion {instead}."
        case Outcome.WAITING:
            stays = f"version {before} stays champion" if before else "there is no champion"
            return f"Waits for a person: version {version} passed the gate{figure}; {stays} until it is promoted."
        case Outcome.PROMOTED:
            instead = f" in place of version {before}" if before else ", the first one"
            return f"Promoted: version {version} is champion{instead}{figure}."
        case _:
            what = f"version {version} is not made champion" if version else "it would not become champion"
            champion = result.champion_after
            stays = f"; version {champion} stays" if champion and champion != version else ""
            if version is not None and version == champion:
                return f"Not better: it is the champion's own model, version {champion}{figure}."
            return f"Not better: {what}{figure}{stays}."


def _reasons(result: Result) -> Iterable[str]:
    if result.reasons:
        yield "\n".join(f"- {one_line(reason)}" for reason in result.reasons)


def _champion(result: Result) -> Iterable[str]:
    """This model and the champion on the same pictures, as `svhn-denoiser compare` has them."""
    gate, this = result.against_champion, (result.metrics or {}).get("denoised", {})
    if not gate or not {"psnr", "ssim"} <= set(this):
        return
    gains = {"psnr": (gate["psnr_gain"], gate["psnr_gain_low"], gate["psnr_gain_high"]), "ssim": (gate["ssim_gain"],)}
    champion = {score: this[score] - gain[0] for score, gain in gains.items()}
    head = [f"{gate['pictures']:,} test pictures", f"champion (version {result.champion_before})", "this", INTERVAL]
    yield table(head, list(score_rows(champion, this, gains)))


def _metrics(result: Result) -> Iterable[str]:
    if result.metrics is None:
        return
    head, rows = ["test pictures", "this"], []
    if result.base is not None and result.base_metrics is not None:
        head += [f"before ({result.base[:9]})", "difference"]
    for title, path, digits in _SCORES:
        now, before = _score(result.metrics, path), _score(result.base_metrics, path)
        if now is not None:
            row = [title, f"{now:.{digits}f}"]
            row += [] if before is None else [f"{before:.{digits}f}", f"{now - before:+.{digits}f}"]
            rows.append(row + [""] * (len(head) - len(row)))
    yield table(head, rows)
    if result.base is None:
        yield "There is no commit to compare with."
    elif result.base_metrics is None:
        yield f"No scores of {result.base[:9]} are known: it was not trained, or the remote does not have its results."
    elif _score(result.base_metrics, ("noisy", "psnr")) != _score(result.metrics, ("noisy", "psnr")):
        yield "The test pictures are not those of before: only the gate compares like with like."


def _trials(result: Result) -> Iterable[str]:
    if len(result.trials) < 2:
        return
    names = list(result.trials[0].settings)
    # the first of those that are equal, as that one is proposed
    best = max(result.trials, key=lambda trial: trial.validation_psnr)
    rows = [
        [
            *(as_text(trial.settings[name]) for name in names),
            f"{trial.validation_psnr:.2f}{' ← best' * (trial is best)}",
            f"{trial.psnr:.2f}",
        ]
        for trial in result.trials
    ]
    yield table([*names, "validation PSNR (dB)", "test PSNR (dB)"], rows)


def _settings(result: Result) -> Iterable[str]:
    # where nothing is to be done, what differs from the base was trained before
    if not result.params_changed or result.outcome is Outcome.NOTHING_TO_DO:
        return
    shown = list(result.params_changed.items())[:_MOST_SETTINGS]
    rows = [[key, as_text(old), as_text(new)] for key, (old, new) in shown]
    yield table(["setting", "before", "this"], rows)
    if len(shown) < len(result.params_changed):
        yield f"… and {len(result.params_changed) - len(shown)} more."


def _stages(result: Result) -> Iterable[str]:
    if not result.stages:
        return
    words = {"ran": "ran", "restored": "restored from the cache", "unchanged": "unchanged"}
    groups = []
    for outcome, words_for_it in words.items():
        names = [name for name, what in result.stages.items() if what == outcome]
        if names:
            groups.append(f"{words_for_it}: {', '.join(names)}")
    lines = [f"Stages {'; '.join(groups)}. {result.seconds:.0f} s."]
    because: dict[tuple[str, ...], list[str]] = {}
    for stage, reasons in result.changes.items():
        because.setdefault(tuple(reasons), []).append(stage)
    for why, stages in because.items():
        more = f", and {len(why) - _MOST_REASONS} more" if len(why) > _MOST_REASONS else ""
        lines.append(f"- {', '.join(stages)}: {', '.join(map(code, why[:_MOST_REASONS]))}{more}")
    yield "\n".join(lines)


def _notes(result: Result) -> Iterable[str]:
    if result.notes:
        yield "\n".join(f"- {one_line(note)}" for note in result.notes)


def _names(result: Result) -> Iterable[str]:
    known = [
        ("commit", result.commit and result.commit[:9]),
        ("version", result.version and f"{result.version} of `svhn-denoiser`"),
        ("run", result.run_id and f"`{result.run_id}`"),
        ("pictures", ", ".join(f"`{picture}`" for picture in result.pictures)),
    ]
    text = " · ".join(f"{name} {value}" for name, value in known if value)
    if text:
        yield text


def _score(metrics: Mapping[str, Any] | None, path: tuple[str, str]) -> float | None:
    group = (metrics or {}).get(path[0])
    value = group.get(path[1]) if isinstance(group, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
