"""Denoise arrays with a trained network."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.backend import keras
from svhn_denoiser.errors import DenoiserError

# the deepest network halves three times
_MULTIPLE = 8


def load_model(path: Path) -> keras.Model:
    """Load a model that Keras saved, in safe mode: no code of the file's own runs.

    Raises:
        DenoiserError: there is no such file, it is no Keras model, or it does not map (N, H, W, 3) to the same.
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
    # XLA would compile anew for each size of pictures
    model.jit_compile = False
    return model


def denoise(model: keras.Model, pictures: NDArray[np.float32], batch_size: int = 256) -> NDArray[np.float32]:
    """Denoise pictures of one size.

    Args:
        model: maps float32 (N, H, W, 3) in [0, 1] to the same, for H and W that are multiples of 8.
        pictures: float32 (N, H, W, 3) in [0, 1], any H and W; they are padded by reflection and cut again.
        batch_size: pictures that go through the network at once: more is faster and takes more memory.

    Returns:
        float32 (N, H, W, 3), clipped to [0, 1].
    """
    if pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(f"expected pictures (N, H, W, 3), not {pictures.shape}")
    height, width = pictures.shape[1:3]
    denoised = np.empty(pictures.shape, np.float32)
    for start in range(0, len(pictures), batch_size):
        batch = _pad(pictures[start : start + batch_size])
        out = np.asarray(model.predict_on_batch(batch))
        denoised[start : start + batch_size] = out[:, :height, :width]
    return np.clip(denoised, 0, 1, out=denoised)


def _pad(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = [-size % _MULTIPLE for size in batch.shape[1:3]]
    if not any(missing):
        return batch
    # "symmetric" also works for a side shorter than what is missing, where "reflect" would need more pixels
    return np.pad(batch, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
