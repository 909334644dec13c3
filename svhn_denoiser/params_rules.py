"""Settings that are fine one by one and make no sense together."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, NamedTuple

from svhn_denoiser.params_words import show


class _Rule(NamedTuple):
    """Settings that are fine one by one and make no sense together."""

    keys: tuple[str, ...]
    broken: Callable[..., bool]
    advice: str


_RULES = (
    _Rule(
        ("train.precision", "train.device"),
        lambda precision, device: precision == "mixed_float16" and device == "cpu",
        "half precision needs a GPU; on the CPU use auto, float32 or mixed_bfloat16",
    ),
    _Rule(
        ("download.svhn.extra", "download.source"),
        lambda extra, source: extra and source != "svhn",
        "only the source svhn has extra pictures",
    ),
    _Rule(
        ("generate.noise.strength", "generate.noise.kind"),
        lambda strength, kind: kind in {"jpeg", "mixed"} and _highest(strength) > 0.99,
        "JPEG has no quality below 1, which is the strength 0.99",
    ),
    _Rule(
        ("evaluate.noise_levels", "generate.noise.kind"),
        lambda levels, kind: kind in {"jpeg", "mixed"} and _highest(levels) > 0.99,
        "JPEG has no quality below 1, which is the strength 0.99",
    ),
    _Rule(
        ("evaluate.noise_levels", "evaluate.noise_kinds"),
        lambda levels, kinds: "jpeg" in kinds and _highest(levels) > 0.99,
        "JPEG has no quality below 1, which is the strength 0.99",
    ),
)


def _highest(strength: float | list[float]) -> float:
    return max(strength) if isinstance(strength, list) else strength


def broken_rules(tree: dict[str, Any], suspect: set[str]) -> Iterator[str]:
    """What is wrong with settings together, a line each.

    Args:
        tree: all settings.
        suspect: settings that are wrong in themselves, by dotted name: no rule over one of them is looked at.
    """
    for rule in _RULES:
        if any(
            key == bad or key.startswith(f"{bad}.") or bad.startswith(f"{key}.") for key in rule.keys for bad in suspect
        ):
            continue
        values = [reduce(lambda node, part: node[part], key.split("."), tree) for key in rule.keys]
        if rule.broken(*values):
            together = " with ".join(f"{key} = {show(value)}" for key, value in zip(rule.keys, values, strict=True))
            yield f"{together}: {rule.advice}"
