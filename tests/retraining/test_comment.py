"""The text of a pull request's comment."""

import pytest

from svhn_denoiser.credentials import masked
from svhn_denoiser.retraining.comment import MARKER, markdown
from svhn_denoiser.retraining.result import Outcome, Result, Trial


def test_a_secret_is_blanked_out_whatever_a_table_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "horse|battery")
    monkeypatch.setenv("MY_TOKEN", "retrain")
    text = markdown(Result(params_changed={"download.path": ("a", "horse|battery")}))
    assert "| download.path | a | *** |" in text
    assert text.startswith(MARKER)


def test_credentials_are_blanked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "battery/staple")
    monkeypatch.setenv("SOME_TOKEN", "true")
    text = "https://me:pass@host/x?a=1&X-Amz-Signature=abc&b=2 correct horse battery/staple is true"
    assert masked(text) == "https://host/x?a=1&X-Amz-Signature=***&b=2 *** *** is true"
    result = Result(reasons=["correct horse was refused"], notes=["s3://key:battery@bucket"])
    assert "correct" not in markdown(result)
    assert "battery" not in markdown(result)


def test_of_equal_trials_the_one_that_is_proposed_is_the_best() -> None:
    trials = [Trial({"train.epochs": epochs}, 29.8, 29.0) for epochs in (4, 6)]
    text = markdown(Result(trials=trials))
    assert "| 4 | 29.80 ← best | 29.00 |\n| 6 | 29.80 | 29.00 |" in text


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (
            Result(Outcome.PROMOTED, version=3, champion_before=2),
            "Promoted: version 3 is champion in place of version 2.",
        ),
        (
            Result(Outcome.PROMOTED, report_only=True, champion_before=2),
            "Would be promoted: it would become champion in place of version 2.",
        ),
        (
            Result(Outcome.WAITING, version=3, champion_before=2, champion_after=2),
            "Waits for a person: version 3 passed the gate; version 2 stays champion until it is promoted.",
        ),
        (
            Result(Outcome.WAITING, version=1),
            "Waits for a person: version 1 passed the gate; there is no champion until it is promoted.",
        ),
        (
            Result(Outcome.WAITING, report_only=True, champion_before=2),
            "Would wait: it passes the gate, and a person would make it champion in place of version 2.",
        ),
        (
            Result(Outcome.NOT_BETTER, version=3, champion_after=2),
            "Not better: version 3 is not made champion; version 2 stays.",
        ),
        (
            Result(Outcome.NOT_BETTER, report_only=True, champion_after=2),
            "Not better: it would not become champion; version 2 stays.",
        ),
        (
            Result(Outcome.NOTHING_TO_DO, version=2, champion_after=2),
            "Nothing to do: version 2, trained from exactly this, is already champion.",
        ),
        (Result(Outcome.NOTHING_TO_DO), "Nothing to do: nothing that a stage depends on has changed."),
        (Result(Outcome.FAILED), "Failed: nothing was promoted."),
        (
            Result(Outcome.FAILED, version=2, champion_before=2, champion_after=2),
            "Failed: nothing was promoted.",
        ),
        (
            Result(Outcome.FAILED, version=3, champion_before=2, champion_after=3),
            "Failed after version 3 was made champion: run the command again to push and record it.",
        ),
    ],
)
def test_the_verdict_comes_first(result: Result, verdict: str) -> None:
    assert markdown(result).splitlines()[:3] == [MARKER, "", f"### {verdict}"]


def test_scores_settings_and_names_stand_in_tables_that_nothing_breaks() -> None:
    scores = {"denoised": {"psnr": 33.5, "ssim": 0.95}, "gain": {"psnr": 13.3}, "noisy": {"psnr": 20.2}}
    before = {"denoised": {"psnr": 33.0, "ssim": 0.94}, "gain": {"psnr": 12.8}, "noisy": {"psnr": 20.2}}
    result = Result(Outcome.PROMOTED, base="b" * 40, metrics=scores, base_metrics=before, version=3)
    result.params_changed = {"download.path": ("a|b", "c\nd"), "train.early_stopping": (None, True)}
    text = markdown(result)
    assert "| PSNR, denoised (dB) | 33.50 | 33.00 | +0.50 |" in text
    assert "| download.path | a\\|b | c d |" in text
    assert "| train.early_stopping | null | true |" in text
    result.base_metrics = None
    assert "No scores of bbbbbbbbb are known" in markdown(result)
    result.base_metrics = before | {"noisy": {"psnr": 20.3}}
    assert "The test pictures are not those of before" in markdown(result)


def test_this_and_the_champion_stand_beside_each_other_as_compare_has_them() -> None:
    gate = {"pictures": 26032, "psnr_gain": 0.5, "psnr_gain_low": 0.4, "psnr_gain_high": 0.6, "ssim_gain": 0.01}
    scores = {"denoised": {"psnr": 33.5, "ssim": 0.95}}
    result = Result(Outcome.PROMOTED, champion_before=2, version=3, metrics=scores, against_champion=gate)
    text = markdown(result)
    assert "| 26,032 test pictures | champion (version 2) | this | difference (95 % interval) |" in text
    assert "| PSNR (dB) | 33.00 | 33.50 | +0.500 (+0.400 to +0.600) |" in text
    assert "| SSIM | 0.9400 | 0.9500 | +0.0100 |" in text
    result.against_champion = None
    assert "champion (version 2)" not in markdown(result)


def test_it_stays_short_enough_for_a_comment() -> None:
    result = Result(Outcome.NOT_BETTER, changes={f"stage {n}": ["x" * 100] * 1000 for n in range(5)})
    result.params_changed = {f"setting.{number}": (0, "y" * 100) for number in range(1000)}
    assert len(markdown(result)) < 10_000
    assert "… and 980 more." in markdown(result)


def test_settings_that_were_trained_before_stand_under_no_sentence_that_there_is_nothing_to_do() -> None:
    result = Result(Outcome.NOT_BETTER, params_changed={"train.epochs": (30, 25)})
    assert "| train.epochs | 30 | 25 |" in markdown(result)
    result.outcome = Outcome.NOTHING_TO_DO
    assert "train.epochs" not in markdown(result)
