"""A network that is exported answers as Keras does, for pictures of any size, or is not written at all."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from svhn_denoiser import Denoiser
from svhn_denoiser.denoising import conversion, exporting, formats, models, parity, runtime, twins
from svhn_denoiser.denoising.formats import SUFFIXES, Format
from svhn_denoiser.denoising.runtime import FastNetwork
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks import architectures, inference
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.model_file import export, load_model, save
from svhn_denoiser.params import Params
from tests.command_line import invoke

_RNG = np.random.default_rng(6)


@pytest.fixture(scope="module", params=["residual-unet", "blind", "dncnn", "autoencoder-2021"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, settings: Params) -> Path:
    """A small network of each kind, with weights that let something through."""
    blind = request.param == "blind"
    changes = {"network": "residual-unet" if blind else request.param, "width": 8, "noise_map": blind}
    network = architectures.build(settings.train.model_copy(update=changes))
    network.set_weights([w if w.any() else _RNG.normal(0, 0.02, w.shape) for w in network.get_weights()])
    file = tmp_path_factory.mktemp("model") / "denoiser.keras"
    save(export(network), file)
    return file


def needs(into: Format) -> None:
    tools = {"onnx": ("tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",), "openvino": ()}
    if any(find_spec(tool) is None for tool in tools[into]):
        pytest.skip(f"the tools for {into} are not installed: `make export`")


@pytest.mark.parametrize("into", get_args(Format))
def test_every_network_is_exported_to_every_format_and_answers_as_in_keras(
    into: Format, model: Path, tmp_path: Path
) -> None:
    needs(into)
    output = tmp_path / f"denoiser{SUFFIXES[into]}"
    found = exporting.export(model, into, output)
    assert found.largest_difference < 1e-4
    assert output.is_file()
    assert {file.suffix for file in tmp_path.iterdir()} == (
        {".xml", ".bin", ".json"} if into == "openvino" else {SUFFIXES[into]}
    )


@pytest.mark.parametrize("into", get_args(Format))
def test_on_real_pictures_too(into: Format, real_svhn: Path, model: Path, tmp_path: Path) -> None:
    needs(into)
    network, file = load_model(model), tmp_path / f"denoiser{SUFFIXES[into]}"
    conversion.write(network, into, file)
    exported, in_bfloat16 = parity.runners(into, file)
    found = parity.compare(
        lambda pictures: inference.denoise(network, pictures), exported, parity.sample(real_svhn), in_bfloat16
    )
    assert found.source.startswith("crops of")
    assert abs(found.loss) < 1e-3


def test_a_list_of_layers_is_exported_too(tmp_path: Path) -> None:
    layers = [keras.Input((None, None, 3)), keras.layers.UpSampling2D(2), keras.layers.AveragePooling2D(2)]
    keras.Sequential(layers).save(tmp_path / "denoiser.keras")
    found = exporting.export(tmp_path / "denoiser.keras", "openvino", tmp_path / "denoiser.xml")
    assert found.largest_difference < 1e-4


def test_bfloat16_does_not_round_what_the_network_sees(tmp_path: Path) -> None:
    """A network that takes out half of what is rough: of a smooth ramp's rounding it must take nothing."""
    if not runtime.computes_in_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for colour in range(3):
        kernel[1, :, colour, colour] = 0.5, -1, 0.5
    noisy = keras.Input((None, None, 3), name="noisy")
    correction = keras.layers.Conv2D(3, 3, padding="same", use_bias=False, name="correction")
    network = keras.Model(noisy, keras.layers.Add()([noisy, correction(noisy)]))
    correction.set_weights([kernel])
    conversion.write(network, "openvino", tmp_path / "denoiser.xml")
    ramp = np.broadcast_to(np.linspace(0.5, 0.51, 64, dtype=np.float32)[:, None], (1, 24, 64, 3))
    found = FastNetwork(tmp_path / "denoiser.xml", bfloat16=True)(ramp)
    assert np.abs(found - ramp)[:, :, 1:-1].max() < 1e-4


def test_an_export_that_answers_otherwise_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(network: object, into: Format, file: Path) -> None:
        changed = load_model(model)
        changed.set_weights([w * 1.5 for w in changed.get_weights()])
        original(changed, into, file)

    original = conversion.write
    monkeypatch.setattr(conversion, "write", write)
    output = tmp_path / "out" / "denoiser.xml"
    with pytest.raises(DenoiserError, match=r"does not answer as Keras does.*nothing was written"):
        exporting.export(model, "openvino", output)
    assert not output.parent.exists()


def test_bfloat16_is_used_only_where_it_was_measured_to_cost_next_to_nothing(model: Path, tmp_path: Path) -> None:
    twin = twins.Twin(tmp_path / "denoiser.xml")
    exporting.export(model, "openvino", twin.network)
    about = json.loads(twin.about.read_text())
    for loss, used in ((0.019, True), (0.021, False), (None, False)):
        losses = None if loss is None else {"0.1": 0.0, "0.3": loss}
        twin.describe(model, parity.Parity(1, "pictures", 0.0, 0.0, losses))
        assert json.loads(twin.about.read_text())["bfloat16"] is used
        assert twin.load().bfloat16 in ({False, True} if used else {False})
    assert twin.of(model)
    assert about["parity"]["pictures"] > 200


@pytest.mark.parametrize("name", ["denoiser.bin", "denoiser.xml", "denoiser.json"])
def test_a_twin_that_is_damaged_is_none(name: str, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)]).save(tmp_path / "denoiser.keras")
    twin = twins.Twin(tmp_path / "denoiser.xml")
    exporting.export(tmp_path / "denoiser.keras", "openvino", twin.network)
    assert twin.of(tmp_path / "denoiser.keras")
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 64
    (tmp_path / name).write_bytes(content[: len(content) // 2] if name.endswith("json") else content)
    assert not twin.of(tmp_path / "denoiser.keras")


def test_a_keras_file_is_prepared_once_and_again_when_it_changes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVHN_DENOISER_CACHE", str(tmp_path / "cache"))
    # untrained weights amplify what bfloat16 rounds away
    monkeypatch.setattr(runtime, "computes_in_bfloat16", lambda: False)
    said: list[str] = []
    picture = _RNG.integers(0, 256, (45, 37, 3), np.uint8)
    first = Denoiser.load(model, say=said.append)
    assert first.runtime.startswith("OpenVINO")
    assert len(said) == 1
    assert Denoiser.load(model, say=said.append).runtime == first.runtime
    assert len(said) == 1
    expected = inference.denoise(load_model(model), (picture / np.float32(255))[None])[0]
    difference = first(picture) - expected * 255
    # rounding to 8 bits makes 0.3; bfloat16, where the CPU has it, adds a step or so, and more on single pixels
    assert np.sqrt(np.mean(np.square(difference))) < 4
    changed = load_model(model)
    changed.set_weights([w * 1.01 for w in changed.get_weights()])
    save(changed, tmp_path / "changed.keras")
    Denoiser.load(tmp_path / "changed.keras", say=said.append)
    assert len(said) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_where_openvino_is_missing_keras_answers(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "openvino_installed", lambda: False)
    denoiser = Denoiser.load(model)
    assert denoiser.runtime == "Keras, float32"
    assert denoiser(np.zeros((9, 7), np.uint8)).shape == (9, 7)


def test_all_sizes_are_answered_alike_whichever_network_was_prepared(model: Path, tmp_path: Path) -> None:
    exporting.export(model, "openvino", tmp_path / "denoiser.xml")
    network = FastNetwork(tmp_path / "denoiser.xml", bfloat16=False)
    keras_network = load_model(model)
    shapes = [(1, 16, 16, 3), (1, 9, 21, 3), (2, 16, 24, 3), (1, 9, 21, 3), (1, 16, 16, 3)]
    for shape in shapes + [(1, 8 * n, 8, 3) for n in range(1, 7)] * 2:
        pictures = _RNG.random(shape, dtype=np.float32)
        np.testing.assert_allclose(network(pictures), inference.denoise(keras_network, pictures), atol=1e-5)


def test_the_command_prints_what_the_comparison_showed(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "denoiser.xml"
    printed = invoke("export", "--format", "openvino", "--model", model, "--output", output)
    assert "differs from Keras by" in printed
    assert "dB" in printed
    printed = invoke("export", "--format", "openvino", "--model", model, "--output", output, "--json")
    assert json.loads(printed)["parity"]["largest_difference"] < 1e-4


def test_a_wrong_name_and_a_missing_tool_are_said_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DenoiserError, match=r"model.bin: a file for --format onnx ends in .onnx"):
        invoke("export", "--format", "onnx", "--model", "none.keras", "--output", tmp_path / "model.bin")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "tf2onnx" else name)
    with pytest.raises(DenoiserError, match=r"tf2onnx: needed for --format onnx, and not installed. Run `make export`"):
        invoke("export", "--format", "onnx", "--model", "none.keras", "--output", tmp_path / "model.onnx")
