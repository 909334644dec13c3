"""Denoise arrays with a trained network."""

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.networks.backend import keras

# the deepest network halves three times
_MULTIPLE = 8


def denoise(
    model: keras.Model, pictures: NDArray[np.float32], batch_size: int = 256, *, far: float = np.inf
) -> NDArray[np.float32]:
    """Denoise pictures of one size.

    Args:
        model: maps float32 (N, H, W, 3) in [0, 1] to the same, for H and W that are multiples of 8.
        pictures: float32 (N, H, W, 3) in [0, 1], any H and W; they are padded by reflection and cut again.
        batch_size: pictures that go through the network at once: more is faster and takes more memory.
        far: answers further than this from [0, 1] are no brightness.

    Returns:
        float32 (N, H, W, 3), clipped to [0, 1]; NaN where the model answers with NaN, infinity or no brightness.
    """
    if pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(f"expected pictures (N, H, W, 3), not {pictures.shape}")
    height, width = pictures.shape[1:3]
    denoised = np.empty(pictures.shape, np.float32)
    for start in range(0, len(pictures), batch_size):
        batch = _pad(pictures[start : start + batch_size])
        out = np.asarray(model.predict_on_batch(batch))
        denoised[start : start + batch_size] = out[:, :height, :width]
    # cut off at 1, it would look like white
    denoised[np.isinf(denoised) | (denoised < -far) | (denoised > 1 + far)] = np.nan
    return np.clip(denoised, 0, 1, out=denoised)


def _pad(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = [-size % _MULTIPLE for size in batch.shape[1:3]]
    if not any(missing):
        return batch
    # "symmetric" also works for a side shorter than what is missing, where "reflect" would need more pixels
    return np.pad(batch, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
