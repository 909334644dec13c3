"""What stages and DVC print while they run: all of it on standard error, with its last lines kept for the report."""

import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from svhn_denoiser.credentials import masked

_LINES = 200


class StageOutput:
    """What was said, and which stages really ran.

    Attributes:
        last: the last lines.
        ran: stages whose command was started; the others were restored, or did not change.
    """

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_LINES)
        self.ran: set[str] = set()

    def error(self) -> str | None:
        """The last message of a stage that failed: from `error:` to its end."""
        lines = list(self.last)
        begin = max((number for number, line in enumerate(lines) if line.startswith("error: ")), default=None)
        if begin is None:
            return None
        end = next((number for number in range(begin + 1, len(lines)) if not lines[number].startswith(" ")), len(lines))
        return "\n".join(lines[begin:end]).removeprefix("error: ")


@contextmanager
def on_standard_error(output: StageOutput) -> Iterator[None]:
    """In this block, processes that are started write to standard error, and DVC says what it does there.

    On a terminal they write to it directly, progress bars and all; elsewhere each line comes as soon as it is whole,
    without credentials.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    reader = None
    if os.isatty(err):
        os.dup2(err, 1)
    else:
        receive, send = os.pipe()
        os.dup2(send, 1)
        os.dup2(send, 2)
        os.close(send)
        reader = threading.Thread(target=_copy, args=(receive, os.dup(err), output), daemon=True)
        reader.start()
    handler = _Handler(output)
    logger = logging.getLogger("dvc")
    before = logger.level, logger.handlers
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.handlers = before[1]
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)
        if reader is not None:
            # a process that outlived its stage may hold the pipe open
            reader.join(timeout=5)
        os.close(out)
        os.close(err)


def _copy(receive: int, err: int, output: StageOutput) -> None:
    with os.fdopen(receive, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            shown = masked(line)
            output.last.append(shown.rstrip("\n"))
            os.write(err, shown.encode("utf-8", "backslashreplace"))
    os.close(err)


class _Handler(logging.Handler):
    """Passes on which stage runs or is restored, and all warnings; leaves out DVC's advice to run `git add`."""

    _STAGE = re.compile(r"Running stage '([^']+)'")
    _TELLING = re.compile(r"Running stage|Stage '|Pulling data|> ")

    def __init__(self, output: StageOutput) -> None:
        super().__init__()
        self.output = output

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if found := self._STAGE.match(text):
            self.output.ran.add(found[1])
        if record.levelno >= logging.WARNING or self._TELLING.match(text):
            os.write(2, f"{masked(text)}\n".encode("utf-8", "backslashreplace"))
