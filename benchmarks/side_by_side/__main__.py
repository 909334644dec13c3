"""`python -m benchmarks.side_by_side`."""

from benchmarks.side_by_side.command import main
from svhn_denoiser import program

if __name__ == "__main__":
    program.run(main)
