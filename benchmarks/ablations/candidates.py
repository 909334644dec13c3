"""Networks that were measured beside the project's own and not chosen: the same U, one thing different.

Figures: docs/network.md.
"""

from collections.abc import Callable
from functools import partial

from svhn_denoiser.networks.backend import keras

_layers = keras.layers


def full_resolution_blocks(width: int) -> keras.Model:
    """A residual block at full resolution too, before and after."""
    return _unet(width, block=_residual, at_full=True)


def biases(width: int) -> keras.Model:
    """Every convolution has a bias."""
    return _unet(width, block=_residual, use_bias=True)


def concatenated_skips(width: int) -> keras.Model:
    """Skips are concatenated, as in the first U-Net, and a 1x1 convolution brings the channels back."""
    return _unet(width, block=_residual, join=_concatenated)


def branches_at_full_scale(width: int) -> keras.Model:
    """Residual branches that begin as large as what they are added to."""
    return _unet(width, block=partial(_residual, initial=2.0))


def nafnet_blocks(width: int) -> keras.Model:
    """NAFNet's blocks in place of residual ones (Chen et al. 2022, "Simple baselines for image restoration")."""
    return _unet(width, block=_nafnet)


def half_resolution_trunk(width: int) -> keras.Model:
    """Pixel-unshuffle, residual blocks at half resolution, pixel-shuffle (Zhang et al. 2018, "FFDNet")."""
    noisy = keras.Input((None, None, 3), name="noisy")
    # a convolution of 2x2 and stride 2 is pixel-unshuffle and a 1x1 convolution in one, a transposed one the way back
    x = _halved(noisy, 2 * width, use_bias=False)
    for _ in range(6):
        x = _residual(x, False)
    correction = _layers.Conv2DTranspose(3, 2, strides=2, use_bias=False, kernel_initializer="zeros")(x)
    return keras.Model(noisy, _layers.Add(dtype="float32")([noisy, correction]))


def _unet(
    width: int,
    block: Callable[[keras.KerasTensor, bool], keras.KerasTensor],
    join: Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor] | None = None,
    at_full: bool = False,
    use_bias: bool = False,
) -> keras.Model:
    join = join or (lambda up, skip: _layers.Add()([up, skip]))
    noisy = keras.Input((None, None, 3), name="noisy")
    full = _convolution(width, use_bias=use_bias)(noisy)
    full = block(full, use_bias) if at_full else full
    half = block(_halved(full, 2 * width, use_bias), use_bias)
    quarter = block(block(_halved(half, 4 * width, use_bias), use_bias), use_bias)
    half = block(join(_doubled(quarter, 2 * width, use_bias), half), use_bias)
    full = join(_doubled(half, width, use_bias), full)
    full = block(full, use_bias) if at_full else full
    correction = _convolution(3, use_bias=use_bias, kernel_initializer="zeros")(full)
    return keras.Model(noisy, _layers.Add(dtype="float32")([noisy, correction]))


def _residual(x: keras.KerasTensor, use_bias: bool, initial: float = 0.1) -> keras.KerasTensor:
    y = _layers.ReLU()(_convolution(x.shape[-1], use_bias=use_bias)(x))
    scaled = keras.initializers.VarianceScaling(initial)
    return _layers.Add()([x, _convolution(x.shape[-1], use_bias=use_bias, kernel_initializer=scaled)(y)])


def _nafnet(x: keras.KerasTensor, use_bias: bool) -> keras.KerasTensor:
    channels = x.shape[-1]
    y = _layers.Conv2D(2 * channels, 1)(_layers.LayerNormalization(epsilon=1e-6)(x))
    y = _gated(_layers.DepthwiseConv2D(3, padding="same")(y))
    y = _layers.Multiply()([y, _layers.Conv2D(channels, 1)(_layers.GlobalAveragePooling2D(keepdims=True)(y))])
    x = _layers.Add()([x, _layers.Conv2D(channels, 1, kernel_initializer=keras.initializers.VarianceScaling(0.1))(y)])
    y = _gated(_layers.Conv2D(2 * channels, 1)(_layers.LayerNormalization(epsilon=1e-6)(x)))
    return _layers.Add()(
        [x, _layers.Conv2D(channels, 1, kernel_initializer=keras.initializers.VarianceScaling(0.1))(y)]
    )


def _gated(x: keras.KerasTensor) -> keras.KerasTensor:
    half = x.shape[-1] // 2
    return _layers.Multiply()([x[..., :half], x[..., half:]])


def _concatenated(up: keras.KerasTensor, skip: keras.KerasTensor) -> keras.KerasTensor:
    return _convolution(skip.shape[-1], 1)(_layers.Concatenate()([up, skip]))


def _halved(x: keras.KerasTensor, channels: int, use_bias: bool) -> keras.KerasTensor:
    return _convolution(channels, 2, strides=2, use_bias=use_bias)(x)


def _doubled(x: keras.KerasTensor, channels: int, use_bias: bool) -> keras.KerasTensor:
    return _layers.Conv2DTranspose(channels, 2, strides=2, use_bias=use_bias, kernel_initializer="he_normal")(x)


def _convolution(
    channels: int,
    size: int = 3,
    strides: int = 1,
    use_bias: bool = False,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
) -> keras.layers.Layer:
    return _layers.Conv2D(
        channels, size, strides, padding="same", use_bias=use_bias, kernel_initializer=kernel_initializer
    )


CANDIDATES: dict[str, Callable[[int], keras.Model]] = {
    "full-resolution-blocks": full_resolution_blocks,
    "biases": biases,
    "branches-at-full-scale": branches_at_full_scale,
    "concatenated-skips": concatenated_skips,
    "nafnet-blocks": nafnet_blocks,
    "half-resolution-trunk": half_resolution_trunk,
}
