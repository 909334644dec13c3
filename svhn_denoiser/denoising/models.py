"""The network that a name stands for, ready to run: in the fast runtime where it is there, else in Keras."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.denoising import twins
from svhn_denoiser.denoising.runtime import FAR, FastNetwork, openvino_installed
from svhn_denoiser.denoising.trained_noise import TrainedNoise, parse
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json
from svhn_denoiser.paths import METRICS, MODEL
from svhn_denoiser.registry import chosen_model
from svhn_denoiser.registry.chosen_model import ChosenModel
from svhn_denoiser.tracking.location import repository_root

Pictures = NDArray[np.float32]
Network = Callable[[Pictures], Pictures]

SHIPPED = Path(__file__).with_name("shipped") / "denoiser.keras"
_SHIPPED_NAME = "the model that comes with the package"
# what the recipe `shipped` says; a network that is tuned to noise down to 0.01 leaves cleaner pictures alone
SHIPPED_NOISE = "gaussian [0, 0.3]"


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready to run.

    Attributes:
        name: what to call it, such as "the champion, version 3".
        network: float32 (N, H, W, 3) in [0, 1] to the same, any N, H and W.
        runtime: what runs it, and in which precision.
        noise: what it was trained for; None where that is not known.
        shipped: whether it is the model that comes with the package.
    """

    name: str
    network: Network
    runtime: str
    noise: TrainedNoise | None = None
    shipped: bool = False


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
            chosen = _champion_if_any(Path(folder), say)
            return _shipped(say) if chosen is None else _loaded(chosen, say)
        return _loaded(named(name, Path(folder)), say)


def file_of(name: str, folder: Path) -> tuple[Path, str]:
    """A model's file by name, and what to call it.

    Args:
        name: as for `load`.
        folder: where what MLflow has is fetched to.

    Raises:
        DenoiserError: there is no such model.
    """
    chosen = named(name, folder)
    return chosen.file, chosen.name


def _champion_if_any(folder: Path, say: Callable[[str], None]) -> ChosenModel | None:
    try:
        return chosen_model.champion(folder)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "svhn_denoiser":
            raise
        say(f"there is a store here, but {error.name}, which reads it, is not installed: without the champion")
        return None


def named(name: str, folder: Path) -> ChosenModel:
    """A model's file by name, what to call it, and the noise it was trained for; otherwise as `file_of`."""
    if name == "shipped":
        file = SHIPPED
    elif name == "champion":
        champion = chosen_model.champion(folder)
        if champion is None:
            raise DenoiserError(
                "there is no champion: nothing is registered in this folder's store. `dvc repro` registers a model; "
                "--model shipped takes the one that comes with the package."
            )
        return champion
    elif name.startswith(("models:/", "runs:/")):
        return chosen_model.fetch(name, name, folder)
    else:
        file = Path(name)
        if file.is_file() and file.suffix not in {".keras", ".xml"}:
            raise DenoiserError(f"{file}: is no model: its file ends in .keras, or in .xml where `export` wrote it.")
    if not file.is_file():
        raise DenoiserError(f"{file}: no such file. A model is `shipped`, `champion`, an address or a file.")
    if name == "shipped":
        return ChosenModel(file, _SHIPPED_NAME, SHIPPED_NOISE)
    return ChosenModel(file, name, _noise_of_last_training(file))


def _noise_of_last_training(file: Path) -> str | None:
    """What models/denoiser.keras was trained for: the scores beside it say so."""
    root = repository_root()
    if file.resolve() != (root / MODEL).resolve() or not (root / METRICS).is_file():
        return None
    noise = read_json(root / METRICS).get("noise", {})
    return f"{noise['kind']} {noise['strength']}" if {"kind", "strength"} <= set(noise) else None


def _shipped(say: Callable[[str], None]) -> LoadedModel:
    twin = twins.beside(SHIPPED)
    # the two are released together, and a test holds them against each other: nothing is read to compare them here
    if twin.exists() and openvino_installed():
        network = twin.load()
        return LoadedModel(_SHIPPED_NAME, network, network.runtime, parse(SHIPPED_NOISE), shipped=True)
    return _loaded(named("shipped", SHIPPED.parent), say)


def _loaded(chosen: ChosenModel, say: Callable[[str], None]) -> LoadedModel:
    file, name = chosen.file, chosen.name
    noise, shipped = parse(chosen.noise), file == SHIPPED
    fast = twins.Twin(file).load() if file.suffix == ".xml" else _fast(file, say)
    if fast is not None:
        return LoadedModel(name, fast, fast.runtime, noise, shipped)
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
    return LoadedModel(
        name, lambda pictures: inference.denoise(model, pictures, far=FAR), "Keras, float32", noise, shipped
    )


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
