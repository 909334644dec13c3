"""Tune a network to the noise that it sees: estimated around each pixel, from the noisy picture alone.

Noise of 0.3 is thirty times that of 0.01 and wants other weights. A network for both is a compromise, unless its
channels can be turned up and down (Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer").
"""

from collections.abc import Callable

import numpy as np

from svhn_denoiser.networks.backend import keras

Tune = Callable[[keras.KerasTensor, int], keras.KerasTensor]

# Standard deviations between which layers are tuned, and how many of them have a setting of their own
_WEAKEST, _STRONGEST, _SETTINGS = 0.01, 0.3, 8


def leave(x: keras.KerasTensor, scale: int) -> keras.KerasTensor:
    """Leave a layer untuned."""
    return x


def noise_around(noisy: keras.KerasTensor) -> keras.KerasTensor:
    """Standard deviation of Gaussian noise, (N, H, W, 1), as Immerkaer (1996) estimates it, for each neighbourhood."""
    # blind to surfaces and straight edges; the root makes a mean of absolute values a standard deviation
    mask = np.outer([1, -2, 1], [1, -2, 1]) / 6 * np.sqrt(np.pi / 2)
    grain = keras.layers.DepthwiseConv2D(
        3,
        use_bias=False,
        depthwise_initializer=keras.initializers.Constant(np.tile(mask[..., None, None], (1, 1, 3, 1)).tolist()),
        trainable=False,
        dtype="float32",
        name="grain",
    )(noisy)
    size = keras.ops.mean(keras.ops.abs(grain), axis=-1, keepdims=True)
    mean = keras.layers.AveragePooling2D(31, strides=1, padding="same", dtype="float32", name="noise")(size)
    # the mask reaches over the border
    return keras.ops.pad(mean, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")


def tuner(around: keras.KerasTensor) -> Tune:
    """A function that tunes layers to the noise around each of their pixels.

    Args:
        around: what `noise_around` estimates, (N, H, W, 1), H and W multiples of 4.

    Returns:
        A function of a layer's output (N, H / scale, W / scale, C) and its scale, 1, 2 or 4: each channel times one
        number and plus another, which are learned and depend on the noise. Untrained, it changes nothing.
    """
    settings = {scale: _closeness(keras.layers.AveragePooling2D(scale, dtype="float32")(around)) for scale in (1, 2, 4)}

    def tune(x: keras.KerasTensor, scale: int) -> keras.KerasTensor:
        factor, offset = (
            keras.layers.Conv2D(x.shape[-1], 1, use_bias=False, kernel_initializer="zeros")(settings[scale])
            for _ in range(2)
        )
        return keras.layers.Add()([x, keras.layers.Multiply()([x, factor]), offset])

    return tune


def _closeness(deviation: keras.KerasTensor) -> keras.KerasTensor:
    """How close a standard deviation (N, H, W, 1) is to each of eight, evenly in their logarithm: (N, H, W, 8)."""
    first, last = np.log(_WEAKEST), np.log(_STRONGEST)
    step = (last - first) / (_SETTINGS - 1)
    # beyond them, as at the nearest: clean pictures, too
    level = (keras.ops.log(keras.ops.clip(deviation, _WEAKEST, _STRONGEST)) - float(first)) / float(step)
    distances = [level - number for number in range(_SETTINGS)]
    return keras.ops.exp(-keras.ops.square(keras.layers.Concatenate(dtype="float32")(distances)))
