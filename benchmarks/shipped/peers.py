"""Classical denoisers, told the noise's sigma, on one picture of any size."""

import numpy as np

from benchmarks.shipped.pictures import Picture
from benchmarks.shipped.scoring import Denoise
from svhn_denoiser.pairs import as_bytes, as_float


def nothing(noisy: Picture, sigma: float) -> Picture:
    """The noisy picture as it is."""
    return noisy


def bm3d(noisy: Picture, sigma: float) -> Picture:
    """Colour BM3D: Dabov et al. 2007 in Mäkinen et al.'s version (2020), as its authors' package comes."""
    from bm3d import bm3d_rgb

    return np.asarray(bm3d_rgb(noisy, sigma), np.float32)


def non_local_means(noisy: Picture, sigma: float) -> Picture:
    """scikit-image's, told sigma: Darbon et al. 2008, patches of 5 and distances of 6 pixels, as its docs advise."""
    from skimage.restoration import denoise_nl_means

    estimate = denoise_nl_means(
        noisy, h=0.8 * sigma, sigma=sigma, patch_size=5, patch_distance=6, fast_mode=True, channel_axis=-1
    )
    return np.asarray(estimate, np.float32)


def opencv_non_local_means(noisy: Picture, sigma: float) -> Picture:
    """OpenCV's `fastNlMeansDenoisingColored`, with settings that suit crops (`side_by_side/classical.py`)."""
    import cv2

    strength = 0.75 * sigma * 255
    bgr = np.ascontiguousarray(as_bytes(noisy)[..., ::-1])
    found = cv2.fastNlMeansDenoisingColored(bgr, h=strength, hColor=strength, templateWindowSize=3, searchWindowSize=11)
    return as_float(np.ascontiguousarray(found[..., ::-1]))


PEERS: dict[str, Denoise] = {
    "noisy": nothing,
    "opencv-non-local-means": opencv_non_local_means,
    "non-local-means": non_local_means,
    "bm3d": bm3d,
}
