"""A model's twin for the fast runtime: made once, held against Keras, and kept.

The model that comes with the package has its twin beside it. That of any other .keras file lies in the user's cache,
in a folder that is named by the file's sha256.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from svhn_denoiser.denoising.runtime import FastNetwork
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json, sha256_of, write_json

if TYPE_CHECKING:
    from svhn_denoiser.denoising.parity import Parity

# goes up when networks are written otherwise than before: twins of an older form are made again
FORM = 2


@dataclass(frozen=True)
class Twin:
    """The files of an exported network.

    Attributes:
        network: OpenVINO's .xml; the weights lie beside it in the .bin of the same name.
    """

    network: Path

    @property
    def about(self) -> Path:
        """What is known of it: the model it was made from, what it was compared on, and whether bfloat16 is good."""
        return self.network.with_suffix(".json")

    def exists(self) -> bool:
        """Whether network and weights are there."""
        return self.network.is_file() and self.network.with_suffix(".bin").is_file()

    def of(self, model: Path) -> bool:
        """Whether it was made from this .keras file, by this form of the export, and is as it was made."""
        if not self.exists() or not self.about.is_file():
            return False
        try:
            about = read_json(self.about, {"bfloat16": bool})
        except DenoiserError:  # damaged, and made again
            return False
        if (about.get("form"), about.get("model_sha256")) != (FORM, sha256_of(model)):
            return False
        # earlier releases did not note it
        return about.get("files_sha256") in (None, self._sums())

    def describe(self, model: Path, parity: "Parity") -> None:
        """Write down what it was made from, and what the comparison with Keras showed."""
        content = {"form": FORM, "model_sha256": sha256_of(model), "files_sha256": self._sums()}
        write_json(self.about, content | {"bfloat16": parity.bfloat16, "parity": parity.as_dict()})

    def load(self) -> FastNetwork:
        """The network, in bfloat16 only where that was measured to cost next to nothing and this CPU has it."""
        good = self.about.is_file() and read_json(self.about).get("bfloat16") is True
        return FastNetwork(self.network, bfloat16=good)

    def _sums(self) -> list[str]:
        return [sha256_of(file) for file in (self.network, self.network.with_suffix(".bin"))]


def beside(model: Path) -> Twin:
    """The twin that comes with a model's file, in the same folder; it need not exist."""
    return Twin(model.with_suffix(".xml"))


def cached(model: Path) -> Twin:
    """Where the twin of a .keras file is kept for this user; it need not exist."""
    return Twin(cache_folder() / sha256_of(model)[:32] / "denoiser.xml")


def cache_folder() -> Path:
    """The user's cache, as the system has it; `SVHN_DENOISER_CACHE` names another."""
    if named := os.environ.get("SVHN_DENOISER_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "svhn-denoiser"
