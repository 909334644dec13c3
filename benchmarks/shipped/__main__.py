"""`python -m benchmarks.shipped`."""

from benchmarks.shipped.command import main
from svhn_denoiser import program

if __name__ == "__main__":
    program.run(main)
