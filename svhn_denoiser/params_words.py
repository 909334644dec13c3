"""What is wrong with a setting, in words: which, its value, what is allowed, and what may have been meant."""

import difflib
import itertools
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from svhn_denoiser.credentials import masked
from svhn_denoiser.dotted import as_text

# pydantic puts the name of the branch into the path of an error in `X | None`
_UNION_TAGS = {"float", "int", "constrained-float", "constrained-int"}

# entries and levels of a value that an error shows
_SHOWN, _DEEPEST = 20, 2


def dotted_name(loc: tuple[int | str, ...]) -> str:
    """The dotted name of a setting that pydantic names as a path."""
    return ".".join(str(part) for part in loc if part not in _UNION_TAGS)


def explain(detail: ErrorDetails, settings: type[BaseModel]) -> str:
    """An error of pydantic's in one line: "train.epochs = 'ten': should be a valid integer"."""
    name, kind = dotted_name(detail["loc"]), detail["type"]
    if kind == "missing":
        return f"{name}: is missing"
    if kind == "extra_forbidden":
        return f"{name} = {show(detail['input'])}: no such setting{_did_you_mean(detail['loc'], settings)}"
    message = detail["msg"].removeprefix("Input ")
    if kind in {"model_type", "model_attributes_type"}:
        message = "should be a section with settings of its own"
    return f"{name} = {show(detail['input'])}: {message}"


def show(value: Any) -> str:
    """A value as it stands in an error; a long one is cut."""
    # before it is cut: without its end an address would show a part of the password that it begins with
    text = masked(repr(value) if isinstance(value, str | float) else as_text(_beginning(value)))
    return text if len(text) <= 60 else text[:57] + "..."


def _beginning(value: Any, depth: int = 0) -> Any:
    # aliases of YAML make a list of ten million million entries in a hundred bytes, or one that holds itself
    if isinstance(value, dict):
        value = dict(itertools.islice(value.items(), _SHOWN))
        return {str(key): "..." if depth == _DEEPEST else _beginning(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return ["..." if depth == _DEEPEST else _beginning(each, depth + 1) for each in value[:_SHOWN]]
    return value


def _did_you_mean(loc: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    model: Any = settings
    for part in loc[:-1]:
        by_key = {field.alias or name: field for name, field in model.model_fields.items()}
        model = by_key[str(part)].annotation
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"
