"""The network that a name stands for, ready to run: in the fast runtime where it is there, else in Keras."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.denoising import twins
from svhn_denoiser.denoising.runtime import FastNetwork, openvino_installed
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import chosen_model

Pictures = NDArray[np.float32]
Network = Callable[[Pictures], Pictures]

SHIPPED = Path(__file__).with_name("shipped") / "denoiser.keras"
_SHIPPED_NAME = "the model that comes with the package"


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready to run.

    Attributes:
        name: what to call it, such as "the champion, version 3".
        network: float32 (N, H, W, 3) in [0, 1] to the same, any N, H and W.
        runtime: what runs it, and in which precision.
    """

    name: str
    network: Network
    runtime: str


def load(name: str | None, say: Callable[[str], None] = lambda _: None) -> LoadedModel:
    """Load the network that a name stands for.

    Args:
        name: `shipped`, `champion`, an address of MLflow's such as models:/svhn-denoiser/3, a .keras file, or an .xml
            file of OpenVINO's that `svhn-denoiser export` wrote. None for the champion where there is one, else the
            shipped model.
        say: is called with a sentence where something takes long.

    Raises:
        DenoiserError: there is no such model, or it cannot be loaded here.
    """
    if name == "shipped":
        return _shipped(say)
    with TemporaryDirectory() as folder:
        if name is None:
            chosen = chosen_model.champion(Path(folder))
            return _shipped(say) if chosen is None else _of_file(chosen.file, chosen.name, say)
        return _of_file(*file_of(name, Path(folder)), say)


def file_of(name: str, folder: Path) -> tuple[Path, str]:
    """A model's file by name, and what to call it.

    Args:
        name: as for `load`.
        folder: where what MLflow has is fetched to.

    Raises:
        DenoiserError: there is no such model.
    """
    if name == "shipped":
        file = SHIPPED
    elif name == "champion":
        champion = chosen_model.champion(folder)
        if champion is None:
            raise DenoiserError(
                "there is no champion: nothing is registered in this folder's store. `dvc repro` registers a model; "
                "--model shipped takes the one that comes with the package."
            )
        return champion.file, champion.name
    elif name.startswith(("models:/", "runs:/")):
        fetched = chosen_model.fetch(name, name, folder)
        return fetched.file, fetched.name
    else:
        file = Path(name)
    if not file.is_file():
        raise DenoiserError(f"{file}: no such file. A model is `shipped`, `champion`, an address or a file.")
    return file, _SHIPPED_NAME if name == "shipped" else name


def _shipped(say: Callable[[str], None]) -> LoadedModel:
    twin = twins.beside(SHIPPED)
    # the two are released together, and a test holds them against each other: nothing is read to compare them here
    if twin.exists() and openvino_installed():
        network = twin.load()
        return LoadedModel(_SHIPPED_NAME, network, network.runtime)
    return _of_file(*file_of("shipped", SHIPPED.parent), say)


def _of_file(file: Path, name: str, say: Callable[[str], None]) -> LoadedModel:
    fast = twins.Twin(file).load() if file.suffix == ".xml" else _fast(file, say)
    if fast is not None:
        return LoadedModel(name, fast, fast.runtime)
    try:
        from svhn_denoiser.networks import inference
        from svhn_denoiser.networks.model_file import load_model
    except ModuleNotFoundError as error:
        raise DenoiserError(
            f"{name}: a .keras file needs Keras and TensorFlow here ({error.name} is not installed). Run "
            "`pip install 'svhn-denoiser[pipeline]'`, or write it with `svhn-denoiser export --format openvino` where "
            "they are and name the .xml file."
        ) from None
    model = load_model(file)
    return LoadedModel(name, lambda pictures: inference.denoise(model, pictures), "Keras, float32")


def _fast(model: Path, say: Callable[[str], None]) -> FastNetwork | None:
    """A .keras file's network in the fast runtime, made once; None where Keras has to run it."""
    if not openvino_installed():
        return None
    twin = twins.beside(model)
    if not twin.of(model):
        twin = twins.cached(model)
    if not twin.of(model):
        if find_spec("keras") is None:
            return None
        from svhn_denoiser.denoising.exporting import export

        say("preparing this model for the fast runtime: takes some seconds, once")
        try:
            export(model, "openvino", twin.network)
        except (DenoiserError, OSError) as error:
            say(f"going on with Keras, since the model cannot be prepared for the fast runtime: {error}")
            return None
    return twin.load()
