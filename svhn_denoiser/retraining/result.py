"""The result of a retraining, for people, for programs and as an exit code."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from svhn_denoiser.errors import DenoiserError

StageOutcome = Literal["ran", "restored", "unchanged"]

# combinations of settings that one retraining tries
MOST = 16


class WrongUsageError(DenoiserError):
    """The command was called in a way that makes no sense."""


class Outcome(StrEnum):
    """The outcome of a retraining."""

    PROMOTED = "promoted"
    WAITING = "waiting"  # it passed the gate, and a person has to promote it
    NOT_BETTER = "not-better"
    NOTHING_TO_DO = "nothing-to-do"
    FAILED = "failed"
    WOULD_RUN = "would-run"  # of a dry run


EXIT_CODES = {
    Outcome.PROMOTED: 0,
    Outcome.WOULD_RUN: 0,
    Outcome.FAILED: 1,
    Outcome.NOT_BETTER: 3,
    Outcome.NOTHING_TO_DO: 4,
    Outcome.WAITING: 5,
}


@dataclass
class Trial:
    """One combination of the swept settings.

    The best one is chosen on the validation pictures. The gate judges it on the test pictures: on those, the best of
    many is in part the luckiest, and would beat a champion that is as good.

    Attributes:
        settings: those of `--set`, by dotted name.
        validation_psnr: mean PSNR in dB on the validation pictures, of the best epoch.
        psnr: the same on the test pictures.
    """

    settings: dict[str, Any]
    validation_psnr: float
    psnr: float


@dataclass
class Result:
    """A retraining's result, filled in while it runs.

    Attributes:
        outcome: how it ended; with `report_only`, what it would have been.
        report_only: whether the registry was left alone.
        commit: what was retrained.
        base: the commit it is compared with.
        stages: what was done for each.
        version: in the registry; None where nothing was registered.
        run_id: of the training in MLflow.
        champion_before: version that was champion.
        champion_after: version that is champion now.
        against_champion: what the gate measured against the champion: pictures, psnr_gain with both ends of its
            interval, ssim_gain; None where there was no comparison.
        reasons: sentences: what the gate said, or why it came to no verdict.
        notes: sentences on what was done differently, and why.
        changes: why each stage had to be looked at, by stage.
        metrics: reports/metrics.json.
        base_metrics: the same of the base; None where it was never trained.
        params_changed: old and new value of each setting that differs from what the base was trained with.
        trials: of a sweep, one after the other.
        pictures: files to show.
        seconds: that it took.
    """

    outcome: Outcome = Outcome.FAILED
    report_only: bool = False
    commit: str | None = None
    base: str | None = None
    stages: dict[str, StageOutcome] = field(default_factory=dict)
    version: int | None = None
    run_id: str | None = None
    champion_before: int | None = None
    champion_after: int | None = None
    against_champion: dict[str, Any] | None = None
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: dict[str, list[str]] = field(default_factory=dict)
    metrics: dict[str, Any] | None = None
    base_metrics: dict[str, Any] | None = None
    params_changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 promoted, or something would run; 1 failed; 3 not better; 4 nothing to do; 5 waits for a person."""
        return EXIT_CODES[self.outcome]

    @property
    def is_champion(self) -> bool:
        """Whether the registered version is champion now."""
        return self.version is not None and self.version == self.champion_after

    def as_dict(self) -> dict[str, Any]:
        """For programs to read as JSON."""
        return asdict(self)
