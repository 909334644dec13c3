"""DnCNN, for comparison (Zhang et al. 2017, "Beyond a Gaussian denoiser", IEEE TIP 26(7)).

As published for colour: seventeen 3x3 convolutions of 64 channels at full resolution, batch normalisation between
the first and the last, and an output that is the noise to subtract. About 560,000 parameters, all of them at
full resolution: some 560,000 multiply-adds a pixel.
"""

from svhn_denoiser.networks.backend import keras

DEPTH = 17
CHANNELS = 64


def build() -> keras.Model:
    """DnCNN of depth 17: (N, H, W, 3) to the same, any H and W."""
    noisy = keras.Input((None, None, 3), name="noisy")
    x = _convolution(CHANNELS, use_bias=True)(noisy)
    x = keras.layers.ReLU()(x)
    for _ in range(DEPTH - 2):
        x = _convolution(CHANNELS, use_bias=False)(x)
        # the published implementation's momentum and epsilon, in Keras's terms
        x = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-4)(x)
        x = keras.layers.ReLU()(x)
    noise = _convolution(3, use_bias=True)(x)
    denoised = keras.layers.Subtract(dtype="float32", name="denoised")([noisy, noise])
    return keras.Model(noisy, denoised, name="dncnn")


def _convolution(filters: int, use_bias: bool) -> keras.layers.Layer:
    return keras.layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, kernel_initializer="he_normal")
