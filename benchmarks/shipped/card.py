"""Write the card of the shipped model: what it is, what it learnt from, how good it is, what it is not for.

    python -m benchmarks.shipped.card [--data FOLDER]

`make shipped-model` calls it after the training. Scores on real pictures stand on the card where they are on this
machine; nothing else depends on it.
"""

import argparse
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.page import ROOT, machine, summary, versions
from benchmarks.shipped.command import MODEL, folder, measured
from benchmarks.shipped.page import Row, scores_table
from benchmarks.shipped.peers import nothing
from benchmarks.shipped.pictures import SIGMAS, Set, available
from benchmarks.shipped.scoring import scores
from benchmarks.side_by_side.networks import cost
from svhn_denoiser import params, program, recipes
from svhn_denoiser.files import write_text
from svhn_denoiser.markdown import front_matter
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.params import Params
from svhn_denoiser.registry.front_matter import Result, fields
from svhn_denoiser.sources.photographs import COLOUR, GREY

RECIPE = "shipped"
CARD = MODEL.with_name("MODEL_CARD.md")
# of the scores that the tables have, those that Hugging Face lists
LISTED = 0.1


def main(arguments: Sequence[str] | None = None) -> None:
    """Score the model, and write its card beside it."""
    parser = argparse.ArgumentParser("python -m benchmarks.shipped.card", description=summary(__doc__))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="holds full/*.png and test_32x32.mat")
    parser.add_argument("--model", type=Path, default=MODEL, metavar="FILE")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="as in `python -m benchmarks.shipped`")
    parser.add_argument("--output", type=Path, default=CARD, metavar="FILE")
    asked = parser.parse_args(arguments)
    found = [
        (pictures, {"noisy": _noisy(pictures), "this model": measured(pictures, asked.model, asked.kept)})
        for pictures in available(folder(asked.data), 300, 300)
    ]
    settings = recipes.applied(params.load(ROOT / "params.yaml"), RECIPE, ROOT / "recipes.yaml")
    write_text(asked.output, card(asked.model, settings, found))
    print(asked.output)


def card(model: Path, settings: Params, found: Sequence[tuple[Set, Mapping[str, Row]]]) -> str:
    """The card, as Markdown.

    Args:
        model: its file.
        settings: the recipe's.
        found: sets of pictures with the scores on them, by the rows' names.
    """
    parts = [
        front_matter(_fields(settings, found)),
        "# The model that comes with the package",
        "Written by `python -m benchmarks.shipped.card`.",
        _what(model, settings),
        "## What it learnt from",
        _learnt_from(settings),
        "## How good it is",
        "Mean PSNR in dB / SSIM, each picture counting once; Gaussian noise of the standard deviation above the "
        "column, on a scale of 0 to 1, clipped and rounded to 8 bits. The real pictures are SVHN's, which it "
        "never saw in training. Beside BM3D and others: `benchmarks/shipped/RESULTS.md` in the repository.",
    ]
    for pictures, rows in found:
        parts += [f"### {pictures.name.capitalize()}", f"{pictures.about}.", scores_table(rows)]
    parts += ["## Limits", _limits(settings), "## Licence", _licence(), "## Made by", _made_by(model, settings)]
    return "\n\n".join(parts) + "\n"


def _fields(settings: Params, found: Sequence[tuple[Set, Mapping[str, Row]]]) -> dict[str, Any]:
    results = []
    for pictures, rows in found:
        psnr, ssim = rows["this model"][LISTED].mean(axis=0)
        about = pictures.about.removesuffix(".")
        # as many places as in the tables
        results.append(
            Result(f"{about}, gaussian {LISTED:g}", round(float(psnr), 2), round(float(ssim), 4), _dataset(pictures))
        )
    return fields(
        "The model that comes with the package",
        results,
        licence={"license": "apache-2.0"},
        tags=[settings.train.network, settings.generate.noise.kind],
        datasets=[],
    )


def _dataset(pictures: Set) -> str:
    return "synthetic" if pictures.name == "drawn" else "svhn"


def _noisy(pictures: Set) -> Row:
    return {sigma: scores(pictures, sigma, nothing) for sigma in SIGMAS}


def _what(model: Path, settings: Params) -> str:
    train, costs = settings.train, cost(load_model(model))
    low, high = settings.generate.noise.bounds
    return (
        f"A residual U-Net (`docs/network.md` in the repository) that takes Gaussian noise of any strength from "
        f"{low:g} to {high:g} out of a colour picture of any size, without being told the strength: float32 "
        "(N, H, W, 3) in [0, 1] to the same, H and W multiples of 4. It loads in plain Keras 3, in safe mode.\n\n"
        f"{costs.parameters:,} parameters, {costs.multiply_adds or 0:,.0f} multiply-adds a pixel: width {train.width}, "
        f"{train.blocks} block(s) a resolution, tuned to the noise that it estimates around each pixel."
    )


def _learnt_from(settings: Params) -> str:
    drawn = settings.download.synthetic
    lines = [
        f"{drawn.train:,} drawn pictures of 32x32 pixels (`download.synthetic.scenes: everything`, "
        f"`docs/sources.md`), {settings.generate.validation_fraction:.0%} of them set aside to choose the best epoch: "
        "dead leaves, signs, walls, house numbers, and cuts of these photographs, which other packages bring along:",
        "\n".join(f"- `{one.package}/{one.file}`: {one.terms}" for one in (*COLOUR, *GREY)),
        "All were scaled, cut, turned, tinted, blurred and compressed anew. No picture of SVHN, nor any other whose "
        "licence forbids a use, was used.",
    ]
    return "\n\n".join(lines)


def _limits(settings: Params) -> str:
    _, high = settings.generate.noise.bounds
    return "\n".join(
        (
            f"- Made for Gaussian noise up to {high:g} that is as strong in all colours and has no pattern. Noise that "
            "was smoothed, as in most JPEGs of phones, is taken for texture; salt and pepper is not removed.",
            "- It removes noise: not blur, not blocks of JPEG, not scratches.",
            "- Grain and fine texture that are weaker than the noise are lost, as with any denoiser. Do not read from "
            "its output what only its output shows.",
            "- Greys are handled as colours that happen to be equal.",
        )
    )


def _licence() -> str:
    return (
        "The model is under the project's licence, Apache-2.0. It holds no picture. Credit for the photographs it "
        "learnt from is given above: two of them are under CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)."
    )


def _made_by(model: Path, settings: Params) -> str:
    digest = sha256(model.read_bytes()).hexdigest()
    numbers = ", ".join(f"{name} {number}" for name, number in versions().items())
    return (
        f"`make shipped-model`: the recipe `{RECIPE}` of `recipes.yaml`, seed {settings.seed}; then the weights are "
        "rounded to what float16 holds, and packed. The same machine and versions give the same bytes.\n\n"
        f"- sha256 of `{model.name}`: `{digest}`, "
        f"{model.stat().st_size:,} bytes\n- scored on: {machine()}; {numbers}"
    )


if __name__ == "__main__":
    program.run(main)
