"""How often `svhn-denoiser drift` is wrong, and what it sees: false alarms, and power against strength.

    python -m benchmarks.drift_alarms --data FOLDER [--model FILE.keras]

FOLDER holds train_32x32.mat and test_32x32.mat, and may hold train_house_number.npy, which says which crops are of one
house. Writes benchmarks/drift_alarms/RESULTS.md. benchmarks/README.md says more.
"""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from benchmarks.drift_alarms.alterations import ADDED_NOISE, OTHER_NOISE, SCENE, Alteration, noisy
from benchmarks.page import ROOT, facts_table, machine, public, summary, table, versions
from svhn_denoiser import mat_format
from svhn_denoiser.crops import Pictures
from svhn_denoiser.drift import words
from svhn_denoiser.drift.collection import runs
from svhn_denoiser.drift.comparison import ALPHA, TOLERATED, Finding, Floats, Sample, compare
from svhn_denoiser.drift.examination import Denoise, features_of, measured
from svhn_denoiser.drift.features import FEATURES, Feature
from svhn_denoiser.files import write_text
from svhn_denoiser.sources.synthetic import draw

OUTPUT = ROOT / "benchmarks/drift_alarms/RESULTS.md"
SEED = 2021
SIGMA = 0.1
SIZES = (20, 50, 200, 800)

_HEAD = """# Drift: false alarms and power

Written by `python -m benchmarks.drift_alarms` ([how](../README.md)); what the command does with these tests is in
[docs/drift.md](../../docs/drift.md)."""

_FRESH = """## False alarms on fresh pictures

Sets of pictures of the same distribution as the reference: every alarm is a false one. Drawn numbers are independent of
one another. Blocks of SVHN's training file are not: its crops come in twos and threes of one house, side by side; the
rest of the file is the reference. Blocks of the *test* file beside the training file are of the same source, but not
quite of the same distribution (see below): the tolerances are made for them. The last column is how often any
difference was significant, which is no alarm yet."""

_HALVES = """## Parts of the same, and of other pictures

The largest difference of a feature, the classifier's AUC and the surplus of outliers, each with its lower bound; an
alarm is a bound above 0.25, 0.76 or 0.06. *Plain tests*: how many features' Kolmogorov-Smirnov tests would say
"different" at 0.01 (Bonferroni) to somebody who takes all crops for independent and asks for significance alone."""

_POWER = """## Power

Each cell is the share of sets of so many pictures that raised the alarm: contiguous blocks of the last
fifth of the training file, altered, beside the rest of the file; the blocks overlap. The noise is added after
the scene was altered. *What is said*: of the first alarm in the largest sets."""

_WIDEST = ("feature", "all together", "outliers")


@dataclass(frozen=True)
class Kind:
    """A kind of pictures to compare: clean or noisy ones, with or without what a model takes away."""

    name: str
    noisy: bool
    features: tuple[Feature, ...]

    def compare(self, training: Floats, incoming: Floats) -> list[Finding]:
        """Compare measured pictures as the command does."""
        old, new = (values[runs(len(values)), : len(self.features)] for values in (training, incoming))
        reference, sample = (Sample(values, np.arange(len(values))) for values in (old, new))
        return compare(reference, sample, self.features)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    asked = _parser().parse_args(arguments)
    train, test = (mat_format.read(asked.data / f"{name}_32x32.mat")[0] for name in ("train", "test"))
    houses = asked.data / "train_house_number.npy"
    house = np.load(houses) if houses.exists() else None
    denoise = _model(asked.model)
    drawn = draw(asked.draws * 100 + 4096, SEED, "drift")[0]

    kinds = [Kind(name, name == "noisy", FEATURES) for name in ("clean", "noisy")]
    if denoise:
        kinds += [Kind(f"{kind.name}, with a model", kind.noisy, features_of(denoise)) for kind in kinds]
    fresh, halves, power = [], [], []
    for with_noise in (False, True):
        values = {
            name: measured(noisy(each, SIGMA) if with_noise else each, denoise)
            for name, each in (("train", train), ("test", test), ("drawn", drawn))
        }
        for kind in kinds:
            if kind.noisy == with_noise:
                print(f"{kind.name}: false alarms, parts", flush=True)
                fresh += list(_fresh(kind, values, asked.draws))
                halves += list(_halves(kind, values, house))
        # a scheduler has clean pictures and needs no model; who denoises has noisy ones and a model
        kind = next(kind for kind in kinds[:: -1 if with_noise else 1] if kind.noisy == with_noise)
        print(f"{kind.name}: power", flush=True)
        rows = list(_power(kind, train, denoise, asked.windows))
        sizes = [f"{size:,}" for size in _sizes(len(train))]
        power += [f"### {kind.name.capitalize()}", table(["altered", "strength", *sizes, "what is said"], rows)]
    parts = [_HEAD, _FRESH, table(["pictures", "a set", "sets", "false alarms", "any p below 0.01"], fresh)]
    parts += [_HALVES, table(["pictures", "training", "incoming", "alarm", *_WIDEST, "plain tests"], halves)]
    parts += [_POWER, *power]
    parts += ["## How it was measured", facts_table(_facts(asked, len(train), len(test)))]
    write_text(asked.output, "\n\n".join(parts) + "\n")
    print(asked.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.drift_alarms", description=summary(__doc__))
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder with SVHN-format files")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a trained network; without it, no residuals")
    parser.add_argument("--draws", type=int, default=200, metavar="N", help="sets of fresh pictures; %(default)s")
    parser.add_argument("--windows", type=int, default=20, metavar="N", help="sets a strength; %(default)s")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="the page")
    return parser


def _model(file: Path | None) -> Denoise | None:
    if file is None:
        return None
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model

    return partial(denoise, load_model(file))


def _fresh(kind: Kind, values: dict[str, Floats], draws: int) -> Iterator[list[str]]:
    """Draws of one distribution: every alarm is false."""
    reference, pool = values["drawn"][:4096], values["drawn"][4096:]
    for size in (20, 100):
        sets = [pool[100 * index : 100 * index + size] for index in range(draws)]
        yield [f"drawn numbers, {kind.name}", str(size), *_alarms(kind, [(reference, each) for each in sets])]
    for name, size in (("train", 20), ("train", 100), ("train", 500), ("test", 100)):
        told = "SVHN's training file, the rest of it" if name == "train" else "SVHN's test file, the training file"
        pairs = list(_windows(values["train"], values[name], name == "train", size, draws))
        yield [f"a block of {told} as reference, {kind.name}", str(size), *_alarms(kind, pairs)]


def _windows(train: Floats, pool: Floats, within: bool, size: int, count: int) -> Iterator[tuple[Floats, Floats]]:
    for start in np.linspace(0, len(pool) - size, count).astype(int):
        # crops of a house that the block begins or ends in belong to neither
        rest = np.concatenate([train[: max(0, start - 5)], train[start + size + 5 :]]) if within else train
        yield rest, pool[start : start + size]


def _alarms(kind: Kind, pairs: Sequence[tuple[Floats, Floats]]) -> list[str]:
    found = [kind.compare(*pair) for pair in pairs]
    alarms, significant = (
        sum(any(test(finding) for finding in findings) for findings in found) for test in (_is_drift, _is_significant)
    )
    return [str(len(found)), *(f"{100 * each / len(found):.1f} %" for each in (alarms, significant))]


def _halves(kind: Kind, values: dict[str, Floats], house: NDArray[np.int32] | None) -> Iterator[list[str]]:
    """Parts of the real file against each other, and against drawn numbers."""
    train, test, drawn = (values[name] for name in ("train", "test", "drawn"))
    half = len(train) // 2
    rng = np.random.default_rng(SEED)
    splits = {
        "first half, second half": (train[:half], train[half:]),
        "second half, first half": (train[half:], train[:half]),
        "even, odd": (train[::2], train[1::2]),
    }
    if house is not None:
        for number in range(1, 6):
            numbers = rng.permutation(np.unique(house))
            chosen = np.isin(house, numbers[: len(numbers) // 2])
            splits[f"half of the houses by lot {number}, the others"] = train[chosen], train[~chosen]
    order = rng.permutation(len(train))
    splits["half of the crops by lot, the others"] = train[order[:half]], train[order[half:]]
    splits |= {
        "SVHN train, SVHN test": (train, test),
        "SVHN test, SVHN train": (test, train),
        "SVHN train, drawn": (train, drawn),
        "drawn, SVHN train": (drawn, train),
        "drawn, SVHN test": (drawn, test),
    }
    for name, pair in splits.items():
        findings = kind.compare(*pair)
        training, _, incoming = name.partition(", ")
        alarm = "**drift**" if any(map(_is_drift, findings)) else "no"
        yield [kind.name, training, incoming, alarm, *_widest(findings), _plain(findings)]


def _widest(findings: Sequence[Finding]) -> list[str]:
    cells = []
    for kind in TOLERATED:
        finding = max((each for each in findings if each.kind == kind), key=lambda each: each.at_least)
        cells.append(f"{finding.statistic:.2f} (at least {finding.at_least:.2f})")
    return cells


def _plain(findings: Sequence[Finding]) -> str:
    """How many features would differ for who takes all crops for independent and asks for p alone."""
    single = [finding for finding in findings if finding.kind == "feature"]
    level = ALPHA / len(single)
    return f"{sum(ks_2samp(each.training, each.incoming).pvalue < level for each in single)} of {len(single)}"


def _power(kind: Kind, train: Pictures, denoise: Denoise | None, windows: int) -> Iterator[list[str]]:
    """Altered pictures of the end of the training file, beside the rest of it."""
    asked = denoise if len(kind.features) > len(FEATURES) else None
    held = len(train) // 5

    def values(pictures: Pictures) -> Floats:
        return measured(noisy(pictures, SIGMA) if kind.noisy else pictures, asked)

    reference, fresh = values(train[:-held]), train[-held:]
    for alteration in SCENE:
        for strength in alteration.strengths:
            altered = values(alteration.change(fresh, strength))
            yield _row(kind, alteration, strength, reference, altered, windows)
    for alteration in OTHER_NOISE if kind.noisy else ADDED_NOISE:
        for strength in alteration.strengths:
            altered = measured(alteration.change(fresh, strength), asked)
            yield _row(kind, alteration, strength, reference, altered, windows)


def _row(
    kind: Kind, alteration: Alteration, strength: float, reference: Floats, values: Floats, windows: int
) -> list[str]:
    cells = []
    said = ""
    for size in _sizes(5 * len(values)):
        starts = np.linspace(0, len(values) - size, windows).astype(int)
        found = [kind.compare(reference, values[start : start + size]) for start in starts]
        alarms = [findings for findings in found if any(map(_is_drift, findings))]
        cells.append(f"{100 * len(alarms) / windows:.0f} %")
        if alarms:
            said = words.changes(alarms[0], "drift")
    return [alteration.name, f"{strength:g}" if strength else "", *cells, said]


def _sizes(total: int) -> list[int]:
    """Sizes of sets of incoming pictures, up to half of those that are kept for it."""
    return [size for size in SIZES if size <= total // 10]


def _is_drift(finding: Finding) -> bool:
    return finding.state == "drift"


def _is_significant(finding: Finding) -> bool:
    return finding.p < ALPHA


def _facts(asked: argparse.Namespace, train: int, test: int) -> dict[str, str]:
    told = {}
    for name, count in (("train", train), ("test", test)):
        file = asked.data / f"{name}_32x32.mat"
        told[file.name] = f"{count:,} pictures, sha256 `{sha256(file.read_bytes()).hexdigest()}`"
    told["drawn numbers"] = f"`svhn_denoiser/sources/synthetic.py`, seed {SEED}"
    told["noise"] = f"Gaussian, sigma {SIGMA:g}, clipped, rounded to 8 bits"
    if asked.model:
        told["model"] = f"sha256 `{sha256(asked.model.read_bytes()).hexdigest()}`"
    told["machine"] = machine()
    told["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items() if "(" not in number)
    told["date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    line = ["python", "-m", "benchmarks.drift_alarms", "--data", public(asked.data)]
    line += ["--model", public(asked.model)] if asked.model else []
    line += ["--draws", str(asked.draws), "--windows", str(asked.windows)]
    told["command"] = f"`{shlex.join(line)}`"
    return told
