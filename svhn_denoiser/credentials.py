"""Hide credentials: every address and message that is shown or written goes through here."""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_NAMES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|ACCOUNT_KEY|CONNECTION_STRING", re.I)
# up to the last @ before the path: a password may hold one itself
_USER_OF_ADDRESS = re.compile(r"(\w+://)[^/?#\s]+@")
_SIGNATURE_OF_ADDRESS = re.compile(r"([?&][\w-]*(?:sig|signature|token|key|secret|password)=)[^&\s]+", re.I)

# the value of a switch, such as `true`, is no secret, and must not be blanked out all over a text
_SHORTEST = 6


def masked(text: str) -> str:
    """A text without credentials.

    These are the user of an address, the keys and signatures in its query, the values of environment variables whose
    names say that they are secret, and the users of the addresses in all environment variables.
    """
    # an error may quote the user of the tracking server's address without the address around it
    for user in sorted(filter(None, map(user_of, os.environ.values())), key=len, reverse=True):
        text = text.replace(f"{user}@", "")
    secrets = {value for name, value in os.environ.items() if _NAMES.search(name) and len(value) >= _SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _SIGNATURE_OF_ADDRESS.sub(r"\1***", _USER_OF_ADDRESS.sub(r"\1", text))


def masked_leaves(content: Any) -> Any:
    """JSON content with every text masked; keys stay."""
    if isinstance(content, str):
        return masked(content)
    if isinstance(content, Mapping):
        return {key: masked_leaves(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [masked_leaves(value) for value in content]
    return content


def public_address(address: str) -> str:
    """An address without its credentials."""
    # by its parts, as nothing else stands around it: a password may hold a blank
    return masked(address.replace(f"{user_of(address)}@", "", 1) if user_of(address) else address)


def user_of(address: str) -> str:
    """The credentials in an address, `user:password` or a token; empty where it has none or is no address."""
    try:
        return urlsplit(address).netloc.rpartition("@")[0] if "://" in address else ""
    except ValueError:  # a bracket in it that closes nothing
        return ""
