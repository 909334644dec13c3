"""Git, asked in one place: what it answers is read alike whatever the machine's language, and errors say all of it."""

import os
import subprocess

from svhn_denoiser.errors import DenoiserError

# git says this of a repository that belongs to somebody else, as in a container or on a shared disk
_NOT_OURS = "dubious ownership"

# variables that make git work on another repository than the one around the working folder, which is what DVC works on:
# a hook of another repository has them, and all that it starts
_ELSEWHERE = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
}


class ForeignRepositoryError(DenoiserError):
    """The repository belongs to another user, and git reads it only where it is told that this is safe."""


def git(*arguments: str, strip: bool = True) -> str:
    """What git answers: UTF-8, and each byte that is none as a surrogate, as Python has it in names of files.

    It is asked about the repository around the working folder, whatever the environment says, and answers in English.

    Raises:
        ForeignRepositoryError: the repository belongs to another user.
        DenoiserError: git refuses, with all that it says, or is not installed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment["LANGUAGE"] = "en"
    command = [b"git", *map(_bytes, arguments)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=True)  # noqa: S603
    except OSError as error:
        reason = "is not installed" if isinstance(error, FileNotFoundError) else f"cannot be run: {error.strerror}"
        raise DenoiserError(f"git: {reason}.") from None
    except subprocess.CalledProcessError as error:
        said = _text(error.stderr).strip() or _text(error.stdout).strip() or f"exit code {error.returncode}"
        kind = ForeignRepositoryError if _NOT_OURS in said else DenoiserError
        raise kind(f"git {' '.join(arguments[:2])}: {said}") from None
    answer = _text(done.stdout)
    # and no more than the end of the line: the name of a folder may end in a blank
    return answer.rstrip("\r\n") if strip else answer


def _bytes(argument: str) -> bytes:
    return argument.encode("utf-8", "surrogateescape")


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "surrogateescape")
