"""Undo a retraining's changes to params.yaml and dvc.lock, even if it was stopped at any moment.

What is needed for that is kept beside the checkout, and whether the last retraining there came to its end.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json, whole, write_json
from svhn_denoiser.paths import DVC_LOCK, PARAMS
from svhn_denoiser.retraining.checkout import STATE, head

_BEFORE = STATE / "before"
_WRITTEN = _BEFORE / "written.json"
_FINISHED = STATE / "finished"
_FILES = (PARAMS, DVC_LOCK)


class Keep:
    """Whether the chosen settings stay in params.yaml, and their results in dvc.lock."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def settings_put_back(texts: Sequence[str]) -> Iterator[Keep]:
    """In this block params.yaml may be given other texts; after it, it and dvc.lock are as before, unless kept.

    A process that is killed in the block is tidied up after by `put_back`.

    Args:
        texts: what params.yaml may be given.
    """
    shutil.rmtree(_BEFORE, ignore_errors=True)
    _BEFORE.mkdir(parents=True)
    for file in _FILES:
        if file.exists():
            shutil.copy(file, _BEFORE / file.name)
    # last: without it, nothing here counts
    write_json(_WRITTEN, {"head": head(), "texts": list(texts)})
    keep = Keep()
    try:
        yield keep
    finally:
        if keep.asked:
            shutil.rmtree(_BEFORE)
        else:
            put_back()


def put_back(say: Callable[[str], None] = lambda _: None) -> None:
    """Undo the settings of a retraining that did not keep them; what a person wrote or checked out since stays."""
    if left_behind():
        # params.yaml last: by its text it is known that this is still to be done
        for file in reversed(_FILES):
            if (_BEFORE / file.name).exists():
                with whole(file) as unfinished:
                    shutil.copy(_BEFORE / file.name, unfinished)
            else:
                file.unlink(missing_ok=True)
        say("params.yaml and dvc.lock are again as they were before a retraining that was stopped")
    shutil.rmtree(_BEFORE, ignore_errors=True)


def text_after(file: Path) -> str | None:
    """What params.yaml or dvc.lock is once `put_back` was called; None where there is none then.

    Raises:
        DenoiserError: it is no text.
    """
    where = _BEFORE / file.name if left_behind() else file
    return _text(where) if where.exists() else None


def left_behind() -> bool:
    """Whether there are settings of a retraining that was stopped before it put them back.

    Raises:
        DenoiserError: that cannot be known, as the note of it is damaged, or params.yaml is no text.
    """
    if not _WRITTEN.exists():
        return False
    try:
        written = read_json(_WRITTEN, {"head": str, "texts": list})
    except DenoiserError as error:
        raise DenoiserError(
            f"{str(error).partition(' Delete it')[0]} A retraining was stopped before it put params.yaml and dvc.lock "
            f"back: take them from {_BEFORE} where they differ, and delete that folder."
        ) from None
    # another commit may have these very settings, and has a dvc.lock of its own
    return head() == written["head"] and _text(PARAMS) in written["texts"]


def note_finished() -> None:
    """Note that all was done that dvc.lock asks for."""
    _FINISHED.write_text(_state(), encoding="utf-8")


def finished() -> bool:
    """Whether all was done that dvc.lock asks for, by an earlier retraining in this checkout."""
    return _FINISHED.exists() and _FINISHED.read_bytes() == _state().encode()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DenoiserError(f"{file}: cannot be read as UTF-8 text: {error}") from None


def _state() -> str:
    return hashlib.sha256((text_after(DVC_LOCK) or "").encode()).hexdigest()
