"""One network in each runtime: as a function of pictures, and as the program that a fresh process runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.denoising import conversion
from svhn_denoiser.denoising.formats import SUFFIXES, Format
from svhn_denoiser.denoising.runtime import FastNetwork, computes_in_bfloat16
from svhn_denoiser.networks.model_file import load_model

Floats = NDArray[np.float32]

_START = "import numpy as np; x = np.zeros((1, 32, 32, 3), np.float32)\n"


@dataclass(frozen=True)
class Runner:
    """A runtime.

    Attributes:
        name: what the table calls it.
        run: float32 (N, H, W, 3) to the same.
        start: Python that denoises one 32x32 picture, in a process of its own.
    """

    name: str
    run: Callable[[Floats], Floats]
    start: str


def runners(model: Path, folder: Path, cores: int) -> list[Runner]:
    """The network in every runtime, Keras first; exported into a folder."""
    network = load_model(model)
    files: dict[Format, Path] = {into: folder / f"denoiser{suffix}" for into, suffix in SUFFIXES.items()}
    for into, file in files.items():
        conversion.write(network, into, file)
    keras = (
        "from svhn_denoiser.networks.model_file import load_model; from pathlib import Path\n"
        f"load_model(Path({str(model)!r})).predict_on_batch(x)"
    )
    found = [
        Runner("Keras, float32", lambda x: np.asarray(network.predict_on_batch(x)), _START + keras),
        _onnx(files["onnx"], cores),
        _litert(files["litert"], cores),
        _openvino(files["openvino"], bfloat16=False),
    ]
    return [*found, _openvino(files["openvino"], bfloat16=True)] if computes_in_bfloat16() else found


def _openvino(file: Path, *, bfloat16: bool) -> Runner:
    network = FastNetwork(file, bfloat16=bfloat16)
    start = (
        "from svhn_denoiser.denoising.runtime import FastNetwork; from pathlib import Path\n"
        f"FastNetwork(Path({str(file)!r}), bfloat16={bfloat16})(x)"
    )
    return Runner(network.runtime, network, _START + start)


def _onnx(file: Path, cores: int) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    start = f"import onnxruntime; onnxruntime.InferenceSession({str(file)!r}).run(None, {{'noisy': x}})"
    return Runner("ONNX Runtime, float32", lambda x: np.asarray(session.run(None, {"noisy": x})[0]), _START + start)


def _litert(file: Path, cores: int) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    prepared: dict[tuple[int, ...], Interpreter] = {}

    def run(pictures: Floats) -> Floats:
        if pictures.shape not in prepared:
            interpreter = Interpreter(str(file), num_threads=cores)
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], pictures.shape)
            interpreter.allocate_tensors()
            prepared[pictures.shape] = interpreter
        interpreter = prepared[pictures.shape]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pictures)
        interpreter.invoke()
        result: Floats = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        return result

    start = (
        f"from ai_edge_litert.interpreter import Interpreter; i = Interpreter({str(file)!r})\n"
        "n = i.get_input_details()[0]['index']; i.resize_tensor_input(n, x.shape); i.allocate_tensors()\n"
        "i.set_tensor(n, x); i.invoke(); i.get_tensor(i.get_output_details()[0]['index'])"
    )
    return Runner("LiteRT, float32", run, _START + start)
