"""Trainings that the documentation's figures come from: what each is called and what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# half: the first half of the training pictures · drawn besides: as many drawn numbers and all the real pictures ·
# drawn first: half of the epochs on drawn numbers, then the other half on real pictures
Data = Literal["all", "half", "drawn besides", "drawn first"]

SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.3)
# the network that is trained for one of them alone: the default is for 0.1
ALONE = {sigma: "residual-unet" if sigma == 0.1 else f"sigma-{sigma:g}" for sigma in SIGMAS}


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        changes: settings by dotted key that differ from params.yaml.
        recipe: an entry of recipes.yaml, applied before `changes`.
        as_long_as: another trial: as many epochs as fit into the time that it took.
        network: a name from candidates.py, in place of `train.network`.
        data: what it learns from.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    as_long_as: str | None = None
    network: str | None = None
    data: Data = "all"


# what `make bench` compares
CONTESTANTS: dict[str, Trial] = {
    "residual-unet": Trial(),
    "residual-unet-quick": Trial({"train.epochs": 5}),
    "residual-unet-long": Trial(recipe="long"),
    "dncnn": Trial({"train.network": "dncnn"}, as_long_as="residual-unet"),
    "autoencoder-2021": Trial({"train.network": "autoencoder-2021"}),
    # as the script trained it: Adam at its defaults, mean squared error, one noisy copy of each picture
    "autoencoder-2021-as-then": Trial(
        {
            "train.network": "autoencoder-2021",
            "train.optimizer": "adamw",
            "train.learning_rate": 0.001,
            "train.weight_decay": 0.0,
            "train.weight_averaging": None,
            "train.gradient_clip": None,
            "train.loss": "mse",
            "train.fresh_noise": False,
            "train.flips": False,
        }
    ),
}

# one network for all strengths beside one for each: benchmarks.blind
BLIND: dict[str, Trial] = {
    "blind": Trial(recipe="blind"),
    "sensor": Trial(recipe="sensor"),
    "mixed": Trial(recipe="mixed"),
    **{name: Trial({"generate.noise.strength": sigma}) for sigma, name in ALONE.items()},
}

_SHORT = {"train.epochs": 5}


def _changed(**changes: Any) -> Trial:
    return Trial(_SHORT | {f"train.{name}": value for name, value in changes.items()})


# what each choice is worth: the default of five epochs, one thing changed
CHOICES: dict[str, Trial] = {
    "default": Trial(_SHORT),
    "optimizer: adamw": _changed(optimizer="adamw"),
    "learning_rate: 0.001": _changed(learning_rate=0.001),
    "learning_rate: 0.005": _changed(learning_rate=0.005),
    "loss: mse": _changed(loss="mse"),
    "loss: l1": _changed(loss="l1"),
    "loss: charbonnier": _changed(loss="charbonnier"),
    "batch_size: 16": _changed(batch_size=16),
    "batch_size: 64": _changed(batch_size=64),
    "flips: false": _changed(flips=False),
    "fresh_noise: false": _changed(fresh_noise=False),
    "weight_averaging: null": _changed(weight_averaging=None),
    "precision: float32": _changed(precision="float32"),
    "width: 16": _changed(width=16),
    "width: 24": _changed(width=24),
    "width: 48": _changed(width=48),
    "width: 64": _changed(width=64),
    "nafnet-blocks": Trial(_SHORT, network="nafnet-blocks"),
    "full-resolution-blocks": Trial(_SHORT, network="full-resolution-blocks"),
    "half-resolution-trunk": Trial(_SHORT, network="half-resolution-trunk"),
    "concatenated-skips": Trial(_SHORT, network="concatenated-skips"),
    "biases": Trial(_SHORT, network="biases"),
    "half of the pictures": Trial({"train.epochs": 10}, data="half"),
    "drawn numbers besides": Trial({"train.epochs": 3}, data="drawn besides"),
    "drawn numbers first": Trial(_SHORT, data="drawn first"),
}

TRIALS: dict[str, Trial] = BLIND | CONTESTANTS | CHOICES
