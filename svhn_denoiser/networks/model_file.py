"""Write a model as models/denoiser.keras: the same network gives the same bytes."""

import json
import zipfile
from pathlib import Path
from typing import Any

from svhn_denoiser.backend import keras


def export(network: keras.Model) -> keras.Model:
    """The model that is published: a network with its output clipped to [0, 1]."""
    clipped = keras.layers.ReLU(max_value=1.0, dtype="float32", name="clipped")(network.output)
    return keras.Model(network.input, clipped, name=network.name)


def save(model: keras.Model, path: Path) -> None:
    """Save as Keras does, less the accidents: dates, and numbers that are memory addresses.

    An output that did not change keeps its hash, and what depends on it is not run again. The file takes its name
    once it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    dated = path.with_name(f"{path.stem}.dated.keras")
    undated = path.with_name(f"{path.name}.tmp")
    try:
        model.save(dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(undated, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(_without_accidents(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
        undated.replace(path)
    finally:
        for leftover in (dated, undated):
            leftover.unlink(missing_ok=True)


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
