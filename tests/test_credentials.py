"""No credential gets into what people and files see."""

import pytest

from svhn_denoiser.credentials import masked, masked_leaves, public_address, user_of


@pytest.fixture(autouse=True)
def no_address_in_the_environment(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://a:b@host:5000/prefix", "https://host:5000/prefix"),
        ("https://token@host", "https://host"),
        ("https://me:p@ss@host/x", "https://host/x"),
        ("https://me:my password@host/x", "https://host/x"),
        ("https://host/x?api_key=abc&y=1", "https://host/x?api_key=***&y=1"),
        ("https://host/x?mail=a@b", "https://host/x?mail=a@b"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("me@example.org", "me@example.org"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_an_address_is_shown_without_its_credentials(address, public):
    assert public_address(address) == public


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no answer from https://a:b@host:5000/x, try later", "no answer from https://host:5000/x, try later"),
        ("no answer from https://me:p@ss@host/x", "no answer from https://host/x"),
        ("https://a:b@host and s3://k:s@bucket", "https://host and s3://bucket"),
        ("https://host: ask me@example.org", "https://host: ask me@example.org"),
        ("GET /blob?X-Amz-Signature=abc refused", "GET /blob?X-Amz-Signature=*** refused"),
    ],
)
def test_a_message_is_shown_without_the_credentials_of_its_addresses(text, shown):
    assert masked(text) == shown


def test_values_of_secret_variables_are_masked_and_switches_are_not(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("USE_TOKEN", "true")
    assert masked("key wJalrXUtnFEMI is not true") == "key *** is not true"
    assert masked_leaves({"wJalrXUtnFEMI": ["wJalrXUtnFEMI", 1, None]}) == {"wJalrXUtnFEMI": ["***", 1, None]}


def test_the_user_of_the_tracking_server_is_found_without_its_address(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:my password@host:5000")
    assert masked("HTTPSConnectionPool(me:my password@host)") == "HTTPSConnectionPool(host)"


@pytest.mark.parametrize(
    ("address", "user"), [("https://a:b@host", "a:b"), ("https://host", ""), ("a:b@host", ""), ("http://[::1", "")]
)
def test_who_an_address_names(address, user):
    assert user_of(address) == user
