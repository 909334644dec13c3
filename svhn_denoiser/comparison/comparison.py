"""The whole comparison of two models: what they are, what differs, what was measured, and what to keep in mind."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from svhn_denoiser.comparison import measuring
from svhn_denoiser.comparison.measuring import Contestant, Measured
from svhn_denoiser.comparison.side import Side
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.noise import in_words
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params

LETTERS = ("A", "B")
# a score that its own run wrote, in dB: repr and CSV keep more digits than that
_SAME_PSNR = 5e-4


@dataclass(frozen=True)
class Comparison:
    """Two models side by side.

    Attributes:
        sides: A and B.
        contestants: the same, ready to run.
        measured: what they make of the same pictures.
        settings: value at A and at B of each setting that differs; None where a side's settings are not known.
        notes: sentences on what makes the comparison less than fair, or pointless.
    """

    sides: tuple[Side, Side]
    contestants: tuple[Contestant, Contestant]
    measured: Measured
    settings: dict[str, tuple[str, str]] | None
    notes: list[str]

    @property
    def pictures(self) -> int:
        """How many were scored."""
        return len(self.measured.noisy.mse)

    @property
    def same(self) -> bool:
        """Whether A and B are one model, byte for byte."""
        return self.sides[0].sha256 == self.sides[1].sha256

    @property
    def headline(self) -> str:
        """Which is better and by how much, in a sentence."""
        gain, many = self.measured.psnr, f"on {self.pictures:,} picture{'' if self.pictures == 1 else 's'}"
        if self.same:
            return "A and B are the same model, byte for byte."
        sizes = f"{abs(gain.mean):.2f} dB"
        if gain.low > 0 or gain.high < 0:
            better, worse = ("B", "A") if gain.mean > 0 else ("A", "B")
            low, high = sorted((abs(gain.low), abs(gain.high)))
            return f"{better} is better than {worse} by {sizes} (95 % interval {low:.2f} to {high:.2f}) {many}."
        interval = f"{gain.low:+.2f} to {gain.high:+.2f} dB"
        return f"A and B cannot be told apart: B − A is {gain.mean:+.2f} dB (95 % interval {interval}) {many}."

    def as_dict(self) -> dict[str, Any]:
        """All of it, for programs to read as JSON."""
        measured = self.measured
        sides = {}
        for letter, side, contestant, scores, rate in zip(
            LETTERS, self.sides, self.contestants, measured.scores, measured.rates, strict=True
        ):
            sides[letter] = {
                **{key: value for key, value in asdict(side).items() if key != "file"},
                "parameters": contestant.parameters,
                "bytes": contestant.file_bytes,
                "pictures_per_second": rate,
                **scores.means(),
            }
        return {
            **sides,
            "pictures": self.pictures,
            "same": self.same,
            "headline": self.headline,
            "noisy": measured.noisy.means(),
            "difference": {"psnr": measured.psnr._asdict(), "ssim": measured.ssim._asdict()},
            "speed": measured.speed._asdict(),
            "settings": self.settings,
            "digits": measured.digits,
            "noise_levels": measured.levels,
            "noise_kinds": measured.kinds,
            "notes": self.notes,
        }


def compare(
    sides: tuple[Side, Side],
    params: Params,
    pairs: Pairs,
    *,
    pictures: int | None = None,
    data_hash: str | None = None,
    advance: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare two models.

    Args:
        sides: A and B.
        params: all settings; which noise the pairs have, and what else is scored, come from them.
        pairs: the pairs to score on.
        pictures: how many of them, the first ones; None for all.
        data_hash: DVC's hash of these pairs.
        advance: is told what comes next.

    Raises:
        DenoiserError: a model cannot be loaded, or there are no pictures.
    """
    test = pairs if pictures is None else pairs[:pictures]
    if not len(test):
        raise DenoiserError("there are no test pictures to compare on: data/noisy/test is empty. Run `dvc repro`.")
    advance("loading both models")
    a, b = (measuring.contestant(side.file) for side in sides)
    measured = measuring.measure(params, test, a.denoiser, b.denoiser, advance)
    whole = len(test) == len(pairs)
    notes = [*_notes(sides, params, data_hash), *_unlike_recorded(sides, measured, whole)]
    return Comparison(sides, (a, b), measured, _settings(sides), notes)


def _settings(sides: tuple[Side, Side]) -> dict[str, tuple[str, str]] | None:
    a, b = (side.settings for side in sides)
    if a is None or b is None:
        return None
    missing = "not set"
    # in the order of params.yaml
    return {key: (a.get(key, missing), b.get(key, missing)) for key in {**a, **b} if a.get(key) != b.get(key)}


def _notes(sides: tuple[Side, Side], params: Params, data_hash: str | None) -> Iterator[str]:
    a, b = sides
    noise = params.generate.noise
    here = in_words(noise.kind, noise.strength, noise.read_sigma)
    if a.sha256 == b.sha256:
        yield "A and B are the same model, byte for byte: all differences are zero but the speed's."
    elif a.noise and b.noise and a.noise != b.noise:
        yield f"They were trained for different noise: A for {a.noise}, B for {b.noise}. The pictures have {here}."
    elif a.noise and a.noise == b.noise and a.noise != here:
        yield f"Both were trained for {a.noise}; the pictures have {here}."
    for letter, side in zip(LETTERS, sides, strict=True):
        if side.noise is None:
            yield f"What noise {letter} was trained for is not known. The pictures have {here}."
        if data_hash and side.data_hash and side.data_hash != data_hash:
            yield (
                f"{letter} was trained on other pictures, or other noise, than lies in data/noisy: some of these test "
                f"pictures may have been in its training."
            )


def _unlike_recorded(sides: tuple[Side, Side], measured: Measured, whole: bool) -> Iterator[str]:
    for letter, side, scores in zip(LETTERS, sides, measured.scores, strict=True):
        recorded, now = side.recorded.get("psnr"), scores.means()["psnr"]
        if whole and recorded is not None and abs(recorded - now) > _SAME_PSNR:
            yield f"{letter}'s own run recorded {recorded:.2f} dB, on its test pictures; here it has {now:.2f} dB."
