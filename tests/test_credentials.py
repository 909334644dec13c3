"""No credential gets into what people and files see."""

import base64
import html
import json
import os
import string
import subprocess
import sys
from urllib.parse import quote, unquote

import pytest

from svhn_denoiser import credentials
from svhn_denoiser.credentials import masked, masked_leaves, public_address, take_out, user_of
from tests.example_settings import ROOT


@pytest.fixture(autouse=True)
def no_address_in_the_environment(monkeypatch):
    for name in ("URI", "USERNAME", "PASSWORD", "TOKEN"):
        # set first, so that what is set meanwhile is taken away, too
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")
    # what earlier tests of this process took out of addresses
    monkeypatch.setattr(credentials, "_taken_out", set())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://a:b@host:5000/prefix", "https://host:5000/prefix"),
        ("HTTPS://a:b@host", "HTTPS://host"),
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
        ("https://host/cb#access_token=abc&state=1", "https://host/cb#access_token=***&state=1"),
        ("?X-Amz-Credential=AKIA%2F2026&x=1&pwd=abc", "?X-Amz-Credential=***&x=1&pwd=***"),
        ("host=db user=me password=hunter2 dbname=x", "host=db user=me password=*** dbname=x"),
        ("{'Authorization': 'Bearer abc.def-g', 'Accept': '*'}", "{'Authorization': 'Bearer ***', 'Accept': '*'}"),
        ("> authorization: Basic bWU6cHc=", "> authorization: Basic ***"),
        ("https:/me:hunter2@host/a.png: no such file", "https:/host/a.png: no such file"),
        ("C:/me:b@c.png and sqlite:////srv/me:x@y.db", "C:/me:b@c.png and sqlite:////srv/me:x@y.db"),
        ("Basic settings: --set KEY=VALUE", "Basic settings: --set KEY=VALUE"),
    ],
)
def test_a_message_is_shown_without_the_credentials_of_its_addresses(text, shown):
    assert masked(text) == shown


def test_values_of_secret_variables_are_masked_and_switches_are_not(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("USE_TOKEN", "true")
    assert masked("key wJalrXUtnFEMI is not true") == "key *** is not true"
    assert masked_leaves({"wJalrXUtnFEMI": ["wJalrXUtnFEMI", 1, None]}) == {"wJalrXUtnFEMI": ["***", 1, None]}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("MYSQL_PWD", "hunter22"),
        ("DB_PASS", "hunter22"),
        ("GPG_PASSPHRASE", "correct horse"),
        ("AZURE_STORAGE_KEY", "abc/def+=="),
        ("AZURE_STORAGE_SAS", "sv=2026&sp=r"),
        ("GITHUB_PAT", "ghp_hunter22"),
        ("DEPLOY_PRIVATE_KEY", "-----BEGIN\nhunter22"),
        ("SLACK_WEBHOOK", "https://hooks.example.org/T0/hunter22"),
    ],
)
def test_a_variable_says_by_its_name_that_it_is_secret(monkeypatch, name, secret):
    monkeypatch.setenv(name, secret)
    assert masked(f"it was {secret}!") == "it was ***!"


def test_the_folder_one_is_in_is_no_secret(monkeypatch):
    monkeypatch.setenv("PWD", "/home/somebody")
    monkeypatch.setenv("OLDPWD", "/home/somebody")
    assert masked("in /home/somebody") == "in /home/somebody"


@pytest.mark.parametrize("name", ["https_proxy", "MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL"])
@pytest.mark.parametrize("start", ["", "//", "http:/", "http://"])
def test_an_address_that_lacks_its_scheme_hides_its_password_too(monkeypatch, name, start):
    monkeypatch.setenv(name, f"{start}me:hunter22@host:3128")
    assert masked(f"{start}me:hunter22@host:3128 and hunter22") == f"{start}host:3128 and ***"
    monkeypatch.setenv(name, "git@example.org:me/repository")
    assert masked("git@example.org:me/repository") == "git@example.org:me/repository"


def test_the_user_of_the_tracking_server_is_found_without_its_address(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:my password@host:5000")
    assert masked("HTTPSConnectionPool(me:my password@host)") == "HTTPSConnectionPool(host)"


@pytest.mark.parametrize(
    ("address", "user"), [("https://a:b@host", "a:b"), ("https://host", ""), ("a:b@host", ""), ("http://[::1", "")]
)
def test_who_an_address_names(address, user):
    assert user_of(address) == user


PRINTABLE = string.printable.replace("\0", "")


@pytest.mark.parametrize("escaped", [False, True], ids=["raw", "escaped"])
@pytest.mark.parametrize("character", PRINTABLE, ids=lambda character: f"{ord(character):#x}")
def test_no_character_of_a_password_gives_it_away(monkeypatch, character, escaped):
    # once in the midst of letters and once after a digit, where `:1/` looks like a port
    for password in (f"pass{character}word", f"1{character}word", f"{character}{character}word"):
        written = quote(password, safe="") if escaped else password
        address = f"https://me:{written}@host:5000/prefix"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        text = f"Failed to parse: {address}, user {user_of(address)!r}, {password!r}"
        for shown in (public_address(address), masked(text), masked(json.dumps({"reasons": [text]}))):
            assert "word" not in shown, (password, shown)
            assert "https://host:5000/prefix" in shown
        take_out()
        assert os.environ["MLFLOW_TRACKING_URI"] == "https://host:5000/prefix"
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "me"
        # what was written raw is decoded as `requests` decodes it
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == (password if escaped else unquote(password))
        assert "word" not in masked(text), "also after it was taken out"
        for name in ("USERNAME", "PASSWORD"):
            monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")


def test_variables_that_are_set_hold_against_the_address(monkeypatch):
    for variable in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:of the address@host")
        monkeypatch.setenv(variable, "of a secret")
        take_out()
        assert os.environ["MLFLOW_TRACKING_URI"] == "https://host"
        assert os.environ[variable] == "of a secret"
        assert "MLFLOW_TRACKING_USERNAME" not in os.environ
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("address", ["sqlite:///a@b:c.db", "https://host:5000/x?mail=a@b", "https://host", "mlruns"])
def test_an_address_without_credentials_stays_as_it_is(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    take_out()
    assert os.environ["MLFLOW_TRACKING_URI"] == address
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ


def test_a_secret_is_masked_however_it_is_written(monkeypatch):
    secret = "a\"<\\ €'b&c"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
    header = base64.b64encode(f"me:{secret}".encode()).decode()
    for written in (secret, quote(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1], html.escape(secret), header):
        assert masked(f"({written})") == "(***)"


LOUD = """
import logging, os, sys, threading, warnings
from svhn_denoiser import program
address = os.environ["MLFLOW_TRACKING_URI"]
def main():
    logging.basicConfig(format="%(message)s")
    logging.getLogger("urllib3.connectionpool").warning("Retrying: %s", address)
    try:
        raise OSError(address)
    except OSError:
        logging.getLogger("mlflow").exception("Failed")
    warnings.warn(address)
    thread = threading.Thread(target=lambda: {}[address])
    thread.start()
    thread.join()
    print(address, file=sys.stderr)
    print(os.environ["MLFLOW_TRACKING_URI"])
    raise RuntimeError(address)
program.run(main)
"""


@pytest.mark.parametrize("password", ["hunter#2-word", "".join(sorted(set(string.punctuation))) + "word", "p@s/?word"])
def test_whoever_says_it_on_standard_error_shows_no_password(password):
    environment = {"MLFLOW_TRACKING_URI": f"http://me:{password}@127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", LOUD], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "http://127.0.0.1:9\n"
    for said in ("Retrying: http://127.0.0.1:9", "Failed", "UserWarning: http://127", "KeyError", "RuntimeError: http"):
        assert said in done.stderr
    assert "word" not in done.stderr.replace("MLFLOW_TRACKING", "")


@pytest.mark.parametrize("names", [("USERNAME", "PASSWORD"), ("USERNAME",)], ids=str)
def test_who_gives_accounts_is_shown_no_password(names):
    environment = {f"MLFLOW_TRACKING_{name}": "hunter2-word" for name in names}
    environment["MLFLOW_TRACKING_URI"] = "http://me:hunter2-word@127.0.0.1:9/"
    command = [sys.executable, "deploy/account.py", "anna", "READ"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "http://127.0.0.1:9: no MLflow server" if len(names) == 2 else "MLFLOW_TRACKING_PASSWORD is not set"
    )
    assert "word" not in done.stderr.replace("MLFLOW_TRACKING", "")


@pytest.mark.parametrize("text", ["host=db password=hunter2", "GET /blob?password=hunter2 refused"])
def test_a_password_that_is_the_word_itself_shows_no_other(text, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "password")
    assert "hunter2" not in masked(text)
