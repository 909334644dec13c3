"""Trained networks as methods, and what they cost. Imports TensorFlow."""

from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.side_by_side.measuring import Cost, Method
from svhn_denoiser.files import read_json
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.params import TrainSettings
from svhn_denoiser.training.device import choose

BATCH = 256

# any size that the halvings divide will do: with "same" padding each pixel costs the same
_SIDE = 64

# one or two multiply-adds a value, where a 3x3 convolution of 32 channels has 288
_NEGLIGIBLE = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
)


def device(settings: TrainSettings) -> str:
    """What networks loaded from now on run on, as `train.device` says.

    Raises:
        DenoiserError: that is a GPU, and TensorFlow sees none.
    """
    return choose(settings).description


def method(path: Path, name: str | None = None) -> Method:
    """A saved model as a method.

    Args:
        path: a .keras file.
        name: what tables call it; without one, the network's own name.

    Raises:
        DenoiserError: there is no such file, or it is no denoiser.
    """
    model = load_model(path)
    denoiser = partial(denoise, model, batch_size=BATCH)
    record = path.with_suffix(".json")  # benchmarks.ablations leaves one beside the model
    costs = cost(model)
    if record.exists():
        trained = read_json(record)
        costs = replace(costs, training_seconds=trained["seconds"], training_cores=trained["cores"])
    return Method(name or model.name.replace("_", "-"), lambda: denoiser, at_once=BATCH, cost=costs)


def cost(model: keras.Model) -> Cost:
    """Parameters and multiply-adds of a model of (N, H, W, 3) to the same, counted from its layers."""
    return Cost(model.count_params(), _multiply_adds(model))


def _multiply_adds(model: keras.Model) -> float | None:
    counts: list[int | None] = []

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        outputs = layer(*inputs, **options)
        counts.append(_of_layer(layer, inputs, outputs))
        return outputs

    # a model saved for any size knows no heights and widths: rebuilt for one size, each call of each layer has them
    functional = keras.Model(model.inputs, model.outputs)
    keras.models.clone_model(functional, input_tensors=[keras.Input((_SIDE, _SIDE, 3))], call_function=call)
    known = [count for count in counts if count is not None]
    return sum(known) / _SIDE**2 if len(known) == len(counts) else None


def _of_layer(layer: Any, inputs: Any, outputs: Any) -> int | None:
    """Multiply-adds of one call, channels last; None for a layer with weights that is of no known kind."""
    match layer:
        case keras.layers.SeparableConv2D():
            kernels = prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape)
            return int(kernels * prod(outputs.shape[1:3]))
        case keras.layers.Conv2DTranspose():
            return int(prod(layer.kernel.shape) * prod(inputs[0].shape[1:3]))
        case keras.layers.Conv2D() | keras.layers.DepthwiseConv2D():
            return int(prod(layer.kernel.shape) * prod(outputs.shape[1:3]))
        case keras.layers.Dense():
            return int(prod(layer.kernel.shape) * prod(outputs.shape[1:-1]))
    return 0 if isinstance(layer, _NEGLIGIBLE) or not getattr(layer, "weights", None) else None
