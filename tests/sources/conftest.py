import hashlib
import os

import numpy as np
import pytest

from svhn_denoiser.sources.official import RemoteFile
from tests.sources.scripted_server import Server


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    # a proxy of this machine must not stand between a test and loopback, nor a mirror of its user
    for name in os.environ:
        ours = name.startswith("SVHN_DENOISER_") and name != "SVHN_DENOISER_REAL"
        if ours or name.lower().endswith("_proxy") or name == "DVC_ROOT":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def contents():
    """The official names with small contents; random, so that a byte in the wrong place shows."""
    rng = np.random.default_rng(11)
    return {"train_32x32.mat": rng.bytes(300_000), "test_32x32.mat": rng.bytes(50_000)}


@pytest.fixture(scope="session")
def table(contents):
    return [RemoteFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()]


@pytest.fixture
def server(contents):
    running = Server(dict(contents))
    yield running
    running.close()


@pytest.fixture
def second_server(contents):
    running = Server(dict(contents))
    yield running
    running.close()
