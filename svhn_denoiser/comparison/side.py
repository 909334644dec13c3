"""A model that is compared with another, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svhn_denoiser.files import sha256_of


@dataclass(frozen=True)
class Side:
    """A model that is compared with another.

    Attributes:
        asked: the name that was given.
        name: what to call it, such as "version 3" or "main (1a2b3c4d5)".
        file: its Keras file.
        sha256: of the model as it was trained: MLflow writes the file anew, with other bytes.
        noise: all of the noise it was trained for, in words; None where that is not known.
        facts: what else is known, by name: commit, date, run, network, data.
        settings: every setting of its training by dotted name, as params.yaml writes it; None where they are not known.
        recorded: mean scores on the test pictures of its own run, psnr and ssim; empty where they are not known.
        data_hash: DVC's hash of the pairs of its own run; None where that is not known.
    """

    asked: str
    name: str
    file: Path
    sha256: str
    noise: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] | None = None
    recorded: Mapping[str, float] = field(default_factory=dict)
    data_hash: str | None = None


def described(
    asked: str,
    name: str,
    file: Path,
    *,
    sha256: str | None = None,
    noise: str | None = None,
    facts: Mapping[str, object] | None = None,
    settings: Mapping[str, str] | None = None,
    recorded: Mapping[str, float] | None = None,
    data_hash: str | None = None,
) -> Side:
    """A side from what was found of it: what is empty is not known, and without a sha256 the file's counts."""
    return Side(
        asked=asked,
        name=name,
        file=file,
        sha256=sha256 or sha256_of(file),
        noise=noise or None,
        facts={key: str(value) for key, value in (facts or {}).items() if value},
        settings=dict(settings) if settings else None,
        recorded=dict(recorded or {}),
        data_hash=data_hash or None,
    )
