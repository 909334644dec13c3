"""The project's own network: a residual U-Net that works at half resolution and below.

A U-Net (Ronneberger et al. 2015) with residual blocks (He et al. 2016) and additive skips; the output is a
correction added to the noisy picture (Zhang et al. 2017). The first layer halves the resolution at once, as FFDNet
does (Zhang et al. 2018): on a CPU that leaves time for twice the channels and for more training steps, which at
equal wall-clock time gains more than work at full resolution. No layer has a bias (Mohan et al. 2020, "Robust and
interpretable blind image denoising"): scaling the input scales the output, so that the network carries over to noise
levels it was not trained for.

The measurements behind each choice: docs/network.md.
"""

import itertools

from svhn_denoiser.backend import keras

# resolutions at which it works, how the channels grow from one to the next, and residual blocks at each
LEVELS = 3
GROWTH = 1.5
BLOCKS = 2


def build(width: int) -> keras.Model:
    """A residual U-Net: (N, H, W, 3) to the same, H and W multiples of 8.

    Args:
        width: channels at half resolution.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    widths = [int(width * GROWTH**level) for level in range(LEVELS)]
    x = _convolution(widths[0], 4, strides=2)(noisy)
    skips = []
    for filters, deeper in itertools.pairwise(widths):
        x = _blocks(x, filters)
        skips.append(x)
        x = _convolution(deeper, 2, strides=2)(x)
    x = _blocks(x, widths[-1])
    for filters, skip in zip(reversed(widths[:-1]), reversed(skips), strict=True):
        x = keras.layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False, kernel_initializer="he_normal")(x)
        x = keras.layers.Add()([x, skip])
        x = _blocks(x, filters)
    # zeros: the untrained network returns its input, and training starts at the noisy picture's PSNR
    correction = keras.layers.Conv2DTranspose(
        3, 4, strides=2, padding="same", use_bias=False, kernel_initializer="zeros", name="correction"
    )(x)
    denoised = keras.layers.Add(dtype="float32", name="denoised")([noisy, correction])
    return keras.Model(noisy, denoised, name="residual_unet")


def _blocks(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for _ in range(BLOCKS):
        x = _block(x, filters)
    return x


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    y = _convolution(filters, 3)(x)
    y = keras.layers.ReLU()(y)
    # a small start keeps a deep sum of blocks near the identity, as in Fixup (Zhang et al. 2019)
    y = _convolution(filters, 3, kernel_initializer=keras.initializers.VarianceScaling(0.1))(y)
    return keras.layers.Add()([x, y])


def _convolution(
    filters: int, kernel_size: int, strides: int = 1, kernel_initializer: keras.initializers.Initializer = "he_normal"
) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters, kernel_size, strides=strides, padding="same", use_bias=False, kernel_initializer=kernel_initializer
    )
