"""Run an exported network with OpenVINO: without Keras and TensorFlow, whose import takes seconds.

Measured beside ONNX Runtime and LiteRT in benchmarks/runtimes/RESULTS.md.
"""

import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.errors import DenoiserError

Pictures = NDArray[np.float32]

# Somebody's network whose last layer has no end at 0 and 1 answers a little beyond. What answers so far beyond means
# something else, such as 0 to 255, and cut off at 1 all of it would be white.
FAR = 4.0

# networks prepared for one size that are kept at a time
_KEPT = 4


def openvino_installed() -> bool:
    """Whether the fast runtime is there; it is not imported for that."""
    from importlib.util import find_spec

    return find_spec("openvino") is not None


def import_openvino() -> Any:
    """OpenVINO, without what it would send to its makers.

    Its Python package reports each import to a statistics server unless that part cannot be imported.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def computes_in_bfloat16() -> bool:
    """Whether this CPU has bfloat16: OpenVINO then computes in it unless told otherwise."""
    openvino = import_openvino()
    return str(openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()) == "bf16"


class FastNetwork:
    """A network in OpenVINO's format, on the CPU.

    A network that is prepared for one size of pictures runs up to a third faster than one for all sizes, and
    preparing it takes 0.1 s: that is done for the first size, and for any other that comes twice.

    Args:
        file: the .xml file; the .bin file of the same name lies beside it.
        bfloat16: whether to compute in it where this CPU has it; float32 otherwise.

    Raises:
        DenoiserError: OpenVINO is not installed, or cannot read the file.
    """

    def __init__(self, file: Path, *, bfloat16: bool) -> None:
        if not openvino_installed():
            raise DenoiserError(f"{file}: needs OpenVINO. Run `pip install openvino`.")
        openvino = import_openvino()
        self._core = openvino.Core()
        try:
            self._network = self._core.read_model(file)
        except RuntimeError as error:
            raise DenoiserError(f"{file}: OpenVINO cannot read it ({str(error).strip().splitlines()[-1]}).") from None
        kinds = [parameter.get_element_type().get_type_name() for parameter in self._network.inputs]
        if kinds != ["f32"]:  # what goes from 0 to 1 would become whole numbers: all black
            raise DenoiserError(
                f"{file}: takes {', '.join(kinds) or 'nothing'}, not one array of f32. Take another model."
            )
        self.bfloat16 = bfloat16 and computes_in_bfloat16()
        self._for_one_size: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._for_all_sizes: Any = None
        self._met: set[tuple[int, ...]] = set()

    @property
    def runtime(self) -> str:
        """What runs the network, and in which precision."""
        return f"OpenVINO, {'bfloat16' if self.bfloat16 else 'float32'}"

    def __call__(self, pictures: Pictures) -> Pictures:
        """Denoise pictures of one size.

        Args:
            pictures: float32 (N, H, W, 3) in [0, 1].

        Returns:
            The same shape and type, in [0, 1]; NaN where the network answers with NaN, infinity or further than `FAR`
            beyond.

        Raises:
            DenoiserError: OpenVINO fails, or the network answers with other than pictures of the same size.
            MemoryError: there is too little.
        """
        try:
            result = np.asarray(self._prepared(pictures.shape)([np.ascontiguousarray(pictures)])[0])
        except RuntimeError as error:  # OpenVINO has no other
            if "bad_alloc" in str(error):
                raise MemoryError from None
            raise DenoiserError(f"OpenVINO cannot run the network: {str(error).strip().splitlines()[-1]}.") from None
        if result.shape != pictures.shape or result.dtype != np.float32:
            raise DenoiserError(
                f"this network answers float32 {pictures.shape} with {result.dtype} {result.shape}, not with pictures "
                "of the same size. Take another model."
            )
        # cut off at 1, it would look like white
        result[np.isinf(result) | (result < -FAR) | (result > 1 + FAR)] = np.nan
        return np.clip(result, 0, 1, out=result)

    def _prepared(self, shape: tuple[int, ...]) -> Any:
        if shape in self._for_one_size:
            self._for_one_size.move_to_end(shape)
            return self._for_one_size[shape]
        if self._for_one_size and shape not in self._met:
            self._met.add(shape)
            if self._for_all_sizes is None:
                self._for_all_sizes = self._compile(self._network)
            return self._for_all_sizes
        network = self._network.clone()
        network.reshape(list(shape))
        self._for_one_size[shape] = self._compile(network)
        if len(self._for_one_size) > _KEPT:
            self._for_one_size.popitem(last=False)
        return self._for_one_size[shape]

    def _compile(self, network: Any) -> Any:
        precision = "bf16" if self.bfloat16 else "f32"
        return self._core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": precision})
