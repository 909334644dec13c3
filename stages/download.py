"""download: clean pictures into data/raw, in SVHN's own format."""

from pathlib import Path

from svhn_denoiser import params
from svhn_denoiser.program import run
from svhn_denoiser.sources import fetch


def main() -> None:
    """Fetch the pictures of the configured source."""
    settings = params.load()
    fetch.fetch(settings.download, settings.seed, Path("data/raw"))


if __name__ == "__main__":
    run(main)
