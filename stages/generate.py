"""generate: noisy and clean pairs of the three splits."""

from pathlib import Path

from rich.progress import Progress

from svhn_denoiser import generation, params, program


def main() -> None:
    """Read data/raw, write data/noisy."""
    settings = params.load()
    raw = Path("data/raw")
    with Progress() as progress:
        task = progress.add_task("noisy pictures", total=generation.total(raw))
        counts = generation.write(
            raw, Path("data/noisy"), settings.generate, settings.seed, lambda done: progress.advance(task, done)
        )
    print(", ".join(f"{split} {count:,}" for split, count in counts.items()))


if __name__ == "__main__":
    program.run(main)
