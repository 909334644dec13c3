"""Load the models N.keras of a folder, one after the other, and say of each what became of it."""

from pathlib import Path

import numpy as np

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.model_file import load_model


def main() -> None:
    """Compare the weights of those that can be loaded with those of models/denoiser.keras."""
    whole = load_model(Path("models/denoiser.keras"))
    for path in sorted(Path().glob("[0-9]*.keras")):
        try:
            loaded = load_model(path)
            same = all(
                np.array_equal(one, other) for one, other in zip(whole.get_weights(), loaded.get_weights(), strict=True)
            )
            end = "the same" if same else "another model, without a word"
        except DenoiserError as error:
            end = "refused" if str(path) in str(error) else "raised without its name"
        except Exception as error:  # what a person would see as a traceback
            end = f"raised {type(error).__name__}: {error}"
        print(f"model {path}: {end}")


if __name__ == "__main__":
    main()
