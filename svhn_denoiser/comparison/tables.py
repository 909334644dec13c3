"""A comparison as tables of text: the same rows for the terminal, the page and a pull request's comment."""

from dataclasses import dataclass

from svhn_denoiser.comparison.comparison import LETTERS, Comparison
from svhn_denoiser.comparison.score_rows import INTERVAL, difference, score_rows

# settings that a table shows
MOST_SETTINGS = 40


@dataclass(frozen=True)
class Table:
    """Rows of text under a title: the first column names the row. Where the title says it all, there are none."""

    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def tables(comparison: Comparison) -> list[Table]:
    """All that a comparison has to say, except for the pictures."""
    found = [_models(comparison), _settings(comparison), _scores(comparison), _digits(comparison)]
    return [*found, _levels(comparison), *([_kinds(comparison)] if comparison.measured.kinds else [])]


def _models(comparison: Comparison) -> Table:
    sides, contestants, rates = comparison.sides, comparison.contestants, comparison.measured.rates
    rows = [("model", *(side.name for side in sides))]
    rows += [
        (name, *(_short(name, side.facts.get(name, "not known")) for side in sides))
        for name in ("commit", "date", "run", "network", "data")
        if any(name in side.facts for side in sides)
    ]
    rows.append(("trained for", *(side.noise or "not known" for side in sides)))
    rows.append(("sha256", *(side.sha256[:12] for side in sides)))
    rows.append(("parameters", *(f"{each.parameters:,}" for each in contestants)))
    rows.append(("file", *(f"{each.file_bytes / 1e6:.2f} MB" for each in contestants)))
    rows.append(("pictures a second", *(f"{rate:,.0f}" for rate in rates)))
    speed = comparison.measured.speed
    rows.append(("speed, B over A", "", f"{speed.mean:.2f} ({speed.low:.2f} to {speed.high:.2f})"))
    return Table("What they are", ("", *LETTERS), tuple(rows))


def _short(name: str, value: str) -> str:
    if name in {"commit", "run"}:
        return value[:9]
    return value[:16].replace("T", " ") if name == "date" else value


def _settings(comparison: Comparison) -> Table:
    title = "Settings that differ"
    if comparison.settings is None:
        of = [letter for letter, side in zip(LETTERS, comparison.sides, strict=True) if side.settings is None]
        return Table(f"{title}: those of {' and '.join(of)} are not known")
    rows = [(key, a, b) for key, (a, b) in comparison.settings.items()]
    if not rows:
        return Table(f"{title}: none")
    more = len(rows) - MOST_SETTINGS
    if more > 0:
        rows = [*rows[:MOST_SETTINGS], (f"and {more} more", "", "")]
    return Table(title, ("", *LETTERS), tuple(rows))


def _scores(comparison: Comparison) -> Table:
    measured = comparison.measured
    a, b = (scores.means() for scores in measured.scores)
    noisy = measured.noisy.means()
    rows = list(score_rows(a, b, {"psnr": measured.psnr, "ssim": measured.ssim}))
    over = [each["psnr"] - noisy["psnr"] for each in (a, b)]
    rows.append(("PSNR over noisy (dB)", f"{over[0]:+.2f}", f"{over[1]:+.2f}", ""))
    recorded = [side.recorded.get("psnr") for side in comparison.sides]
    if any(score is not None for score in recorded):
        rows.append(("PSNR, recorded by its run", *("" if score is None else f"{score:.2f}" for score in recorded), ""))
    many = f"{comparison.pictures:,} test picture{'' if comparison.pictures == 1 else 's'}"
    return Table(f"Scores on the same {many}", ("", *LETTERS, f"B − A: {INTERVAL}"), tuple(rows))


def _digits(comparison: Comparison) -> Table:
    rows = tuple(
        (
            str(row["digit"]),
            f"{row['pictures']:,}",
            f"{row['a']:.2f}",
            f"{row['b']:.2f}",
            difference(row["mean"], row["low"], row["high"]),
        )
        for row in comparison.measured.digits
    )
    return Table("PSNR of each digit (dB)", ("digit", "pictures", *LETTERS, f"B − A: {INTERVAL}"), rows)


def _levels(comparison: Comparison) -> Table:
    rows = tuple(
        (
            f"{row['strength']:g}",
            f"{row['noisy_psnr']:.2f}",
            f"{row['a_psnr']:.2f}",
            f"{row['b_psnr']:.2f}",
            difference(row["difference"], row["low"], row["high"]),
        )
        for row in comparison.measured.levels
    )
    head = ("strength", "noisy", *LETTERS, f"B − A: {INTERVAL}")
    return Table("PSNR at other strengths of the noise (dB)", head, rows)


def _kinds(comparison: Comparison) -> Table:
    kinds: dict[str, dict[float, str]] = {}
    for row in comparison.measured.kinds:
        # the ends themselves, of six strengths beside each other, are too wide for a terminal
        half = (row["high"] - row["low"]) / 2
        kinds.setdefault(row["kind"], {})[row["strength"]] = f"{difference(row['difference'])} ±{half:.2f}"
    strengths = sorted({row["strength"] for row in comparison.measured.kinds})
    rows = tuple((kind, *(of.get(strength, "") for strength in strengths)) for kind, of in kinds.items())
    title = "B − A on other kinds of noise, by strength (dB, ± half of the 95 % interval)"
    return Table(title, ("", *(f"{each:g}" for each in strengths)), rows)
