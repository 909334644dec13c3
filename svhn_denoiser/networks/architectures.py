"""The networks: one file each, built by name.

Every network maps float32 (N, H, W, 3) in [0, 1] to an estimate of the clean pictures of the same shape, with
built-in Keras layers only, so that a saved model loads without this package.
"""

from svhn_denoiser.networks import autoencoder_2021, dncnn, residual_unet
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.params import TrainSettings


def build(settings: TrainSettings) -> keras.Model:
    """The network of `train.network`, freshly initialised from Keras's random seed and in its dtype policy.

    Returns:
        A model of (N, H, W, 3) to the same, for H and W that are multiples of 8. Its output is not clipped: a clipped
        one would have no gradient beyond the range.
    """
    match settings.network:
        case "residual-unet":
            return residual_unet.build(settings.width, settings.blocks, settings.noise_map)
        case "dncnn":
            return dncnn.build()
        case "autoencoder-2021":
            return autoencoder_2021.build()
