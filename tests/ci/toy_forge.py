"""GitHub and GitLab as a job that publishes meets them: a real HTTP server on loopback that keeps what it is told."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ME, TOKEN = 7, "a-token-that-nobody-may-see"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: "Forge"


class Forge:
    """Comments, uploads and pull requests of one repository, `owner/name` or project 1.

    Attributes:
        comments: of pull request 12: `id`, `body` and author.
        uploads: bytes of each picture that GitLab was given.
        pulls: open pull requests.
        refuses: status to answer everything with.
    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.uploads: list[bytes] = []
        self.pulls: list[dict[str, Any]] = []
        self.refuses: int | None = None
        self.asked: list[str] = []
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def say(self, body: str, login: str = "somebody", author: int = 1) -> None:
        """Somebody's comment."""
        number = len(self.comments) + 1
        url = f"{self.address}/repos/owner/name/issues/comments/{number}"
        self.comments.append(
            {"id": number, "url": url, "body": body, "user": {"login": login}, "author": {"id": author}}
        )

    def answer(self, method: str, path: str, query: dict[str, list[str]], content: bytes) -> Any:
        page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
        match method, re.sub(r"\d+$", "N", path):
            case "GET", "/repos/owner/name/issues/12/comments" | "/projects/1/merge_requests/12/notes":
                return self.comments[(page - 1) * size : page * size]
            case "POST", "/repos/owner/name/issues/12/comments" | "/projects/1/merge_requests/12/notes":
                self.say(json.loads(content)["body"], "github-actions[bot]", ME)
                return self.comments[-1]
            case "PATCH" | "PUT", "/repos/owner/name/issues/comments/N" | "/projects/1/merge_requests/12/notes/N":
                comment = self.comments[int(path.rpartition("/")[2]) - 1]
                comment["body"] = json.loads(content)["body"]
                return comment
            case "GET", "/user":
                return {"id": ME}
            case "POST", "/projects/1/uploads":
                self.uploads.append(content.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0])
                return {"markdown": f"![picture](/uploads/{len(self.uploads)}.png)"}
            case "GET", "/repos/owner/name/pulls":
                found = [pull for pull in self.pulls if query["head"] == [f"owner:{pull['head']}"]]
                return found[(page - 1) * size : page * size]
            case "POST", "/repos/owner/name/pulls":
                number = len(self.pulls) + 1
                urls = {
                    "url": f"{self.address}/repos/owner/name/pulls/{number}",
                    "html_url": f"https://the/pull/{number}",
                }
                self.pulls.append(json.loads(content) | urls)
                return self.pulls[-1]
            case "PATCH", "/repos/owner/name/pulls/N":
                pull = self.pulls[int(path.rpartition("/")[2]) - 1]
                pull |= json.loads(content)
                return pull
        return None


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def _do(self) -> None:
        forge: Forge = self.server.owner
        address = urlsplit(self.path)
        forge.asked.append(f"{self.command} {address.path}")
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        known = TOKEN in (self.headers["Authorization"] or "").split() or self.headers["PRIVATE-TOKEN"] == TOKEN
        answer = forge.answer(self.command, address.path, parse_qs(address.query), content) if known else None
        code = forge.refuses or (200 if answer is not None else 404 if known else 401)
        body = json.dumps({"message": "refused"} if code != 200 else answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass
