"""A promotion is announced by MLflow's own webhooks: a real server tells a real receiver."""

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from svhn_denoiser.registry.versions import MODEL
from svhn_denoiser.tracking.store import connect
from tests.command_line import invoke
from tests.mlflow_server import mlflow_server

SECRET = "a secret that both know"
# the receiver has no certificate, and is on this machine
SETTINGS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "https,http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
}

Message = tuple[Mapping[str, str], bytes]


@contextmanager
def receiver() -> Iterator[tuple[str, "queue.Queue[Message]"]]:
    """The address of an HTTP server on loopback, and the messages that it was sent: headers and body."""
    messages: queue.Queue[Message] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            messages.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/promotions", messages
        http.shutdown()


@pytest.mark.slow
def test_a_promotion_and_a_rollback_are_announced_and_signed(
    repository: Path, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as (address, messages), mlflow_server(tmp_path, empty_database, SETTINGS) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        store = connect()
        store.client.create_webhook("promotions", address, ["model_version_alias.created"], secret=SECRET)
        store.client.create_registered_model(MODEL)
        for _ in range(2):
            run = store.client.create_run(store.experiment_id).info.run_id
            store.client.create_model_version(MODEL, f"runs:/{run}/denoiser", run)
        for command in (["promote", "1"], ["promote", "2"], ["rollback"]):
            invoke("registry", *command)
        # each is sent from a thread of its own, so that two may arrive in another order
        received = [messages.get() for _ in range(3)]
    told = [json.loads(body) for _, body in received]
    assert {(each["entity"], each["action"]) for each in told} == {("model_version_alias", "created")}
    assert sorted(each["data"]["version"] for each in told) == ["1", "1", "2"]
    assert {(each["data"]["name"], each["data"]["alias"]) for each in told} == {(MODEL, "champion")}
    for headers, body in received:
        signed = ".".join((headers["X-MLflow-Delivery-Id"], headers["X-MLflow-Timestamp"], body.decode())).encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
        assert headers["X-MLflow-Signature"] == f"v1,{signature}"
