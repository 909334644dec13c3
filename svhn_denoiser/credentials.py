"""No credential is shown: every address and message that people and files get to see goes through here.

Best of all, a library that could show a password never gets it in an address: :func:`take_out` puts what
`MLFLOW_TRACKING_URI` holds into variables of its own before anything else reads it.
"""

import base64
import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote

ADDRESS = "MLFLOW_TRACKING_URI"
USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"

_NAMES = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|(?:^|_)PASS(?:$|_)|_PWD$|SECRET|TOKEN|_PAT$|CREDENTIAL|API_?KEY|_KEY$|ACCESS_KEY|"
    r"PRIVATE_KEY|_SAS$|WEBHOOK|CONNECTION_STRING",
    re.I,
)
# variables with an address that may lack its scheme, as proxies do, and as a slip does
_ADDRESSES = re.compile(r"(?:PROXY|URI|URL|ENDPOINT|DSN)$", re.I)
_SCHEME = re.compile(r"\s*\w[\w+.-]*://")
_PORT_AND_QUERY = re.compile(r":\d+(?:/[^?#]*)?\?[\w.-]+=")
# up to the last @ before the path: a password may hold one itself; and, where what follows the colon is no port, up to
# the last @ before a blank: a password may hold the path's slash, too
_USER_OF_ADDRESS = re.compile(r"(\w://)(?:[^/?#\s]+|[^\s/?#@:]*:(?!\d+[/?#])\S*)@")
# what a path makes of an address that was given in the place of a file
_USER_OF_PATH = re.compile(r"(\w\w:/)[^\s/?#@:]*:[^\s@]*@")
_SIGNATURE_OF_ADDRESS = re.compile(
    r"([?&#][\w-]*(?:sig|signature|token|key|secret|credential|password|passwd|pwd|\*{3})=)[^&\s]+", re.I
)
# as the settings of a database have it, and as a request; ***, where the word itself is somebody's password
_SETTING = re.compile(r"((?:password|passwd|pwd|\*{3})=)[^\s&;,'\"]+", re.I)
_HEADER = re.compile(r"(authorization\W{1,4}(?:basic |bearer |token )?)[^\s'\"]+", re.I)

# the value of a switch, such as `true`, is no secret, and must not be blanked out all over a text
_SHORTEST = 6

# `user:password` of addresses that no variable has any more
_taken_out: set[str] = set()


def take_out() -> None:
    """Move the credentials of `MLFLOW_TRACKING_URI` into the variables that MLflow has for them.

    From then on neither this process nor one that it starts has an address with a password in it, which a library
    might show. Variables that are set hold, as whoever sets them means them: then the address's are left out.
    """
    address = os.environ.get(ADDRESS, "")
    user = user_of(address)
    if not user or not address.lstrip().lower().startswith(("http://", "https://")):
        return
    _taken_out.add(user)
    os.environ[ADDRESS] = address.replace(f"{user}@", "", 1).strip()
    # each is what `requests` would have taken from the address
    name, _, password = (unquote(part) for part in user.partition(":"))
    if not os.environ.get(TOKEN) and not os.environ.get(PASSWORD):
        if not os.environ.get(USERNAME):
            os.environ[USERNAME] = name
        if password:
            os.environ[PASSWORD] = password


def masked(text: str) -> str:
    """A text without credentials.

    These are the user of an address, the keys and signatures in its query, what follows `password=` and
    `Authorization:`, the values of environment variables whose names say that they are secret, and the users of the
    addresses in all environment variables.
    """
    # an error may quote the user of the tracking server's address without the address around it
    users = {user for name, value in os.environ.items() for user in _users_in(name, value)} | _taken_out
    for user in sorted(users, key=len, reverse=True):
        text = text.replace(f"{user}@", "")
    passwords = {part for user in users if ":" in user for part in _passwords(user)}
    values = {value for name, value in os.environ.items() if _NAMES.search(name)}
    name, password = os.environ.get(USERNAME), os.environ.get(PASSWORD)
    if name and password:
        values.add(base64.b64encode(f"{name}:{password}".encode()).decode())
    secrets = {form for value in values | passwords if len(value) >= _SHORTEST for form in _forms(value)}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _USER_OF_PATH.sub(r"\1", _USER_OF_ADDRESS.sub(r"\1", text))
    for pattern in (_SIGNATURE_OF_ADDRESS, _SETTING, _HEADER):
        text = pattern.sub(r"\1***", text)
    return text


def masked_leaves(content: Any) -> Any:
    """What is to become JSON, with each text in it masked; its keys stay."""
    if isinstance(content, str):
        return masked(content)
    if isinstance(content, Mapping):
        return {key: masked_leaves(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [masked_leaves(value) for value in content]
    return content


def public_address(address: str) -> str:
    """An address as people and files may see it."""
    # by its parts, as nothing else stands around it: a password may hold a blank
    return masked(address.replace(f"{user_of(address)}@", "", 1) if user_of(address) else address)


def user_of(address: str) -> str:
    """The credentials in an address, `user:password` or a token; empty where it has none or is no address.

    A password that should have been escaped may hold any character: `/`, `?` and `#` too, which otherwise end the part
    of the address that names its server. So all before the last `@` is taken for credentials if it has a colon, unless
    that is followed by a port and a query.
    """
    return max(_users(address), key=len, default="")


def _users(address: str) -> Iterator[str]:
    scheme = _SCHEME.match(address)
    if scheme is None:
        return
    rest = address[scheme.end() :]
    server = re.split("[/?#]", rest, maxsplit=1)[0]
    for part in (server, rest):
        user, at, _ = part.rpartition("@")
        if at and user and (part is server or (":" in user and not _PORT_AND_QUERY.match(user, user.index(":")))):
            yield user


def _users_in(name: str, value: str) -> Iterator[str]:
    yield from _users(value)
    if "@" in value and "://" not in value and _ADDRESSES.search(name):
        # `me:password@host`, `//me:password@host` and `http:/me:password@host`
        scheme, slash, rest = value.partition(":/")
        bare = rest if slash and scheme.isalnum() else value
        yield from (user for user in _users(f"http://{bare.strip().lstrip('/')}") if ":" in user)


def _passwords(user: str) -> tuple[str, str]:
    password = user.partition(":")[2]
    return password, unquote(password)


def _forms(secret: str) -> set[str]:
    """A secret as messages, tracebacks, addresses, JSON and pages write it."""
    shown = {secret, repr(secret)[1:-1]}
    shown |= {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in shown for ascii_only in (True, False)}
    return shown | {html.escape(text) for text in shown} | {quote(secret, safe=""), quote(secret), quote_plus(secret)}


class MaskedStream:
    """A stream for people that shows no credential, whoever writes to it: a logger, a warning, a traceback."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its credentials; the number of characters that were to be written."""
        self._stream.write(masked(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
