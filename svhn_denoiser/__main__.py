"""`python -m svhn_denoiser`: the same as `svhn-denoiser`."""

from svhn_denoiser.cli import main

if __name__ == "__main__":
    main()
