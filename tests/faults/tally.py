"""Counts what became of each try, and fails a test in which anything was lost."""

import json
import os
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

# a folder for the counts: set by `make faults`, which tries all; without it a few of each are tried
FOLDER = os.environ.get("SVHN_DENOISER_FAULTS")


@dataclass
class Tally:
    """One row of the table."""

    fault: str
    tries: int = 0
    survived: int = 0
    lost: int = 0
    leaked: int = 0
    tracebacks: int = 0
    complaints: list[str] = field(default_factory=list)

    def count(self, what: str, *, right: bool, traceback: bool = False, leaked: bool = False, said: str = "") -> None:
        """Count a try.

        Args:
            what: which one; named where it went wrong.
            right: whether the same command again came to the same end.
            traceback: whether a person saw one.
            leaked: whether a secret was seen.
            said: what was printed.
        """
        self.tries += 1
        self.survived += right and not traceback and not leaked
        self.lost += not right
        self.leaked += leaked
        self.tracebacks += traceback
        if not right or traceback or leaked:
            kinds = [("lost", not right), ("traceback", traceback), ("leaked", leaked)]
            said = said if len(said) < 3000 else f"{said[:600]}\n...\n{said[-2000:]}"
            self.complaints.append(f"{what}: {', '.join(kind for kind, is_it in kinds if is_it)}\n{said}")

    def close(self) -> None:
        """Note the row, and fail where anything went wrong."""
        if FOLDER:
            with (Path(FOLDER) / "faults.jsonl").open("a") as file:
                file.write(json.dumps(asdict(self)) + "\n")
        assert self.tries
        assert not self.complaints, "\n".join(self.complaints[:8])


Tallying = Callable[[str], Tally]


def some(cases: Iterable, few: int) -> list:
    """All cases under `make faults`, else a few of them, the same ones each time."""
    known = list(cases)
    if FOLDER or len(known) <= few:
        return known
    chosen = sorted(random.Random(10).sample(range(len(known)), few))
    return [known[index] for index in chosen]
