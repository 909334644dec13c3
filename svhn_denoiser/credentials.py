"""No credential is shown: what people and files get to see goes through here."""

import os
import re
from collections.abc import Mapping
from typing import Any

_NAMES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|ACCOUNT_KEY|CONNECTION_STRING", re.I)
_USER_OF_ADDRESS = re.compile(r"(\w+://)[^/\s@]+@")
_SIGNATURE_OF_ADDRESS = re.compile(r"([?&][\w-]*(?:sig|signature|token|key|secret|password)=)[^&\s]+", re.I)

# the value of a switch, such as `true`, is no secret, and must not be blanked out all over a text
_SHORTEST = 6


def masked(text: str) -> str:
    """A text without credentials: those in addresses, and the values of environment variables that are named so."""
    secrets = {value for name, value in os.environ.items() if _NAMES.search(name) and len(value) >= _SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _SIGNATURE_OF_ADDRESS.sub(r"\1***", _USER_OF_ADDRESS.sub(r"\1", text))


def masked_leaves(content: Any) -> Any:
    """What is to become JSON, with each text in it masked; its keys stay."""
    if isinstance(content, str):
        return masked(content)
    if isinstance(content, Mapping):
        return {key: masked_leaves(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [masked_leaves(value) for value in content]
    return content
