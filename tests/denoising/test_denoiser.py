"""`Denoiser` takes arrays as people have them, gives back the same kind, and says what it does not take."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svhn_denoiser import Denoiser
from svhn_denoiser.denoising import models
from svhn_denoiser.denoising.models import LoadedModel, Pictures
from svhn_denoiser.denoising.runtime import FastNetwork, import_openvino
from svhn_denoiser.errors import DenoiserError
from tests.denoising.halving_network import halving_network

_RNG = np.random.default_rng(5)


class Halving:
    """Stands in for a network: halves all values, and remembers how many pixels it was given at once."""

    def __init__(self) -> None:
        self.most = 0

    def __call__(self, pictures: Pictures) -> Pictures:
        assert pictures.dtype == np.float32
        assert pictures.shape[-1] == 3
        assert pictures.min() >= 0
        assert pictures.max() <= 1
        self.most = max(self.most, pictures[..., 0].size)
        return pictures / np.float32(2)


@pytest.fixture
def network() -> Halving:
    return Halving()


@pytest.fixture
def denoiser(network: Halving) -> Denoiser:
    return Denoiser(LoadedModel("halving", network, "this test"))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (4, 5, 7, 3), (1, 1), (0, 5, 7, 3), (0, 3)])
@pytest.mark.parametrize("kind", ["uint8", "uint16", ">u2", "float16", "float32", "float64"])
def test_shape_and_type_are_kept(shape: tuple[int, ...], kind: str, denoiser: Denoiser) -> None:
    dtype = np.dtype(kind)
    scale = np.iinfo(dtype).max if dtype.kind == "u" else 1
    given = (_RNG.random(shape) * scale).astype(dtype)
    before = given.copy()
    result = denoiser(given)
    assert (result.shape, result.dtype) == (given.shape, given.dtype)
    np.testing.assert_array_equal(given, before)
    np.testing.assert_allclose(result, given / dtype.type(2), atol=1 if dtype.kind == "u" else 1e-3)


def test_white_stays_white_in_every_depth() -> None:
    denoiser = Denoiser(LoadedModel("identity", lambda pictures: pictures, "this test"))
    for dtype, white in (("uint8", 255), ("uint16", 65535), ("float64", 1)):
        assert (denoiser(np.full((4, 4), white, dtype)) == white).all()


def test_many_pictures_and_large_ones_go_through_in_parts(network: Halving, denoiser: Denoiser) -> None:
    many = np.full((1000, 32, 32, 3), 200, np.uint8)
    assert (denoiser(many) == 100).all()
    assert network.most == 256 * 32 * 32
    large = np.full((2, 1500, 2000, 3), 200, np.uint8)
    assert (denoiser(large) == 100).all()
    assert network.most <= 1024 * 1024


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\): expected \(H, W\)"),
        (np.zeros((9, 8, 4)), "alpha channel"),
        (np.zeros((3, 9, 8)), "channels come last"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.zeros((2, 4, 4, 1)), r"\(N, H, W, 3\)"),
        (np.zeros((4, 4), np.int64), "int64: expected uint8, uint16"),
        (np.zeros((4, 4), bool), "an array of bool"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.full((4, 4), np.nan), "16 values that are NaN or infinite"),
        (np.full((4, 4), np.inf), "16 values that are NaN or infinite"),
        (np.full((4, 4), 200.0), "from 200 to 200: expected floats in .0, 1.. Divide by 255"),
        (np.full((4, 4), -0.5), "from -0.5 to -0.5"),
    ],
)
def test_what_is_not_taken_is_said(array: Any, complaint: str, denoiser: Denoiser) -> None:
    with pytest.raises(DenoiserError, match=complaint):
        denoiser(array)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DenoiserError, match=r"none.keras: no such file. A model is `shipped`"):
        Denoiser.load(tmp_path / "none.keras")


def test_without_a_champion_its_name_is_an_error_and_no_name_is_the_shipped_model(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DenoiserError, match="there is no champion"):
        Denoiser.load("champion")
    monkeypatch.setattr(models, "SHIPPED", repository / "shipped/denoiser.keras")
    with pytest.raises(DenoiserError, match=r"shipped.denoiser.keras: no such file"):
        Denoiser.load(None)


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import svhn_denoiser; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "tensorflow", "mlflow", "rich"} & set(loaded)
    assert [name for name in loaded if name.startswith("svhn")] == ["svhn_denoiser"]


def test_a_network_of_openvino_that_takes_or_gives_other_than_pictures_is_refused(tmp_path: Path) -> None:
    openvino = import_openvino()
    operations, file = openvino.opset13, tmp_path / "model.xml"
    pictures = operations.parameter([-1, -1, -1, 3], np.float32)
    grey = operations.reduce_mean(pictures, np.int64([3]), keep_dims=True)
    openvino.save_model(openvino.Model([grey], [pictures]), file)
    with pytest.raises(DenoiserError, match=r"answers float32 \(1, 8, 8, 3\) with float32 \(1, 8, 8, 1\)"):
        FastNetwork(file, bfloat16=False)(np.zeros((1, 8, 8, 3), np.float32))
    whole_numbers = operations.parameter([-1, -1, -1, 3], np.uint8)
    openvino.save_model(openvino.Model([operations.convert(whole_numbers, "f32")], [whole_numbers]), file)
    with pytest.raises(DenoiserError, match=r"model\.xml: takes u8, not one array of f32"):
        FastNetwork(file, bfloat16=False)


@pytest.mark.parametrize(("said", "kind"), [("std::bad_alloc", MemoryError), ("no such primitive", DenoiserError)])
def test_what_openvino_raises_is_an_error_for_people(
    said: str, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halving_network(tmp_path / "model.xml")
    network = FastNetwork(tmp_path / "model.xml", bfloat16=False)

    def fails(*_: Any) -> None:
        raise RuntimeError(f"Exception from src/inference/src/cpp/core.cpp:117:\n{said}\n\n")

    monkeypatch.setattr(network, "_compile", fails)
    with pytest.raises(
        kind, match=None if kind is MemoryError else "OpenVINO cannot run the network: no such primitive"
    ):
        network(np.zeros((1, 8, 8, 3), np.float32))
