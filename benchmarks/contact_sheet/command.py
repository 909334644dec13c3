"""Do the drawn house numbers look like SVHN's? A sheet of both for the eye, and a table of numbers.

    python -m benchmarks.contact_sheet --real FOLDER --output SHEET.png

Drawn pictures on the left, crops of FOLDER/train_32x32.mat on the right. Without --real, a sheet of drawn pictures
alone: the one that the documentation shows.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.restoration import estimate_sigma

from benchmarks.page import ROOT, summary
from svhn_denoiser import mat_format
from svhn_denoiser.crops import Pictures
from svhn_denoiser.sources.synthetic import draw

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def statistics(pictures: Pictures) -> dict[str, NDArray[np.float64]]:
    """What a picture looks like in numbers, for each of uint8 (N, 32, 32, 3); all with values in [0, 1]."""
    colours = pictures / 255
    grey = colours @ LUMA
    saturation = np.ptp(colours, axis=-1) / np.maximum(colours.max(-1), 1 / 255)
    slopes = [np.abs(np.diff(grey, axis=axis)).mean((1, 2)) for axis in (1, 2)]
    window = np.hanning(32)[:, None] * np.hanning(32)
    energy = np.abs(np.fft.fft2((grey - grey.mean((1, 2), keepdims=True)) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32))
    return {
        "brightness": grey.mean((1, 2)),
        "contrast (deviation)": grey.std((1, 2)),
        "saturation": saturation.mean((1, 2)),
        "mean absolute gradient": np.mean(slopes, axis=0),
        "energy above 1/8 cycle/px": energy[:, frequency > 1 / 8].sum(1) / energy.sum((1, 2)),
        "noise sigma": np.array([estimate_sigma(picture, channel_axis=-1, average_sigmas=True) for picture in colours]),
    }


def tile(pictures: Pictures, rows: int, columns: int) -> Pictures:
    """The first rows x columns of (N, 32, 32, 3) side by side."""
    grid = pictures[: rows * columns].reshape(rows, columns, 32, 32, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * 32, columns * 32, 3)


def enlarge(sheet: Pictures, times: int) -> Image.Image:
    """Enlarge smoothly, as a screen shows a photograph."""
    image = Image.fromarray(sheet)
    return image.resize((image.width * times, image.height * times), Image.Resampling.LANCZOS)


def table(drawn: Pictures, real: Pictures) -> str:
    """Mean and spread of each statistic, drawn beside real."""
    lines = [f"{'':27}{'drawn':>16}{'real':>18}{'ratio of means':>17}{'of spreads':>12}"]
    for (name, ours), theirs in zip(statistics(drawn).items(), statistics(real).values(), strict=True):
        lines.append(
            f"{name:27}{ours.mean():8.4f} ± {ours.std():.4f}{theirs.mean():9.4f} ± {theirs.std():.4f}"
            f"{ours.mean() / theirs.mean():16.2f}{ours.std() / theirs.std():13.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.contact_sheet", description=summary(__doc__))
    parser.add_argument("--real", type=Path, help="folder with SVHN's train_32x32.mat")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/drawn-numbers.png")
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--count", type=int, default=1000, help="pictures of each kind in the table")
    arguments = parser.parse_args()

    if arguments.real is None:
        drawn, _ = draw(40, arguments.seed, "train")
        enlarge(tile(drawn, 4, 10), 2).save(arguments.output, optimize=True)
    else:
        if ROOT in arguments.output.resolve().parents:
            parser.error("--output: SVHN's own pixels are not ours to publish; name a file outside the repository")
        pictures, _ = mat_format.read(arguments.real / "train_32x32.mat")
        chosen = np.random.default_rng(arguments.seed).choice(len(pictures), arguments.count, replace=False)
        drawn, _ = draw(arguments.count, arguments.seed, "train")
        real = pictures[chosen]
        gap = np.full((10 * 32, 8, 3), 255, np.uint8)
        enlarge(np.hstack([tile(drawn, 10, 8), gap, tile(real, 10, 8)]), 3).save(arguments.output)
        print(table(drawn, real))
    print(arguments.output)
