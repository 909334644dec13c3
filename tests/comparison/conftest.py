"""Models to compare."""

from pathlib import Path

import pytest

from svhn_denoiser.networks.backend import keras


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Keras models that do something to noise: nothing, a little, more."""
    folder = tmp_path_factory.mktemp("models")
    files = {}
    for name, size in (("identity", 1), ("blur", 3), ("more", 5)):
        pixels = keras.Input((None, None, 3))
        files[name] = folder / f"{name}.keras"
        keras.Model(pixels, keras.layers.AveragePooling2D(size, strides=1, padding="same")(pixels)).save(files[name])
    return files
