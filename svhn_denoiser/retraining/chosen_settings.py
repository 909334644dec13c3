"""Settings for one retraining: `--set KEY=VALUE`, and `KEY=A,B` for a sweep."""

import io
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser import params
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining.result import MOST, WrongUsageError


@dataclass(frozen=True)
class Candidate:
    """Settings to retrain with.

    Attributes:
        chosen: those of `--set`, by dotted name; empty without any.
        text: params.yaml with them.
    """

    chosen: Mapping[str, Any]
    text: str

    @property
    def tree(self) -> dict[str, Any]:
        """All its settings, as params.yaml has them."""
        return YAML(typ="safe", pure=True).load(self.text) or {}

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.chosen.items())


def candidates(text: str, combined: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Each of some `combinations` with its params.yaml, checked.

    Args:
        text: params.yaml as it is.
        combined: settings by dotted name.

    Raises:
        DenoiserError: params.yaml as it is has a wrong setting.
        WrongUsageError: a chosen setting does not exist, or its value makes no sense.
    """
    params.parse(text)
    return [Candidate(chosen, _checked(with_settings(text, chosen))) for chosen in combined]


def combinations(chosen: Iterable[str]) -> list[dict[str, Any]]:
    """All combinations of settings such as `train.epochs=60` and `train.width=16,32`.

    Values are YAML: `null`, `true`, `[0.1, 0.2]` for a range. Without any setting: one combination, empty.

    Raises:
        WrongUsageError: one cannot be read or comes twice, there are too many combinations, or they would not be
            scored on the same pictures.
    """
    choices: dict[str, list[Any]] = {}
    for text in chosen:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise WrongUsageError(f"--set {text}: expected KEY=VALUE, such as train.epochs=60.")
        if key in choices:
            raise WrongUsageError(f"--set {key}: is given twice. For a sweep: --set {key}=A,B")
        try:
            choices[key] = YAML(typ="safe", pure=True).load(f"[{values}]")
        # a number of 5,000 digits, a list in a list in a list, a list for a key
        except (YAMLError, ValueError, TypeError, RecursionError):
            raise WrongUsageError(f"--set {text}: the value is not valid YAML.") from None
        if not choices[key]:
            raise WrongUsageError(f"--set {text}: there is no value. An empty list is written [].")
        if len(choices[key]) > 1 and not key.startswith("train."):
            raise WrongUsageError(
                f"--set {text}: only settings of train can be swept: the models of a sweep are compared on the same "
                f"test pictures, scored in the same way."
            )
    count = 1
    for values_of_one in choices.values():
        count *= len(values_of_one)
    if count > MOST:
        raise WrongUsageError(f"--set: {count} combinations are asked for; {MOST} at the most.")
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def with_settings(text: str, chosen: Mapping[str, Any]) -> str:
    """The text of params.yaml with some settings changed; comments stay.

    A setting that does not exist is written all the same: reading the settings then says what is wrong with it.
    """
    if not chosen:
        return text
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(text)
    for key, value in chosen.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise WrongUsageError(f"--set {key}: {section} is a setting, not a section.")
        node[name] = value
    changed = io.StringIO()
    yaml.dump(tree, changed)
    return changed.getvalue()


def _checked(text: str) -> str:
    try:
        params.parse(text, "--set")
    except DenoiserError as error:
        raise WrongUsageError(str(error)) from None
    return text
