"""The formats that a network is exported to: what their files are called, and what they need."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from svhn_denoiser.errors import DenoiserError

Format = Literal["onnx", "openvino", "litert"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}
# what writes a format and what runs it, by the names of their packages
_TOOLS: dict[Format, dict[str, str]] = {
    "onnx": {"tensorflow": "tensorflow", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "openvino": {"tensorflow": "tensorflow", "openvino": "openvino"},
    "litert": {"tensorflow": "tensorflow", "ai_edge_litert": "ai-edge-litert"},
}


def check_tools(into: Format) -> None:
    """Say what is missing for a format, before a model is loaded, which takes seconds.

    Raises:
        DenoiserError: a package is not installed.
    """
    missing = [package for module, package in _TOOLS[into].items() if find_spec(module) is None]
    if missing:
        raise DenoiserError(
            f"{' and '.join(missing)}: needed for --format {into}, and not installed. "
            "Run `make export`, or `pip install 'svhn-denoiser[pipeline,export]'`."
        )


def check_suffix(file: Path, into: Format) -> None:
    """Hold an output's name against its format.

    Raises:
        DenoiserError: the format's files end otherwise.
    """
    if file.suffix != SUFFIXES[into]:
        raise DenoiserError(f"{file}: a file for --format {into} ends in {SUFFIXES[into]}.")
