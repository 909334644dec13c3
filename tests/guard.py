"""A server before a server: it lets in only who has a password, or answers under a path, as in practice."""

import base64
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

_HOP_BY_HOP = {"connection", "content-encoding", "content-length", "transfer-encoding", "host", "authorization"}


@contextmanager
def guarded(
    address: str,
    passwords: Mapping[str, str] | None,
    readers: Collection[str] = (),
    prefix: str = "",
    strangers: Collection[str] = (),
) -> Iterator[str]:
    """The address of a guard on loopback before the server at `address`.

    Args:
        address: of the server.
        passwords: by user; who has none of them gets a 401. None lets everybody in.
        readers: users who get a 403 for what changes something.
        prefix: the path that it answers under, and that the server behind it does not know of.
        strangers: users who have an account, and get a 403 for everything.
    """
    users = {
        f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}": pair[0] for pair in (passwords or {}).items()
    }

    class Guard(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            user = users.get(self.headers.get("Authorization", ""))
            if user is None and passwords is not None:
                self.reply(401, {"WWW-Authenticate": "Basic"}, b"who are you?")
                return
            if user in strangers or (user in readers and self.command != "GET" and not self.path.endswith("/search")):
                self.reply(403, {}, b"not you")
                return
            sent = {key: value for key, value in self.headers.items() if key.lower() not in _HOP_BY_HOP}
            if not self.path.startswith(prefix):
                self.reply(404, {}, b"nothing here")
                return
            path = self.path.removeprefix(prefix)
            got = requests.request(self.command, address + path, headers=sent, data=body, timeout=None)
            kept = {key: value for key, value in got.headers.items() if key.lower() not in _HOP_BY_HOP}
            self.reply(got.status_code, kept, got.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
