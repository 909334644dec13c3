"""`python -m benchmarks.logging_cost`."""

from benchmarks.logging_cost.command import main
from svhn_denoiser import program

if __name__ == "__main__":
    program.run(main)
