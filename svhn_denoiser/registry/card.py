"""The model card of a version: what it is, how good, where it does harm, what it learnt from, and where it comes from.

Markdown with the front matter that Hugging Face reads (https://huggingface.co/docs/hub/model-cards). The same facts
give the same text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from svhn_denoiser.markdown import block, code, front_matter, table
from svhn_denoiser.registry import terms
from svhn_denoiser.registry.description import repeating
from svhn_denoiser.registry.front_matter import Result, fields
from svhn_denoiser.registry.trained import Trained
from svhn_denoiser.registry.versions import MODEL


@dataclass(frozen=True)
class Facts:
    """What is known of a version when it is registered.

    Attributes:
        number: the version's.
        created: when it was registered, ISO 8601.
        sha256: of its Keras file.
        parameters: how many numbers the network learnt.
        run_id: the run that made it.
        run: that run's tags.
        trained: scores, noise and source.
    """

    number: int
    created: str
    sha256: str
    parameters: int
    run_id: str
    run: Mapping[str, str]
    trained: Trained


def card(facts: Facts) -> str:
    """The whole card."""
    return f"{front_matter(metadata(facts))}\n\n{body(facts)}"


def metadata(facts: Facts) -> dict[str, Any]:
    """The fields of the front matter."""
    trained, scores = facts.trained, facts.trained.scores
    known = terms.of_source(trained.source)
    result = Result(
        name=f"{known.name}, test pictures, {trained.noise}",
        psnr=round(float(scores["denoised"]["psnr"]), 4),
        ssim=round(float(scores["denoised"]["ssim"]), 4),
        dataset=known.dataset or trained.data_source,
    )
    return fields(
        f"{MODEL}, version {facts.number}",
        [result],
        licence=known.licence,
        tags=[str(scores["network"]), str(scores["noise"]["kind"])],
        datasets=[known.dataset] if known.dataset else [],
    )


def body(facts: Facts) -> str:
    """The card without its front matter."""
    parts = [
        f"# {MODEL}, version {facts.number}",
        _what(facts),
        "## Scores",
        _scores(facts.trained.scores),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(facts.trained)),
        "## Data and licence",
        "\n\n".join(terms.paragraphs(facts.trained.source)),
        "## Where it comes from",
        "\n".join(f"- {fact}" for fact in _lineage(facts)),
        *_how_to_repeat(facts.run),
        "## Use",
        _use(facts.number),
    ]
    return "\n\n".join(parts) + "\n"


def _what(facts: Facts) -> str:
    scores = facts.trained.scores
    return (
        f"Takes noise ({code(facts.trained.noise)}) out of colour pictures. A network of the kind "
        f"{code(str(scores['network']))} with {facts.parameters:,} parameters: float32 (N, H, W, 3) in [0, 1] to the "
        "same, H and W multiples of 8. Its file loads in plain Keras 3, in safe mode."
    )


def _scores(scores: Mapping[str, Any]) -> str:
    rows = [
        [name, _with_interval(scores[name], "psnr", 2), _with_interval(scores[name], "ssim", 4)]
        for name in ("noisy", "denoised")
    ]
    gain = float(scores["denoised"]["psnr"]) - float(scores["noisy"]["psnr"])
    return "\n\n".join(
        (
            f"{gain:+.2f} dB over the noisy pictures. Means over {int(scores['pictures']):,} test pictures, which it "
            "did not learn from, with 95 % bootstrap intervals:",
            table(["", "PSNR (dB)", "SSIM"], rows),
        )
    )


def _with_interval(scores: Mapping[str, Any], name: str, places: int) -> str:
    mean = f"{float(scores[name]):.{places}f}"
    ends = [scores.get(f"{name}_{end}") for end in ("low", "high")]
    if None in ends:
        return mean
    return f"{mean} ({' to '.join(f'{float(end or 0):.{places}f}' for end in ends)})"


def _limits(trained: Trained) -> Iterator[str]:
    yield from _strengths(trained)
    harmed = list(_harmed_kinds(trained))
    if harmed:
        yield f"Other noise that it makes worse: {'; '.join(harmed)}."
    clean = trained.scores.get("clean", {}).get("psnr")
    if clean is not None:
        yield (
            f"Pictures without noise lose by it: afterwards their PSNR is {float(clean):.1f} dB. Do not denoise what "
            "is clean."
        )
    yield "It removes noise: not blur, not scratches. Texture that is weaker than the noise is lost."
    yield "Do not read from its output what only its output shows."


def _strengths(trained: Trained) -> Iterator[str]:
    rows = [(row["strength"], _gain(row)) for row in trained.noise_levels]
    if not rows:
        return
    kind = code(str(trained.scores["noise"]["kind"]))
    gains = ", ".join(f"{gain:+.1f} dB at {strength}" for strength, gain in rows)
    harm = [strength for strength, gain in rows if not gain > 0]
    does = f"**It does harm at {_listed(harm)}**" if harm else "It does harm at none of the strengths tried"
    yield f"{does}: with {kind} noise, PSNR changes by {gains}."


def _harmed_kinds(trained: Trained) -> Iterator[str]:
    kinds: dict[str, list[str]] = {}
    for row in trained.noise_kinds:
        kind = row.get("kind", "")
        if kind != trained.scores["noise"]["kind"] and not _gain(row) > 0:
            kinds.setdefault(kind, []).append(row["strength"])
    for kind, strengths in kinds.items():
        yield f"{code(kind)} of {_listed(strengths)}"


def _gain(row: Mapping[str, str]) -> float:
    return float(row["denoised_psnr"]) - float(row["noisy_psnr"])


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _lineage(facts: Facts) -> Iterator[str]:
    run = facts.run
    changed = ", with changes that are in no commit" if run.get("git_dirty") == "yes" else ""
    known = [
        ("commit", run.get("git_commit"), changed),
        ("DVC's experiment", run.get("dvc_experiment"), ""),
        ("settings that differ from the commit's", run.get("settings"), ""),
        ("hash of all settings", run.get("params_hash"), ""),
        ("DVC's hash of the pairs", run.get("data_hash"), ""),
        ("MLflow's run", facts.run_id, ""),
        ("recorded elsewhere as the run", run.get("restored_from"), ""),
        ("trained by", run.get("mlflow.user"), ""),
        ("trained on", run.get("device"), f", {run['precision']}" if "precision" in run else ""),
        ("registered", facts.created, ""),
        ("sha256 of `models/denoiser.keras`", facts.sha256, ""),
    ]
    for name, value, more in known:
        if value:
            yield f"{name}: {code(value)}{more}"


def _how_to_repeat(run: Mapping[str, str]) -> Iterator[str]:
    command = repeating(run)
    if command:
        yield "The same machine and package versions give the same bytes again with"
        yield block(command, "sh")


def _use(number: int) -> str:
    address = f"models:/{MODEL}/{number}"
    shell = f"svhn-denoiser denoise PICTURES --output FOLDER --model {address}\nsvhn-denoiser compare champion {number}"
    python = f'from svhn_denoiser import Denoiser\n\nclean = Denoiser.load("{address}")(noisy)'
    return f"{block(shell, 'sh')}\n\n{block(python, 'python')}"
