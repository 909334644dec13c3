"""A tracking server that dies, lies or is slow at each of its requests; two at once; a secret in its address."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.faults.tally import some
from tests.faults.workplace import Workplace
from tests.guard import guarded
from tests.mlflow_server import mlflow_server

# the server answers within moments, so that what waits for it longer than this waits for nothing
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
_HOP_BY_HOP = {"connection", "content-encoding", "content-length", "transfer-encoding", "host"}

LIES = {
    "cuts the line": None,
    "answers 500": (500, b"oops"),
    "answers 200 with a page": (200, b"<html>Welcome to this network. Please log in.</html>"),
    "answers 200 with nothing": (200, b""),
    "answers half of its JSON": (200, b'{"run": {"info": {"run_id": "'),
    "is slow": (0, b""),
}


class Proxy:
    """In front of the server at `upstream`: what it does at the n-th request, once or from then on."""

    def __init__(self, upstream: str) -> None:
        self.upstream, self.seen, self.at, self.kind, self.for_good = upstream, 0, 0, "", False
        self.counting = threading.Lock()

    def set(self, at: int, kind: str, *, for_good: bool = False) -> None:
        self.seen, self.at, self.kind, self.for_good = 0, at, kind, for_good

    def wrong(self) -> bool:
        with self.counting:
            self.seen += 1
            return bool(self.at) and (self.seen == self.at or (self.for_good and self.seen > self.at))


@contextmanager
def proxied(upstream: str) -> Iterator[tuple[str, Proxy]]:
    """The address of a proxy, and what steers it."""
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if proxy.wrong():
                said = LIES[proxy.kind]
                if said is None:
                    self.close_connection = True
                    return
                if said[0]:
                    self.reply(*said)
                    return
                time.sleep(3)
            sent = {key: value for key, value in self.headers.items() if key.lower() not in _HOP_BY_HOP}
            got = requests.request(self.command, proxy.upstream + self.path, headers=sent, data=body, timeout=None)
            self.reply(got.status_code, got.content, got.headers.get("Content-Type", "application/json"))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", proxy
    finally:
        http.shutdown()
        http.server_close()


@pytest.fixture(scope="module")
def behind(tmp_path_factory, empty_database) -> Iterator[tuple[str, Proxy]]:
    with (
        mlflow_server(tmp_path_factory.mktemp("tracking"), empty_database) as upstream,
        proxied(upstream) as (address, proxy),
    ):
        yield address, proxy


@pytest.mark.faults
@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("stage", ["train", "register"])
def test_a_server_that_fails_once(workplace, tallying, behind, stage, kind):
    row = tallying(f"the server {kind} once, in `{stage}`")
    address, proxy = behind
    environment = {"MLFLOW_TRACKING_URI": address, **IMPATIENT}
    workplace.put_back(f"before-{stage}")
    proxy.set(0, "")
    assert workplace.stage(stage, environment=environment).code == 0
    requests_made = proxy.seen
    # each request meets two of the kinds, and the first three meet all
    for at in sorted({1, 2, 3, *range(1 + list(LIES).index(kind) % 3, requests_made + 1, 3)}):
        workplace.put_back(f"before-{stage}")
        proxy.set(at, kind)
        first = workplace.stage(stage, environment=environment)
        proxy.set(0, "")
        again = workplace.stage(stage, environment=environment)
        right = again.code == 0 and (stage == "register" or workplace.is_right(stage))
        said = f"{first.code}: {first.output}\n{again.code}: {again.output}"
        row.count(f"request {at}", right=right, traceback=first.traceback or again.traceback, said=said)


@pytest.mark.faults
def test_a_server_that_goes_away_for_good_in_a_training(workplace, tallying, behind):
    row = tallying("the server goes away for good, in `train`")
    address, proxy = behind
    environment = {"MLFLOW_TRACKING_URI": address, **IMPATIENT}
    for at in some(range(1, 24, 4), 6):
        workplace.put_back("before-train")
        proxy.set(at, "cuts the line", for_good=True)
        first = workplace.stage("train", environment=environment)
        proxy.set(0, "")
        again = workplace.stage("train", environment=environment)
        right = again.code == 0 and workplace.is_right("train")
        said = f"{first.code}: {first.output}\n{again.code}: {again.output}"
        row.count(f"request {at}", right=right, traceback=first.traceback or again.traceback, said=said)


SECRETS = ["plainsecret77", "s#cr/t?77", "p@ss:w@rd77", "blank secret 77", "per%cent%2F77", "quo\"te'77", "ünïcode77"]


def holds(workplace: Workplace, secrets: list[bytes]) -> list[str]:
    """Files of the clone, and of the folder for temporary files, in which one of the secrets stands."""
    # this file, which the clone holds too, names the secrets
    places = [place for place in workplace.folder.iterdir() if place.name not in {".git", "tests"}]
    places += workplace.zygote.scratch.iterdir()
    files = [path for place in places for path in [place, *place.rglob("*")] if path.is_file()]
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]


@pytest.mark.faults
@pytest.mark.parametrize("secret", some(SECRETS, 2))
@pytest.mark.parametrize("where", ["address", "environment"])
def test_a_planted_secret_is_nowhere_afterwards(workplace, tallying, secret, where):
    """A server that is not there, and a command of each kind that wants to reach it."""
    row = tallying("a secret planted, searched for in all files and all that is printed")
    if where == "address":
        environment = {"MLFLOW_TRACKING_URI": f"http://user:{secret}@127.0.0.1:9/x"}
    else:
        environment = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_TRACKING_PASSWORD": secret}
        environment["MLFLOW_TRACKING_USERNAME"] = "user"
    environment |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}
    commands = [("registry", "list"), ("retrain", "--dry-run"), ("denoise", "x.png", "--output", "o")]
    workplace.put_back("finished")
    for command in commands:
        done = workplace.command(*command, environment=environment)
        # a part of it is too much, too
        leaked = secret in done.output or secret[-6:] in done.output
        leaked = leaked or bool(holds(workplace, [secret.encode()]))
        row.count(" ".join(command), right=True, leaked=leaked, traceback=done.traceback, said=done.output)
    for stage in ("train", "register"):
        workplace.put_back(f"before-{stage}")
        done = workplace.stage(stage, environment=environment)
        leaked = secret in done.output or secret[-6:] in done.output
        leaked = leaked or bool(holds(workplace, [secret.encode()]))
        row.count(stage, right=True, leaked=leaked, traceback=done.traceback, said=done.output)


@pytest.mark.faults
@pytest.mark.parametrize("secret", SECRETS[:3])
def test_a_secret_that_the_server_knows_is_nowhere_afterwards(workplace, tallying, behind, secret):
    row = tallying("a secret planted, a server that asks for it")
    address, proxy = behind
    proxy.set(0, "")
    with guarded(address, {"user": secret}) as guard:
        environment = {"MLFLOW_TRACKING_URI": guard, "MLFLOW_TRACKING_USERNAME": "user"}
        environment |= {"MLFLOW_TRACKING_PASSWORD": secret, **IMPATIENT}
        workplace.put_back("before-train")
        for stage in ("train", "evaluate", "register"):
            done = workplace.stage(stage, environment=environment)
            leaked = secret in done.output or bool(holds(workplace, [secret.encode()]))
            row.count(stage, right=done.code == 0, leaked=leaked, traceback=done.traceback, said=done.output)
