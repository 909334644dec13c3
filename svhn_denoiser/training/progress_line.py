"""A training's progress for people: one line per epoch, and on a terminal a bar within the epoch."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from svhn_denoiser.training.resuming import Epoch


class ProgressLine:
    """Prints to standard output; a bar is shown on a terminal only."""

    def __init__(self, epochs: int, batches: int, console: Console | None = None) -> None:
        self.epochs = epochs
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("first epoch", total=batches)
        self.began = time.monotonic()
        self.done = 0

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def batch(self, number: int) -> None:
        """Move the bar to this number of batches."""
        self.bar.update(self.task, completed=number)

    def epoch(self, row: Epoch, best: bool, speed: float) -> None:
        """Print the line of an epoch.

        Args:
            row: what it showed.
            best: whether its validation PSNR is the highest so far.
            speed: pictures a second.
        """
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.epochs - row.epoch)
        self.console.print(
            f"epoch {row.epoch:>{len(str(self.epochs))}}/{self.epochs}  loss {row.loss:.5g}  "
            f"validation {row.validation_psnr:.2f} dB{'*' if best else ' '}  {speed:,.0f} pictures/s  "
            f"{_clock(left)} left"
        )
        self.bar.update(self.task, completed=0, description=f"epoch {row.epoch + 1}/{self.epochs}")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
