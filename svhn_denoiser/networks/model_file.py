"""Save and load a model's file: the same network gives the same bytes, and loading is safe."""

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import whole
from svhn_denoiser.networks.backend import keras

# a shape of pictures, each side a multiple of what networks are given
_EXAMPLE = (1, 16, 24, 3)


def export(network: keras.Model) -> keras.Model:
    """The model that is published: a network with its output clipped to [0, 1]."""
    clipped = keras.layers.ReLU(max_value=1.0, dtype="float32", name="clipped")(network.output)
    return keras.Model(network.input, clipped, name=network.name)


def save(model: keras.Model, path: Path) -> None:
    """Save as Keras does, without what changes from run to run: dates and memory addresses.

    An unchanged model keeps its hash, so nothing that depends on it runs again. The file gets its name once it is
    complete.
    """
    with whole(path) as undated, TemporaryDirectory() as folder:
        dated = Path(folder) / "dated.keras"
        model.save(dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(undated, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(_without_accidents(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)


def load_model(path: Path) -> keras.Model:
    """Load a Keras model in safe mode: no code from the file runs.

    Raises:
        DenoiserError: there is no such file, it is no Keras model, it does not map floats (N, H, W, 3) to the same, or
            its weights are NaN or infinite.
    """
    if not path.is_file():
        raise DenoiserError(f"{path}: no such file. `dvc repro train` makes it.")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras lets through whatever the broken part raised
        raise DenoiserError(f"{path}: is no model that Keras can load: {error}") from error
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if shapes != ((None, None, None, 3),) * 2:
        raise DenoiserError(f"{path}: maps {shapes[0]} to {shapes[1]}, not colour pictures of any size to the same.")
    kinds = model.inputs[0].dtype, model.outputs[0].dtype
    if not all("float" in str(kind) for kind in kinds):  # brightness from 0 to 1 would become whole numbers: all black
        raise DenoiserError(f"{path}: maps {kinds[0]} to {kinds[1]}, not floats from 0 to 1 to the same.")
    try:
        answer = model.compute_output_shape(_EXAMPLE)
    except Exception as error:  # what a layer raises on a size that it cannot take
        raise DenoiserError(f"{path}: cannot take every size that is a multiple of 8, as {_EXAMPLE}: {error}") from None
    if answer != _EXAMPLE:
        raise DenoiserError(f"{path}: answers {_EXAMPLE} with {answer}, not with pictures of the same size.")
    # behind a last layer that cuts off at 0 and 1, such a model would answer black or white
    if broken := [weight.path for weight in model.weights if not np.isfinite(keras.ops.convert_to_numpy(weight)).all()]:
        raise DenoiserError(f"{path}: its weights {broken[0]} are NaN or infinite. Take another model.")
    # XLA would compile again for each picture size
    model.jit_compile = False
    return model


def _without_accidents(node: Any, numbers: dict[int, int]) -> Any:
    # Keras marks objects that several layers share by their addresses: number them in the order they come
    if isinstance(node, list):
        return [_without_accidents(entry, numbers) for entry in node]
    if not isinstance(node, dict):
        return node
    return {
        key: numbers.setdefault(value, len(numbers) + 1)
        if key == "shared_object_id"
        else _without_accidents(value, numbers)
        for key, value in node.items()
        if key != "date_saved"
    }
