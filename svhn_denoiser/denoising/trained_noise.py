"""The noise that a model was trained for, and whether a picture's is of its kind."""

import re
from dataclasses import dataclass

# kinds whose strength is a standard deviation, as that of a picture's noise is estimated
_DEVIATIONS = {"gaussian", "sensor", "mixed"}
# A network does well a little beyond what it was trained for; and estimates are rough
_LEEWAY = 1.5
# trained down to here, a network leaves pictures alone that have less noise
_WEAKEST = 0.02


@dataclass(frozen=True)
class TrainedNoise:
    """Kind and strengths of noise, as `generate.noise` in params.yaml has them."""

    kind: str
    low: float
    high: float

    def __str__(self) -> str:
        strength = f"{self.high:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        return f"{self.kind} noise of {strength}"

    def fits(self, level: float) -> bool:
        """Whether a picture's noise, a standard deviation, is what the model was trained for, or nearly.

        True also for kinds whose strength cannot be compared with it.
        """
        if self.kind not in _DEVIATIONS:
            return True
        low = 0 if self.low <= _WEAKEST else self.low / _LEEWAY
        return low <= level <= self.high * _LEEWAY


def parse(text: str | None) -> TrainedNoise | None:
    """Read what a version's tag `noise` says, such as "gaussian 0.1" or "mixed [0.01, 0.3]"; None for nothing."""
    found = re.match(r"([a-z-]+)\D*?(\d[\d.e-]*)(?:, (\d[\d.e-]*))?", text or "")
    if not found:
        return None
    kind, low, high = found.groups()
    return TrainedNoise(kind, float(low), float(high or low))
