"""The project's own network: a residual U-Net that does its work at half resolution and below.

A U-Net (Ronneberger et al. 2015) with residual blocks (He et al. 2016) and additive skips; the output is a
correction added to the noisy picture (Zhang et al. 2017). At full resolution there is one convolution on the way in
and one on the way out: on a CPU, blocks there cost more than they gain. No layer has a bias (Mohan et al. 2020,
"Robust and interpretable blind image denoising"): scaling the input scales the output, so that the network carries
over to noise levels it was not trained for. With `noise_map` it is tuned to the noise that it sees instead.

The measurements behind each choice: docs/network.md.
"""

from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.noise_tuning import Tune, leave, noise_around, tuner


def build(width: int, blocks: int, noise_map: bool = False) -> keras.Model:
    """A residual U-Net: (N, H, W, 3) to the same, H and W multiples of 4.

    Args:
        width: channels at full resolution; twice as many at half, four times at a quarter.
        blocks: residual blocks at half resolution on the way down, and again on the way up; twice as many at a quarter.
        noise_map: estimate the noise around each pixel, show it to the first layer, and tune all layers to it.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    shown = noisy
    tune: Tune = leave
    if noise_map:
        around = noise_around(noisy)
        shown, tune = keras.layers.Concatenate()([noisy, around]), tuner(around)
    full = tune(_convolution(width, 3)(shown), 1)
    half = _blocks(_halve(full, 2 * width), blocks, tune, 2)
    quarter = _blocks(_halve(half, 4 * width), 2 * blocks, tune, 4)
    half = _blocks(_double(quarter, tune(half, 2)), blocks, tune, 2)
    full = tune(_double(half, tune(full, 1)), 1)
    # zeros: the untrained network returns its input, and training starts at the noisy picture's PSNR
    correction = _convolution(3, 3, kernel_initializer="zeros", name="correction")(full)
    denoised = keras.layers.Add(dtype="float32", name="denoised")([noisy, correction])
    return keras.Model(noisy, denoised, name="residual_unet")


def _blocks(x: keras.KerasTensor, count: int, tune: Tune, scale: int) -> keras.KerasTensor:
    for _ in range(count):
        x = _block(x, tune, scale)
    return x


def _block(x: keras.KerasTensor, tune: Tune, scale: int) -> keras.KerasTensor:
    filters = x.shape[-1]
    y = tune(keras.layers.ReLU()(_convolution(filters, 3)(x)), scale)
    # a small start keeps a deep sum of blocks near the identity, as in Fixup (Zhang et al. 2019)
    y = _convolution(filters, 3, kernel_initializer=keras.initializers.VarianceScaling(0.1))(y)
    return keras.layers.Add()([x, y])


def _halve(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return _convolution(filters, 2, strides=2)(x)


def _double(x: keras.KerasTensor, skip: keras.KerasTensor) -> keras.KerasTensor:
    up = keras.layers.Conv2DTranspose(skip.shape[-1], 2, strides=2, use_bias=False, kernel_initializer="he_normal")
    return keras.layers.Add()([up(x), skip])


def _convolution(
    filters: int,
    kernel_size: int,
    strides: int = 1,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    name: str | None = None,
) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=kernel_initializer,
        name=name,
    )
