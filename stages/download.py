"""download: clean pictures into data/raw, in SVHN's own format."""

from pathlib import Path

from svhn_denoiser import params, sources
from svhn_denoiser.stage import run


def main() -> None:
    """Fetch the pictures of the configured source."""
    settings = params.load()
    sources.fetch(settings.download, settings.seed, Path("data/raw"))


if __name__ == "__main__":
    run(main)
