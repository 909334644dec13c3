"""Settings under dotted names, such as `train.epochs`, and their values as text."""

import json
from collections.abc import Mapping
from typing import Any


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested mappings by dotted name, in the order of the tree.

    Keys may be dotted themselves, as in dvc.lock.
    """
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Old and new value of each setting that differs, by dotted name; None where it is missing."""
    old, new = flat(before), flat(after)
    return {key: (old.get(key), new.get(key)) for key in sorted(old | new) if old.get(key) != new.get(key)}


def as_text(value: Any) -> str:
    """A value as params.yaml writes it: `true`, `null`, `[0.1, 0.2]`, and text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def as_argument(value: Any) -> str:
    """A value as `dvc exp run -S KEY=VALUE` reads it: as `as_text`, without blanks and quotes in a list."""
    return f"[{','.join(map(as_argument, value))}]" if isinstance(value, list) else as_text(value)
