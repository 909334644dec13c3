"""`python -m benchmarks.contact_sheet`."""

from benchmarks.contact_sheet.command import main
from svhn_denoiser import program

if __name__ == "__main__":
    program.run(main)
