"""generate: noisy and clean pairs of the three splits."""

from rich.progress import Progress

from svhn_denoiser import generation, params, program
from svhn_denoiser.paths import NOISY, RAW


def main() -> None:
    """Read data/raw, write data/noisy."""
    settings = params.load()
    with Progress() as progress:
        task = progress.add_task("noisy pictures", total=generation.total(RAW))
        counts = generation.write(
            RAW, NOISY, settings.generate, settings.seed, lambda done: progress.advance(task, done)
        )
    print(", ".join(f"{split} {count:,}" for split, count in counts.items()))


if __name__ == "__main__":
    program.run(main)
