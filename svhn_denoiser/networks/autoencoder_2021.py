"""The network of the 2021 script, layer for layer: kept as a baseline.

Three poolings carry 32x32x3 values through a bottleneck of 4x4x8, 128 numbers for 3,072, and the output does not
start from the input: it cannot keep sharp detail. 8,163 parameters.
"""

from svhn_denoiser.networks.backend import keras


def build() -> keras.Model:
    """The 2021 autoencoder: (N, H, W, 3) to the same, H and W multiples of 8."""
    noisy = keras.Input((None, None, 3), name="noisy")
    x = noisy
    for filters in (32, 8, 8):
        x = _convolution(filters)(x)
        x = keras.layers.MaxPooling2D(2)(x)
    for filters in (8, 8, 32):
        x = _convolution(filters)(x)
        x = keras.layers.UpSampling2D(2)(x)
    denoised = keras.layers.Conv2D(3, 3, padding="same", activation="relu", dtype="float32", name="denoised")(x)
    return keras.Model(noisy, denoised, name="autoencoder_2021")


def _convolution(filters: int) -> keras.layers.Layer:
    return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")
