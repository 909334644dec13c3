"""Many pictures, one after the other: while one is denoised, the next is read and the last is written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser import picture_files
from svhn_denoiser.denoising import writing
from svhn_denoiser.denoising.jobs import WRITTEN, Job, refusal, renamed, written_as
from svhn_denoiser.denoising.noise_level import noise_level
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.picture_files import Picture, UnreadablePictureError

Values = NDArray[Any]
# (H, W), (H, W, 3) or (N, H, W, 3), uint8, uint16 or float32 in [0, 1], to the same
Denoise = Callable[[Values], Values]

# Pixels of pictures that are read and not yet written; a larger picture is alone
_IN_HAND = 24_000_000
_FILES_IN_HAND = 2000
# small pictures of one size go through the network together, up to so many pixels
_TOGETHER = 256 * 32 * 32


@dataclass(frozen=True)
class Settings:
    """How pictures are denoised and written.

    Attributes:
        into: a key of `WRITTEN`, or None to keep the format.
        strength: 0 leaves a picture as it is, 1 denoises it; between them, so much of either.
        strip: leave EXIF and XMP out.
        overwrite: replace files of an earlier call.
    """

    into: str | None = None
    strength: float = 1.0
    strip: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Result:
    """What became of a picture.

    Attributes:
        source: its file.
        target: what was written; None where nothing was.
        reason: why it was not denoised, if so.
        pixels: how many it has.
        noise: standard deviation of its noise before, estimated; None where it was not read.
        halved_colours: whether its colours have a lower resolution than its brightness.
        notes: what is to be said of it, such as what its new format cannot hold.
    """

    source: Path
    target: Path | None = None
    reason: str | None = None
    pixels: int = 0
    noise: float | None = None
    halved_colours: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _InHand:
    job: Job
    picture: Picture
    result: Result

    @property
    def together(self) -> tuple[Any, ...] | None:
        """What is the same for pictures that may go through the network together; None if it goes alone."""
        values = self.picture.values
        fits = values.ndim == 3 and values.shape[2] == 3 and 2 * self.result.pixels <= _TOGETHER
        return (values.shape, values.dtype) if fits and values.dtype.kind == "u" else None


def denoise_files(
    jobs: Iterable[Job],
    denoise: Denoise,
    settings: Settings,
    look: Callable[[Job, Picture, Values], None] = lambda *_: None,
) -> Iterator[Result]:
    """Denoise pictures, whatever happens to one of them; yields what became of each, in their order.

    Args:
        jobs: what :func:`.jobs.plan` found.
        denoise: the network, such as a :class:`.denoiser.Denoiser`.
        settings: how.
        look: is shown each picture with its denoised values.
    """
    flow = _Flow(jobs, denoise, settings, look)
    try:
        yield from flow.results()
    finally:
        flow.end()


class _Flow:
    """Pictures on their way: waiting, being read, in a batch that goes through the network next, being written.

    Each list is in the order of the pictures, and a picture moves from one to the next.
    """

    def __init__(
        self, jobs: Iterable[Job], denoise: Denoise, settings: Settings, look: Callable[[Job, Picture, Values], None]
    ) -> None:
        self._denoise, self._settings, self._look = denoise, settings, look
        self._waiting = deque(jobs)
        self._inputs = {picture_files.real(job.source) for job in self._waiting}
        self._reading: deque[Future[_InHand | Result]] = deque()
        self._batch: list[_InHand] = []
        self._writing: deque[Future[Result]] = deque()
        # pixels of each picture in hand
        self._sizes: deque[int] = deque()
        self._in_hand = 0
        self._readers, self._writers = ThreadPoolExecutor(2), ThreadPoolExecutor(2)

    def results(self) -> Iterator[Result]:
        while self._waiting or self._reading or self._batch or self._writing:
            self._begin_reading()
            if self._reading:
                self._take(self._reading.popleft().result())
            elif self._writing:
                # before a batch that is not full: which pictures go together depends on no thread's speed
                yield self._written()
            else:
                self._flush()
            while self._writing and self._writing[0].done():
                yield self._written()

    def end(self) -> None:
        """Wait for what is being written; begin nothing more."""
        for pool in (self._readers, self._writers):
            pool.shutdown(cancel_futures=True)

    def _begin_reading(self) -> None:
        while self._waiting and len(self._sizes) < _FILES_IN_HAND:
            size = _pixels(self._waiting[0].source)
            if self._sizes and self._in_hand + size > _IN_HAND:
                return
            self._reading.append(self._readers.submit(_read, self._waiting.popleft()))
            self._sizes.append(size)
            self._in_hand += size

    def _take(self, read: "_InHand | Result") -> None:
        if isinstance(read, Result):
            self._flush()
            self._writing.append(self._writers.submit(lambda: read))
            return
        if self._batch and (read.together is None or read.together != self._batch[0].together):
            self._flush()
        self._batch.append(read)
        if read.together is None or (len(self._batch) + 1) * read.result.pixels > _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        found = _denoised([each.picture.values for each in self._batch], self._denoise, self._settings.strength)
        for each, after in zip(self._batch, found, strict=True):
            if not isinstance(after, str):
                self._look(each.job, each.picture, after)
            self._writing.append(self._writers.submit(_write, each, after, self._settings, self._inputs))
        self._batch.clear()

    def _written(self) -> Result:
        result = self._writing.popleft().result()
        self._in_hand -= self._sizes.popleft()
        return result


def denoised(values: Values, denoise: Denoise, strength: float = 1.0) -> Values:
    """Denoise a picture's brightness and colours; alpha stays as it is.

    Args:
        values: (H, W[, 1 to 4]), as :class:`Picture` has them; floats in [0, 1].
        denoise: the network.
        strength: how much of the denoised picture is taken, 0 to 1.

    Raises:
        DenoiserError: the values cannot be denoised, or the network does not answer with pictures.
    """
    alpha = values[..., -1:] if values.ndim == 3 and values.shape[2] in {2, 4} else None
    colours = values if alpha is None else values[..., :-1]
    colours = colours[..., 0] if colours.ndim == 3 and colours.shape[2] == 1 else colours
    result = _blended(colours, denoise(colours), strength)
    return result if alpha is None else np.concatenate([result.reshape(*values.shape[:2], -1), alpha], axis=2)


def _denoised(pictures: list[Values], denoise: Denoise, strength: float) -> list[Values | str]:
    """Each picture's new values, or why there are none."""
    try:
        if len(pictures) == 1:
            return [denoised(pictures[0], denoise, strength)]
        before = np.stack(pictures)
        return list(_blended(before, denoise(before), strength))
    except (DenoiserError, ValueError, MemoryError) as error:
        return [_reason(error)] * len(pictures)


def _blended(before: Values, after: Values, strength: float) -> Values:
    if strength == 1:
        return after
    for start in range(0, len(after), 256):  # row by row or picture by picture: floats take four times the memory
        part = slice(start, start + 256)
        mixed = before[part].astype(np.float32)
        mixed += np.float32(strength) * (after[part].astype(np.float32) - mixed)
        after[part] = np.rint(mixed) if after.dtype.kind == "u" else mixed
    return after


def _read(job: Job) -> _InHand | Result:
    try:
        picture = picture_files.read(job.source)
        values = picture.values
        _check_range(values)
        colours = values[..., :-1] if picture.has_alpha else values
        pixels = values.shape[0] * values.shape[1]
        result = Result(job.source, pixels=pixels, noise=noise_level(colours), halved_colours=picture.halved_colours)
        return _InHand(job, picture, result)
    except UnreadablePictureError as error:
        return Result(job.source, reason=error.reason)
    except (DenoiserError, OSError, ValueError, MemoryError) as error:
        return Result(job.source, reason=_reason(error))


def _check_range(values: Values) -> None:
    if values.dtype.kind == "f" and not (values.min() >= 0 and values.max() <= 1):  # so written, it catches NaN
        raise DenoiserError(f"floats from {values.min():g} to {values.max():g}; expected 0 (black) to 1 (white)")


def _write(read: _InHand, after: Values | str, settings: Settings, inputs: set[Path]) -> Result:
    if isinstance(after, str):
        return replace(read.result, reason=after)
    job, picture = read.job, read.picture
    into = WRITTEN[settings.into][0] if settings.into else written_as(picture.format)
    target = renamed(job.target, settings.into, picture.format)
    notes = []
    try:
        if target != job.target and job.source.suffix.lower() in picture_files.SUFFIXES:
            notes.append(f"holds {picture.format}, whatever its name says: written as {target.name}")
        if reason := refusal(target, inputs, settings.overwrite):
            raise DenoiserError(reason)
        notes += writing.write(target, picture, after, into, strip=settings.strip, source=job.source)
        if settings.into is None and into != picture.format:
            notes.append(f"{picture.format} is not written here: it became {into}")
    except OSError as error:
        return replace(read.result, reason=f"{target} cannot be written: {error.strerror or error}")
    except (DenoiserError, ValueError, MemoryError) as error:
        return replace(read.result, reason=_reason(error))
    return replace(read.result, target=target, notes=tuple(notes))


def _pixels(source: Path) -> int:
    try:
        height, width = picture_files.size(source)
    except DenoiserError:
        return 0  # why not is said where it is read
    return height * width


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error).rstrip(".") or type(error).__name__
