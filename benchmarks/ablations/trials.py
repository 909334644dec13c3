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


# in candidates.py, which imports TensorFlow; a test holds them to be the same
CANDIDATE_NAMES = (
    "full-resolution-blocks",
    "biases",
    "branches-at-full-scale",
    "concatenated-skips",
    "nafnet-blocks",
    "half-resolution-trunk",
)

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
    # as deep as the default, and trained as long
    "blind-small": Trial({"generate.noise.strength": [0.01, 0.3], "train.noise_map": True}),
    "sensor": Trial(recipe="sensor"),
    "mixed": Trial(recipe="mixed"),
    **{name: Trial({"generate.noise.strength": sigma}) for sigma, name in ALONE.items()},
}

_SHORT = {"train.epochs": 5}


def _changed(**changes: Any) -> Trial:
    return Trial(_SHORT | {f"train.{name}": value for name, value in changes.items()})


# what each choice is worth: the default for five epochs, one thing changed
CHOICES: dict[str, Trial] = {
    "default": Trial(_SHORT),
    "optimizer: adamw": _changed(optimizer="adamw"),
    "learning_rate: 0.001": _changed(learning_rate=0.001),
    "learning_rate: 0.005": _changed(learning_rate=0.005),
    "warmup_fraction: 0": _changed(warmup_fraction=0.0),
    "gradient_clip: null": _changed(gradient_clip=None),
    "loss: mse": _changed(loss="mse"),
    "loss: l1": _changed(loss="l1"),
    "loss: charbonnier": _changed(loss="charbonnier"),
    "batch_size: 16": _changed(batch_size=16),
    "batch_size: 64": _changed(batch_size=64),
    "flips: false": _changed(flips=False),
    "fresh_noise: false": _changed(fresh_noise=False),
    "weight_averaging: null": _changed(weight_averaging=None),
    "precision: float32": _changed(precision="float32"),
    "noise_map: true": _changed(noise_map=True),
    "half of the pictures": Trial({"train.epochs": 10}, data="half"),
    "drawn numbers besides": Trial({"train.epochs": 3}, data="drawn besides"),
    "drawn numbers first": Trial(_SHORT, data="drawn first"),
}


def _in_place(network: str | None = None, **changes: Any) -> Trial:
    return Trial({f"train.{name}": value for name, value in changes.items()}, as_long_as="default", network=network)


# other networks, for as long as the default took for its five epochs
NETWORKS: dict[str, Trial] = {
    "default": CHOICES["default"],
    **{f"width: {width}": _in_place(width=width) for width in (16, 24, 48, 64)},
    "blocks: 2": _in_place(blocks=2),
    "blocks: 3": _in_place(blocks=3),
    **{name: _in_place(name) for name in CANDIDATE_NAMES},
}

# where the gains end: with the default's time, or its number of steps from other pictures
CEILING: dict[str, Trial] = {
    "residual-unet": CONTESTANTS["residual-unet"],
    "width: 16, trained long": Trial({"train.width": 16}, as_long_as="residual-unet"),
    "width: 24, trained long": Trial({"train.width": 24}, as_long_as="residual-unet"),
    "half of the pictures, trained long": Trial({"train.epochs": 60}, data="half"),
    "drawn numbers besides, trained long": Trial({"train.epochs": 15}, data="drawn besides"),
    "drawn numbers first, trained long": Trial(data="drawn first"),
}

TRIALS: dict[str, Trial] = BLIND | CONTESTANTS | CHOICES | NETWORKS | CEILING
