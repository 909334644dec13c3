"""What became of a version: the gate's verdict, its last promotion and its last rollback, a tag each.

MLflow's aliases keep no history. A tag holds an event in a line that people read as it stands:
`2026-11-22T10:11:12+00:00 by anna over 1: fewer artefacts on sevens`. Versions of earlier releases have a tag for each
part of it; they are read, too.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from svhn_denoiser.files import characters

PROMOTED = "promoted"
ROLLED_BACK = "rolled_back"
# in the place of another version where there was none
NOBODY = "none"

# the gate's verdict, in a tag
GATE = "gate"
PASSED, REFUSED = "passed", "refused"

_LINE = re.compile(r"(?P<at>\S+) by (?P<by>.*?) (?:over|to) (?P<other>\d+|none): (?P<reason>.*)", re.DOTALL)
# the other version and the reason, as earlier releases called them
_OLD_TAGS = {
    PROMOTED: ("promoted_over", "promotion_reason"),
    ROLLED_BACK: ("rolled_back_to", "rolled_back_reason"),
}


@dataclass(frozen=True)
class Event:
    """A promotion or a rollback.

    Attributes:
        at: when, in UTC, to the second, as ISO 8601.
        by: who decided: `gate`, or a person.
        other: number of the version that was replaced, or that was gone back to; `none` for the first champion.
        reason: why.
    """

    at: str
    by: str
    other: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """For programs to read as JSON."""
        return asdict(self)


def waits(over: int | None) -> str:
    """The verdict on a version that passed the gate and waits for a person: "would be promoted over 2".

    Args:
        over: the champion that it was compared with; None where there was none.
    """
    return f"would be promoted over {over}" if over is not None else "would be promoted as the first"


def now(by: str, other: int | None, reason: str) -> Event:
    """An event of this moment."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Event(at, by, NOBODY if other is None else str(other), characters(reason))


def as_tag(kind: str, event: Event) -> dict[str, str]:
    """The tag that records an event: `kind` is PROMOTED or ROLLED_BACK."""
    link = "over" if kind == PROMOTED else "to"
    return {kind: f"{event.at} by {event.by} {link} {event.other}: {event.reason}"}


def read(kind: str, tags: Mapping[str, str]) -> Event | None:
    """The last event of a kind; None where a version's tags have none, or where it was taken back."""
    line = _LINE.fullmatch(tags.get(kind, ""))
    if line is not None:
        return Event(**line.groupdict())
    other, reason = _OLD_TAGS[kind]
    if tags.get(f"{kind}_at"):
        return Event(tags[f"{kind}_at"], tags.get(f"{kind}_by", ""), tags.get(other, NOBODY), tags.get(reason, ""))
    return None
