"""One network for all noise beside one for each strength: how much does not knowing cost?

    python -m benchmarks.blind [--data FOLDER]

Scores the networks that `python -m benchmarks.ablations` left in benchmarks/models - `blind`, `blind-small`, `sensor`,
`mixed`, `sigma-…` and `residual-unet` - on the same pictures in one process, and writes benchmarks/blind/RESULTS.md.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import sample
from benchmarks.ablations.trials import ALONE, BLIND, SIGMAS
from benchmarks.page import MODELS, ROOT, difference, facts_table, machine, summary, table, versions
from svhn_denoiser import params
from svhn_denoiser.crops import FloatPictures
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.scores import BLOCK, Denoiser, Scores, bootstrap_interval, joined, score
from svhn_denoiser.evaluation.suite import kept
from svhn_denoiser.files import read_json, write_text
from svhn_denoiser.pairs import as_float
from svhn_denoiser.params import NoiseKind, Params

OUTPUT = ROOT / "benchmarks/blind/RESULTS.md"
KINDS: tuple[NoiseKind, ...] = ("gaussian", "poisson", "poisson-gaussian", "speckle", "salt-and-pepper", "jpeg")
GAUSSIAN = ("blind", "blind-small")
FOR_ALL = (*GAUSSIAN, "sensor", "mixed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.blind", description=summary(__doc__))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="as in `python -m benchmarks.side_by_side`")
    parser.add_argument("--pictures", type=int, metavar="N", help="score the first N test pictures; default: all")
    parser.add_argument("--models", type=Path, default=MODELS, metavar="FOLDER", help="default: benchmarks/models")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE")
    asked = parser.parse_args(arguments)
    settings = params.load(ROOT / "params.yaml")
    given = sample.read(asked.data, asked.pictures, 0.1, settings)
    networks = _networks(asked.models)
    page = _page(given, networks, settings, asked.models)
    write_text(asked.output, page)
    print(asked.output)


def _networks(folder: Path) -> dict[str, Denoiser]:
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model

    files = {name: folder / f"{name}.keras" for name in BLIND}
    found: dict[str, Denoiser] = {
        name: partial(denoise, load_model(path)) for name, path in files.items() if path.exists()
    }
    if "blind" not in found:
        raise DenoiserError(
            f"{files['blind']}: no such file. `python -m benchmarks.ablations --data FOLDER blind` makes it."
        )
    return found


def _page(given: sample.Sample, networks: dict[str, Denoiser], settings: Params, models: Path) -> str:
    clean = given.pairs.clean
    parts = [
        "# One network for all noise",
        "Written by `python -m benchmarks.blind` ([how](../README.md)): all networks on the same pictures in one "
        "process. What each was trained on: [recipes.yaml](../../recipes.yaml) and `benchmarks/ablations/trials.py`.",
        "## Over strengths of Gaussian noise",
        "Mean PSNR in dB. The last columns are what not being told the strength costs: the network for all strengths "
        "less the one that was trained for that strength alone, picture by picture, with its 95 % interval. `blind` is "
        "deeper than those and trained for longer, `blind-small` like them.",
        _levels(clean, networks, settings),
        "## Pictures without noise",
        "What is left of a clean picture after denoising.",
        _without_noise(clean, networks),
        "## Over kinds of noise",
        "Mean PSNR in dB. What a strength measures depends on the kind: [docs/settings.md](../../docs/settings.md).",
        _kinds(clean, networks, settings),
        "## How it was measured",
        _facts(given, settings, models),
    ]
    return "\n\n".join(parts) + "\n"


def _levels(clean: NDArray[np.uint8], networks: dict[str, Denoiser], settings: Params) -> str:
    interval = partial(bootstrap_interval, samples=settings.evaluate.bootstrap_samples, seed=settings.seed)
    present = [name for name in FOR_ALL if name in networks]
    told = [name for name in present if name in GAUSSIAN]
    rows = []
    for sigma in SIGMAS:
        noise = settings.generate.noise.model_copy(update={"strength": sigma})
        noisy = sample.noisy(clean, noise, settings.seed)
        scores = {name: _scores(clean, noisy, networks[name]) for name in present}
        row = [f"{sigma:g}", _psnr(_scores(clean, noisy, _unchanged)), *map(_psnr, scores.values())]
        alone = networks.get(ALONE[sigma])
        if alone is None:
            rows.append([*row, "–", *("–" for _ in told)])
            continue
        theirs = _scores(clean, noisy, alone)
        costs = [difference(scores[name].psnr - theirs.psnr, interval, "+.2f") for name in told]
        rows.append([*row, _psnr(theirs), *costs])
    return table(["sigma", "noisy", *present, "trained for it alone", *(f"cost to {name}" for name in told)], rows)


def _without_noise(clean: NDArray[np.uint8], networks: dict[str, Denoiser]) -> str:
    rows = [[name, f"{means['psnr']:.2f}", f"{means['ssim']:.4f}"] for name, means in _kept(clean, networks).items()]
    return table(["network", "PSNR (dB)", "SSIM"], rows)


def _kept(clean: NDArray[np.uint8], networks: dict[str, Denoiser]) -> dict[str, dict[str, float]]:
    return {name: kept(clean, network) for name, network in networks.items() if name in FOR_ALL}


def _kinds(clean: NDArray[np.uint8], networks: dict[str, Denoiser], settings: Params) -> str:
    present = [name for name in FOR_ALL if name in networks]
    rows = []
    for kind in KINDS:
        for strength in SIGMAS:
            noise = settings.generate.noise.model_copy(update={"kind": kind, "strength": strength})
            noisy = sample.noisy(clean, noise, settings.seed)
            denoisers: list[Denoiser] = [_unchanged, *(networks[name] for name in present)]
            cells = [_psnr(_scores(clean, noisy, denoiser)) for denoiser in denoisers]
            rows.append([kind, f"{strength:g}", *cells])
    return table(["kind", "strength", "noisy", *present], rows)


def _scores(clean: NDArray[np.uint8], noisy: NDArray[np.uint8], denoiser: Denoiser) -> Scores:
    starts = range(0, len(clean), BLOCK)
    parts = [slice(start, start + BLOCK) for start in starts]
    return joined([score(as_float(clean[part]), denoiser(as_float(noisy[part]))) for part in parts])


def _unchanged(noisy: FloatPictures) -> FloatPictures:
    return noisy


def _psnr(scores: Scores) -> str:
    return f"{scores.psnr.mean():.2f}"


def _facts(given: sample.Sample, settings: Params, models: Path) -> str:
    records = {name: models / f"{name}.json" for name in BLIND}
    trained = [
        f"{name} {read_json(path)['epochs']} epochs of {read_json(path)['pictures']:,}"
        for name, path in records.items()
        if path.exists()
    ]
    told = {
        "pictures": f"{given.origin}: {len(given.pairs):,} of {given.held:,}",
        "sha256 of the test file": f"`{given.sha256}`",
        "noise": f"clipped, rounded to 8 bits as the pipeline's test pairs are; seed {settings.seed}",
        "trained": ", ".join(trained),
        "machine": machine(),
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }
    return facts_table(told)
