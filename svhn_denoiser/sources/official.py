"""The official SVHN files: downloaded from mirrors into a per-user cache, and copied into the pipeline.

Netzer et al. 2011, "Reading Digits in Natural Images with Unsupervised Feature Learning". The names, sizes and sums
are those of http://ufldl.stanford.edu/housenumbers/.
"""

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.locks import waiting
from svhn_denoiser.params import SvhnSettings
from svhn_denoiser.sources.retrying_download import Patience, TransferError, transfer

HOME = "http://ufldl.stanford.edu/housenumbers/"
MIRROR_VARIABLE = "SVHN_DENOISER_MIRROR"
CACHE_VARIABLE = "SVHN_DENOISER_CACHE"


@dataclass(frozen=True)
class RemoteFile:
    """A file as it must arrive: its size in bytes and the hex digits of its sha256."""

    name: str
    size: int
    sha256: str


TRAIN = RemoteFile("train_32x32.mat", 182040794, "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8")
TEST = RemoteFile("test_32x32.mat", 64275384, "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b")
EXTRA = RemoteFile("extra_32x32.mat", 1329278602, "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3")
OFFICIAL = (TRAIN, TEST, EXTRA)


def copy(settings: SvhnSettings, target: Path, table: Sequence[RemoteFile] = OFFICIAL) -> None:
    """Put the official files into the folder `target`, from the cache or downloaded into it.

    Args:
        settings: mirrors, patience, and whether the last file of the table is wanted too.
        target: folder that is there.
        table: the train, the test and the extra file.

    Raises:
        DenoiserError: as `fetch`.
    """
    files = table if settings.extra else table[:2]
    patience = Patience(settings.timeout, settings.retries)
    for path in fetch(files, mirrors(settings.mirrors), cache(), patience):
        shutil.copyfile(path, target / path.name)


def mirrors(configured: Sequence[str]) -> list[str]:
    """The addresses to try: the one of SVHN_DENOISER_MIRROR, then the configured ones; each once, ending in a slash.

    Raises:
        DenoiserError: SVHN_DENOISER_MIRROR is no address.
    """
    own = os.environ.get(MIRROR_VARIABLE, "").strip()
    if own and not own.startswith(("http://", "https://", "file://")):
        raise DenoiserError(
            f"{MIRROR_VARIABLE} = {own}: is no address. Begin it with http://, https:// or file://, "
            "such as file:///srv/svhn/ for the folder /srv/svhn."
        )
    addresses = [own, *configured] if own else configured
    return list(dict.fromkeys(address.rstrip("/") + "/" for address in addresses))


def cache() -> Path:
    """The folder that keeps downloads for all clones: SVHN_DENOISER_CACHE, or the system's place for caches."""
    own = os.environ.get(CACHE_VARIABLE, "").strip()
    return Path(own).expanduser() if own else Path(pooch.os_cache("svhn-denoiser"))


def fetch(files: Sequence[RemoteFile], mirrors: Sequence[str], cache: Path, patience: Patience) -> list[Path]:
    """Make sure that the cache holds some files, each checked against its size and sha256.

    A file in the cache costs no request. Of a download that breaks off, `<name>.part` stays in the cache, and the next
    call resumes it, even from another mirror. Processes that want the same file wait for each other.

    Args:
        files: what to fetch.
        mirrors: base addresses, ending in a slash, tried in order.
        cache: made if it is not there.
        patience: time-outs and tries per mirror.

    Returns:
        The files' paths in the cache, in order.

    Raises:
        DenoiserError: no mirror gave a file; says how each failed and what can be done without a network.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # pooch's own messages would repeat ours
    pooch.get_logger().setLevel(logging.WARNING)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            return [_fetch_one(file, mirrors, cache, patience, progress) for file in files]
        except OSError as error:
            raise DenoiserError(
                f"{error.filename or cache}: cannot be written: {error.strerror or error}. Make room there, or set "
                f"{CACHE_VARIABLE} to another folder."
            ) from error


def _fetch_one(file: RemoteFile, mirrors: Sequence[str], cache: Path, patience: Patience, progress: Progress) -> Path:
    failures = []
    with waiting(
        cache / f"{file.name}.lock",
        lambda: _say(progress, f"{file.name}: waiting for another process that fetches it"),
    ):
        for mirror in mirrors:
            try:
                return _fetch_from(mirror, file, cache, patience, progress)
            except TransferError as error:
                failures.append(f"{mirror}{file.name}: {error}")
                if mirror != mirrors[-1]:
                    _say(progress, f"{failures[-1]}; trying the next address")
    raise DenoiserError(
        "\n".join(
            [
                f"{file.name}: no address gave this file.",
                *(f"  {failure}" for failure in failures),
                "The part that has arrived is kept: try again later to resume the download. Without a network: set",
                f"{MIRROR_VARIABLE} to a copy of the files (http://, https:// or file://), or in params.yaml set",
                "download.source to mat (SVHN-format files of yours in download.path) or to synthetic (drawn numbers).",
            ]
        )
    )


def _fetch_from(mirror: str, file: RemoteFile, cache: Path, patience: Patience, progress: Progress) -> Path:
    keeper = pooch.create(path=cache, base_url=mirror, registry={file.name: f"sha256:{file.sha256}"})
    download = _Download(cache / f"{file.name}.part", file, patience, progress)
    for _ in range(2):
        try:
            return Path(keeper.fetch(file.name, downloader=download))
        except ValueError:  # how pooch says that the sum is wrong; it has deleted the bytes
            if download.in_one_piece:
                break
            # the file may have changed between two pieces, or the first come from elsewhere: once more from the start
            _say(progress, f"{mirror}{file.name}: the pieces make no whole; downloading it from the start")
    raise TransferError(f"wrong bytes: their sha256 is not {file.sha256}")


class _Download:
    """pooch's hook: how to bring an address into a file that pooch then checks and names."""

    def __init__(self, part: Path, file: RemoteFile, patience: Patience, progress: Progress) -> None:
        self.in_one_piece = False
        self._part = part
        self._file = file
        self._patience = patience
        self._progress = progress

    def __call__(self, url: str, output_file: str, _: pooch.Pooch) -> None:
        progress, size = self._progress, self._file.size
        if progress.disable:
            _say(progress, f"{self._file.name}: fetching {size / 1e6:,.1f} MB from {url}")
        task = progress.add_task(self._file.name, total=size)
        shown = 0

        def show(done: int) -> None:
            nonlocal shown
            if done < shown or not shown:  # where a try begins; counted as data it would spoil the speed shown
                progress.reset(task, completed=done)
            progress.update(task, completed=done)
            shown = done

        try:
            self.in_one_piece = transfer(
                url, self._part, size, self._patience, show=show, say=lambda line: _say(progress, line)
            )
        finally:
            progress.remove_task(task)
        self._part.replace(output_file)


def _say(progress: Progress, line: str) -> None:
    progress.console.print(line, soft_wrap=True, markup=False, highlight=False)
