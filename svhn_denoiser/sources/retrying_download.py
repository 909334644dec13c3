"""Download one file from one address, with retries: each resumes where the last one stopped."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
import urllib3

_CHUNK = 1 << 16
_LONGEST_PAUSE = 60.0  # seconds
# a try that brings so many bytes is progress and restarts the count of tries, or a long file would never arrive over a
# line that breaks now and then
_PROGRESS = 1 << 20
_TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to retry.

    Attributes:
        timeout: seconds to wait for a connection, and between two pieces of data.
        tries: how often to try in a row without progress.
        sleep: waits for some seconds; tests pass a function that does not.
    """

    timeout: float
    tries: int
    sleep: Callable[[float], None] = time.sleep


class TransferError(Exception):
    """Why a download failed, in words for the user."""


class _BrokenError(Exception):
    # worth another try
    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _RangeRefusedError(Exception):
    pass


def transfer(
    url: str,
    part: Path,
    size: int,
    patience: Patience,
    *,
    show: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Fetch a file of a known size; what has arrived stays in `part`, whatever happens.

    Args:
        url: http, https or file address.
        part: partial file; bytes that it holds are not fetched again where the server honours Range.
        size: bytes of the whole file.
        patience: time-outs and tries.
        show: called with the number of bytes so far.
        say: called with a sentence about each failed try and the pause after it.

    Returns:
        Whether all bytes of `part` came in one piece; if not, they may be of two versions of the file.

    Raises:
        TransferError: this address does not give the file.
    """
    if urlsplit(url).scheme == "file":
        _copy(url, part, size, show)
        return True
    failed, use_range = 0, True
    most = _held(part)
    in_one_piece = most == 0
    with requests.Session() as session:
        while (held := _held(part)) < size:
            try:
                _try_once(session, url, part, size, patience.timeout, held if use_range else 0, show)
            except _RangeRefusedError:  # comes once, as the next try names no range
                use_range = False
            except _BrokenError as broken:
                held = _held(part)
                in_one_piece = in_one_piece and held == 0
                failed = 1 if held - most >= _PROGRESS else failed + 1
                most = max(most, held)
                if failed >= patience.tries:
                    raise TransferError(f"{broken} ({failed} {'try' if failed == 1 else 'tries'})") from None
                pause = min(2.0 ** (failed - 1) if broken.pause is None else broken.pause, _LONGEST_PAUSE)
                say(f"{url}: {broken}; trying again in {pause:g} s")
                patience.sleep(pause)
    return in_one_piece


def _held(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _try_once(
    session: requests.Session,
    url: str,
    part: Path,
    size: int,
    timeout: float,
    held: int,
    show: Callable[[int], None],
) -> None:
    # a server that compresses on the fly would make lengths and ranges meaningless
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.exceptions.Timeout:
        raise _BrokenError(f"no answer within {timeout:g} s") from None
    except requests.exceptions.SSLError as error:
        raise TransferError(f"no secure connection: {_innermost(error)}") from None
    except requests.exceptions.ConnectionError as error:
        proxy = isinstance(error, requests.exceptions.ProxyError)
        through = "the proxy of HTTP_PROXY or HTTPS_PROXY cannot be used: " if proxy else ""
        raise _BrokenError(f"no connection: {through}{_innermost(error)}") from None
    except requests.exceptions.RequestException as error:
        raise TransferError(f"cannot be asked: {error}") from None
    with response:
        begin = _begin(response, held, size)
        with part.open("ab" if begin else "wb") as file:
            show(begin)
            why = "ended"
            try:
                for piece in _pieces(response):
                    if file.tell() + len(piece) > size:
                        raise TransferError(f"sends more than the {size:,} bytes expected: another file")
                    file.write(piece)
                    file.flush()  # what has arrived outlives a killed process
                    show(file.tell())
            except urllib3.exceptions.TimeoutError:
                why = f"sent nothing for {timeout:g} s"
            except urllib3.exceptions.HTTPError:
                why = "broke off"
            if file.tell() < size:
                raise _BrokenError(f"{why} after {file.tell():,} of {size:,} bytes")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    # read1 hands over what has arrived rather than wait for a full piece: a server that hangs takes nothing with it
    while piece := response.raw.read1(_CHUNK, decode_content=False):
        yield piece


def _begin(response: requests.Response, held: int, size: int) -> int:
    """The position of the answer's first byte in the file, if it is an answer to go on with."""
    status = response.status_code
    if status == HTTPStatus.PARTIAL_CONTENT and held:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if not found or int(found[1]) != held:
            raise _RangeRefusedError
        if found[2] not in {str(size), "*"}:
            raise TransferError(f"has a file of {found[2]} bytes; expected {size}")
        return held
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
        raise _RangeRefusedError
    if status in _TRY_AGAIN or status >= 500:
        raise _BrokenError(f"HTTP {status} {response.reason}", _asked_pause(response))
    if status != HTTPStatus.OK:
        raise TransferError(f"HTTP {status} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise TransferError("answers with a web page in place of the file")
    length = response.headers.get("Content-Length", str(size))
    if length != str(size):
        raise TransferError(f"has a file of {length} bytes; expected {size}")
    return 0


def _asked_pause(response: requests.Response) -> float | None:
    asked = response.headers.get("Retry-After", "").strip()
    return float(asked) if asked.isdecimal() else None


def _innermost(error: BaseException) -> str:
    # requests wraps what went wrong three times; only the core is of use to a reader
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _copy(url: str, part: Path, size: int, show: Callable[[int], None]) -> None:
    source = Path(url2pathname(urlsplit(url).path))
    try:
        original = source.open("rb")
    except OSError as error:
        raise TransferError(error.strerror or str(error)) from None
    with original:
        found = os.fstat(original.fileno()).st_size
        if found != size:
            raise TransferError(f"has a file of {found} bytes; expected {size}")
        with part.open("wb") as file:
            while piece := original.read(_CHUNK):
                file.write(piece)
                show(file.tell())
