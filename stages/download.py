"""download: clean pictures into data/raw, in SVHN's own format."""

from svhn_denoiser import params
from svhn_denoiser.paths import RAW
from svhn_denoiser.program import run
from svhn_denoiser.sources import fetch


def main() -> None:
    """Fetch the pictures of the configured source."""
    settings = params.load()
    fetch.fetch(settings.download, settings.seed, RAW)


if __name__ == "__main__":
    run(main)
