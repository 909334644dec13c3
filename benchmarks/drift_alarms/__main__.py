"""`python -m benchmarks.drift_alarms`."""

from benchmarks.drift_alarms.command import main
from svhn_denoiser import program

if __name__ == "__main__":
    program.run(main)
