"""Which pictures people mean, and where each goes; what cannot be done is known before anything is begun."""

import glob
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.picture_files import FORMATS, RAW, SUFFIXES, UNDEVELOPED, UNREAD, find, real

# the formats that are written, by the words of --format, and how their files' names end where there is no name yet
WRITTEN = {"png": ("PNG", ".png"), "jpeg": ("JPEG", ".jpg"), "webp": ("WEBP", ".webp"), "tiff": ("TIFF", ".tif")}
_SUFFIX = dict(WRITTEN.values())


@dataclass(frozen=True)
class Job:
    """One picture to read, and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Failure:
    """What was not denoised, and why."""

    source: Path
    reason: str


@dataclass
class Plan:
    """What is to be done, and what cannot be."""

    jobs: list[Job] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def plan(arguments: Iterable[str], output: Path, *, into: str | None = None, overwrite: bool = False) -> Plan:
    """Find the pictures and name what is written of each: names are kept, folders too.

    A file that is named is always tried; of a folder, and of what a pattern such as `photos/**/*.jpg` matches, the
    pictures by their endings, without hidden files.

    Args:
        arguments: files, folders and patterns; a `~` at the beginning is the home folder.
        output: the folder to write into.
        into: a key of `WRITTEN` for another format; None keeps it where it is one that is written.
        overwrite: whether files of an earlier call may be replaced; a picture to be denoised never is.
    """
    made = Plan()
    inside = real(output)
    wanted: dict[Path, dict[Path, Path]] = defaultdict(dict)
    for argument in arguments:
        try:
            found = _found(argument, inside, made.failures)
        except DenoiserError as error:
            made.failures.append(Failure(Path(argument), str(error)))
            continue
        except OSError as error:  # such as a folder above it that may not be entered
            made.failures.append(Failure(Path(argument), error.strerror or str(error)))
            continue
        for source, name in found:
            if source.suffix.lower() in RAW:  # often beside a picture of its own name, which is denoised
                made.failures.append(Failure(source, UNDEVELOPED))
            else:
                wanted[renamed(output / name, into)].setdefault(real(source), source)
    inputs = {source for sources in wanted.values() for source in sources}
    for target, sources in wanted.items():
        refused = _twins(target, list(sources.values())) or refusal(target, inputs, overwrite)
        for source in sources.values():
            if refused:
                made.failures.append(Failure(source, refused))
            else:
                made.jobs.append(Job(source, target))
    return made


def renamed(target: Path, into: str | None, holds: str | None = None) -> Path:
    """A target's name with the ending of what is written into it.

    Args:
        target: named as the picture that was read.
        into: a key of `WRITTEN`, or None to keep the format.
        holds: the format that was read, a key of `FORMATS`; None where only its name is known.
    """
    suffix = target.suffix.lower()
    by_name = next((name for name, suffixes in FORMATS.items() if suffix in suffixes), None)
    if into is None and holds is None and by_name is None:
        return target  # known once it was read
    written = WRITTEN[into][0] if into else written_as(holds or by_name or "")
    if suffix in FORMATS[written]:
        return target
    return target.with_suffix(_SUFFIX[written]) if by_name else target.with_name(target.name + _SUFFIX[written])


def written_as(read: str) -> str:
    """The format that a picture of some format is written in: its own where that is one of `WRITTEN`, else PNG."""
    return read if read in _SUFFIX else "PNG"


def refusal(target: Path, inputs: set[Path], overwrite: bool) -> str | None:
    """Why a file may not be written, if so.

    Args:
        target: the file.
        inputs: all pictures to denoise, resolved.
        overwrite: whether a file that is no such picture may be replaced.
    """
    if real(target) in inputs:
        return f"{target} is one of the pictures to denoise; name another output folder"
    if target.exists() and not overwrite:
        return f"{target} exists; --overwrite replaces it"
    return None


def as_path(name: str) -> Path:
    """What was named on the command line; a `~` at the beginning is the home folder unless there is such a file."""
    if name.startswith("~") and not os.path.lexists(name):
        return Path(os.path.expanduser(name))  # noqa: PTH111 - leaves the name of nobody as it is
    return Path(name)


def check_output(output: Path) -> None:
    """Make sure that a folder can be written into, or made, before any work is done.

    Raises:
        DenoiserError: it cannot.
    """
    there = next(folder for folder in (output, *output.parents, *output.absolute().parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise DenoiserError(
            f"{there}: is no folder. --output names the folder to write into, or - for standard output."
        )
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise DenoiserError(f"{there}: cannot be written into: {error.strerror}. Name another --output.") from None


def _found(argument: str, output: Path, failures: list[Failure]) -> list[tuple[Path, Path]]:
    """Pictures, and their names below the output folder; folders that may not be looked into become failures."""
    if not argument:
        raise DenoiserError("an empty name; `.` is this folder")
    path = as_path(argument)
    if path.is_dir():
        before = len(failures)
        found = _pictures_in(path, output, failures)
        if not found and len(failures) == before:
            raise DenoiserError("holds no picture")
        return [(file, file.relative_to(path)) for file in found]
    if os.path.lexists(path):
        return [(path, Path(path.name))]
    if glob.has_magic(str(path)):
        return _matches(path, output, failures)
    raise DenoiserError("no such file or folder")


def _matches(pattern: Path, output: Path, failures: list[Failure]) -> list[tuple[Path, Path]]:
    root = next(folder for folder in pattern.parents if not glob.has_magic(str(folder)))
    found: dict[Path, None] = {}
    for match in sorted(set(_expanded(pattern))):
        path = Path(match)
        if "**" in pattern.parts and path.is_dir() and path.is_symlink():
            continue
        files = _pictures_in(path, output, failures) if path.is_dir() else [path] if _is_picture(path) else []
        found |= dict.fromkeys(file for file in files if not real(file).is_relative_to(output))
    if not found:
        raise DenoiserError("this pattern matches no picture")
    return [(file, file.relative_to(root)) for file in found]


def _expanded(pattern: Path) -> Iterator[str]:
    """What a pattern matches. `**` goes into no link to a folder: two that lead back upwards would have no end."""
    if "**" not in pattern.parts:
        yield from glob.glob(str(pattern))  # noqa: PTH207 - Path.glob takes none from the root on
        return
    at = pattern.parts.index("**")
    above, below = Path(*pattern.parts[:at]), pattern.parts[at + 1 :]
    for start in glob.glob(str(above)):  # noqa: PTH207
        if not below:
            yield start
            continue
        for place, folders, _ in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from _expanded(Path(glob.escape(place), *below))


def _pictures_in(folder: Path, output: Path, failures: list[Failure]) -> list[Path]:
    def refused(error: OSError) -> None:
        failures.append(Failure(Path(error.filename), f"cannot be looked into: {error.strerror}"))

    pictures, others = find(folder, refused)
    found = pictures + [file for file in others if _is_picture(file)]
    if real(folder) in output.parents:
        # what an earlier call wrote into a folder below is no input of this one
        found = [file for file in found if not real(file).is_relative_to(output)]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES | UNREAD


def _twins(target: Path, sources: list[Path]) -> str | None:
    if len(sources) == 1:
        return None
    names = f"{', '.join(map(str, sources[:-1]))} and {sources[-1]}"
    return f"{names} would all become {target}; denoise them into folders of their own"
