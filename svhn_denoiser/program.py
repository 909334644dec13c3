"""How a program of this project ends: with its answer; an error for people is one line, not a traceback."""

import errno
import io
import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO, cast

from svhn_denoiser.credentials import MaskedStream, take_out
from svhn_denoiser.errors import DenoiserError

# a notebook hands its own backend on to what it starts, and matplotlib cannot be imported where that is not installed.
# Nothing here draws on a screen
os.environ.pop("MPLBACKEND", None)

# what a machine refuses, whatever the code does: no space, no right, no such device; anything else may be a bug
_OF_THE_MACHINE = {
    errno.ENOSPC: "Make room there, and run the same command again.",
    errno.EDQUOT: "Make room there, and run the same command again.",
    errno.EFBIG: "Raise the limit on the size of files (`ulimit -f`).",
    errno.EACCES: "Look at who may read and write there.",
    errno.EPERM: "Look at who may read and write there.",
    errno.EROFS: "Look at who may read and write there.",
    errno.EIO: "Look at the disk.",
    errno.EMFILE: "Raise the limit on open files (`ulimit -n`).",
    errno.ENFILE: "Raise the limit on open files.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOMEM: "Close other programs, or take a machine with more memory.",
}

# bytes that DVC needs at the end of a stage: a full disk leaves an empty dvc.lock, which it then refuses to read
_FOR_THE_RECORD = 1 << 20

# set for a stage by a program that reports what the stage came to itself
REPORTED = "SVHN_DENOISER_REPORTED"


def conclude(answer: str) -> None:
    """Print what a stage came to, unless the program that runs it reports that."""
    if not os.environ.get(REPORTED):
        sys.stdout.write(f"{answer}\n")


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: 0 if it did its work, 1 on a `DenoiserError`, 130 if interrupted.

    What the machine refuses (a full disk, a missing right) is an error for people, too; so is a disk on which DVC could
    not record what the stage made. Any other exception is a bug
    and keeps its traceback. What is printed never fails for a character that the terminal does not have, and nothing
    on standard error shows a credential, whoever says it.
    """
    _fill_closed()
    print_anything()
    show_no_credentials()
    try:
        main()
        _leave_room_for_dvc()
    except DenoiserError as error:
        _say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # whoever read the output has gone, as `head` does; nor can what is left be written at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        remedy = _OF_THE_MACHINE.get(error.errno or 0)
        if "No usable temporary directory" in (error.strerror or ""):  # of `tempfile`: a full disk, or a read-only one
            remedy = "Make room in one of them, or name a folder that you may write to in TMPDIR."
        if remedy is None:
            raise
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        _say(f"error: {where}{error.strerror}. {remedy}")
        sys.exit(1)
    except sqlite3.OperationalError as error:
        # of a file that DVC keeps beside its own; SQLite does not say which
        _say(
            f"error: a database of DVC's: {error}. Look at the space on the disk, at who may write there, and at the "
            "limits on files (`ulimit -a`). Then run the same command again."
        )
        sys.exit(1)
    sys.exit(0)


def _leave_room_for_dvc() -> None:
    if "DVC_STAGE" in os.environ and shutil.disk_usage(".").free < _FOR_THE_RECORD:
        raise OSError(errno.ENOSPC, "the disk is too full for DVC to record this stage", "dvc.lock")


def _fill_closed() -> None:
    """Let what is said on a closed stream go nowhere, and no file get its number.

    A service may start a program so. The first picture it opened would become standard error, where libraries write.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open to the end of the program


def print_anything() -> None:
    """Let standard output and error print a character that their encoding does not have as an escape.

    The locale of a machine (C, Latin-1), and a name of a file that is not UTF-8, must not end a program after its work.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def show_no_credentials() -> None:
    """Keep credentials away from libraries as far as may be, and mask what is written to standard error.

    Loggers and warnings of libraries, threads that end in an exception, and tracebacks write there, too.
    """
    take_out()
    if not isinstance(sys.stderr, MaskedStream):
        sys.stderr = cast(TextIO, MaskedStream(sys.stderr))
    sys.excepthook = _traceback


def _traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # whole, as the interpreter writes it in pieces
    sys.stderr.write("".join(traceback.format_exception(kind, error, trace)))


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
