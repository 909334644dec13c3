"""A real HTTP server on loopback that serves files and, where a test says so, fails in a given way."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# the name of a field below
Positions = range


@dataclass
class Request:
    """What a client asked for, and the positions in the file of the bytes that were sent back."""

    name: str
    range: str | None
    sent: Positions = field(default_factory=lambda: range(0))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: "Server"


class Server:
    """Serves `files`; the answers in `script` for a name are used up first, one a request."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.requests: list[Request] = []
        self.released = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.address = f"http://127.0.0.1:{self._http.server_port}/housenumbers/"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    def ranges(self) -> list[str | None]:
        return [request.range for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        server = self.server.owner
        name = self.path.removeprefix("/housenumbers/")
        self.request_made = Request(name, self.headers["Range"])
        server.requests.append(self.request_made)
        answer = server.script[name].pop(0) if server.script[name] else whole()
        if name not in server.files:
            answer = status(404)
        try:
            answer(self, server.files.get(name, b""))
        except ConnectionError:
            self.close_connection = True

    def begin(self, content: bytes, *, ranges: bool = True, length: bool = True) -> int:
        """Send the headers of an honest answer; gives the position to send from."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "") if ranges else None
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return len(content)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if length:
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        return start

    def send(self, content: bytes, start: int, stop: int) -> None:
        self.request_made.sent = range(start, stop)
        self.wfile.write(content[start:stop])
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


Answer = Callable[[_Handler, bytes], None]


def whole(*, ranges: bool = True, length: bool = True) -> Answer:
    def answer(handler: _Handler, content: bytes) -> None:
        handler.send(content, handler.begin(content, ranges=ranges, length=length), len(content))

    return answer


def cut_off(at: int, *, ranges: bool = True, length: bool = True) -> Answer:
    """The connection ends before the byte `at` of the file."""

    def answer(handler: _Handler, content: bytes) -> None:
        handler.send(content, handler.begin(content, ranges=ranges, length=length), at)
        handler.close_connection = True

    return answer


def no_headers() -> Answer:
    """The connection ends before anything is sent."""

    def answer(handler: _Handler, _: bytes) -> None:
        handler.close_connection = True

    return answer


def hang(at: int) -> Answer:
    """Nothing more comes after the byte `at`, and the connection stays open."""

    def answer(handler: _Handler, content: bytes) -> None:
        handler.send(content, handler.begin(content), at)
        handler.server.owner.released.wait()
        handler.close_connection = True

    return answer


def hang_at_once() -> Answer:
    def answer(handler: _Handler, _: bytes) -> None:
        handler.server.owner.released.wait()
        handler.close_connection = True

    return answer


def other(content: bytes) -> Answer:
    """Other bytes than the file's, served honestly."""
    return lambda handler, _: handler.send(content, handler.begin(content), len(content))


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: _Handler, _: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer
