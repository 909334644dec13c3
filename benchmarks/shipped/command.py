"""The shipped model, other networks, BM3D and non-local means on photographs, crops and drawn pictures.

    python -m benchmarks.shipped [--data FOLDER] [--model NAME=FILE]

Writes benchmarks/shipped/RESULTS.md. BM3D takes over an hour of a core on the photographs: `--kept FILE` keeps all
scores of each picture and takes them from there the next time, and only with `--bm3d-whole` is BM3D run on whole
photographs whose scores are not kept; `--bm3d-every N` runs it on one of N.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.page import MODELS, ROOT, machine, summary, versions
from benchmarks.sample import VARIABLE
from benchmarks.shipped import page, pictures, scoring
from benchmarks.shipped.page import Row
from benchmarks.shipped.peers import PEERS
from benchmarks.shipped.pictures import SIGMAS, Picture, Set
from benchmarks.shipped.scoring import Denoise
from svhn_denoiser.denoising import twins
from svhn_denoiser.denoising.runtime import FastNetwork, computes_in_bfloat16
from svhn_denoiser.denoising.tiles import in_tiles
from svhn_denoiser.files import write_text

OUTPUT = ROOT / "benchmarks/shipped/RESULTS.md"
MODEL = ROOT / "svhn_denoiser/denoising/shipped/denoiser.keras"
# measured where `python -m benchmarks.ablations` has left them
_OTHERS = {name: MODELS / f"{name}.keras" for name in ("residual-unet", "blind")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.shipped", description=summary(__doc__))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="holds full/*.png and test_32x32.mat")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE", help="another network to measure")
    parser.add_argument("--crops", type=int, default=300, metavar="N", help="how many crops; default: 300")
    parser.add_argument("--drawn", type=int, default=300, metavar="N", help="how many drawn pictures; default: 300")
    parser.add_argument("--skip", action="append", default=[], choices=list(PEERS), help="a method to leave out")
    parser.add_argument("--bm3d-whole", action="store_true", help="run BM3D on whole photographs, too")
    parser.add_argument("--bm3d-every", type=int, metavar="N", help="run BM3D on one of N whole photographs")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keeps the scores of each picture")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE")
    asked = parser.parse_args(arguments)
    models = {page.SHIPPED: MODEL}
    if MODEL.with_suffix(".xml").exists() and computes_in_bfloat16():
        models[page.BFLOAT16] = MODEL.with_suffix(".xml")
    models |= {name: path for name, path in _OTHERS.items() if path.exists()}
    models |= {name: Path(path) for name, _, path in (text.partition("=") for text in asked.model)}
    sets = pictures.available(folder(asked.data), asked.crops, asked.drawn)
    if asked.bm3d_every and sets[0].name == "photographs":
        sets.insert(1, pictures.every(sets[0], asked.bm3d_every))
    peers = {name: method for name, method in PEERS.items() if name not in asked.skip}
    results = {
        chosen.name: (chosen, dict(_rows(chosen, peers, models, asked.kept, asked.bm3d_whole))) for chosen in sets
    }
    facts = {
        "machine": machine(),
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        **{f"sha256 of {name}": f"`{_sha256(path)}`" for name, path in models.items()},
        "seed of the noise": str(pictures.SEED),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    write_text(asked.output, page.page(results, facts))
    print(asked.output)


def folder(named: Path | None) -> Path | None:
    """The folder with real pictures: the named one, else SVHN_DENOISER_REAL's, else ../shared/svhn where it is."""
    if named is None and VARIABLE in os.environ:
        named = Path(os.environ[VARIABLE])
    if named is None and (ROOT.parent / "shared/svhn").is_dir():
        named = ROOT.parent / "shared/svhn"
    return named


@cache
def network(path: Path) -> Denoise:
    """A saved model as a method; it is not told sigma.

    An .xml file runs in the fast runtime in bfloat16. A .keras file runs in Keras, or, if its twin lies beside it, in
    the fast runtime in float32: these two differ by less than a thousandth of 1/255.
    """
    twin = twins.beside(path)
    if path.suffix == ".xml" or twin.of(path):
        fast = FastNetwork(twin.network, bfloat16=path.suffix == ".xml")
        return lambda noisy, sigma: in_tiles(noisy, lambda piece: fast(piece[None])[0])
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model

    run = partial(denoise, load_model(path))

    def denoiser(noisy: Picture, sigma: float) -> Picture:
        return np.asarray(run(noisy[None])[0])

    return denoiser


def measured(chosen: Set, model: Path, kept: Path | None) -> Row:
    """A network's scores without noise and at every sigma; kept under its sha256."""
    name = f"network {_sha256(model)[:16]}"

    def denoise(noisy: Picture, sigma: float) -> Picture:
        # not loaded where all scores are kept
        return network(model)(noisy, sigma)

    return {sigma: scoring.kept(kept, name, chosen, sigma, denoise) for sigma in (0, *SIGMAS)}


def _sha256(model: Path) -> str:
    """Of a model's file; where the weights lie beside it, of these as well."""
    weights = model.with_suffix(".bin")
    content = model.read_bytes() + (weights.read_bytes() if model.suffix == ".xml" else b"")
    return sha256(content).hexdigest()


def _rows(
    chosen: Set, peers: dict[str, Denoise], models: dict[str, Path], kept: Path | None, bm3d_whole: bool
) -> Iterator[tuple[str, Row]]:
    for name, method in peers.items():
        print(f"{name} on {chosen.name}", flush=True)
        all_of_it = bm3d_whole or (name, chosen.name) != (page.RIVAL, "photographs")
        sigmas = [sigma for sigma in SIGMAS if all_of_it or scoring.is_kept(kept, name, chosen, sigma)]
        yield name, {sigma: scoring.kept(kept, name, chosen, sigma, method) for sigma in sigmas}
    for name, model in models.items():
        print(f"{name} on {chosen.name}", flush=True)
        yield name, measured(chosen, model, kept)
