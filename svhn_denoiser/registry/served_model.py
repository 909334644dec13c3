"""How MLflow asks a registered version: what is sent is checked, and goes through the Keras model.

This file is copied into each version and loaded from there, where this package may not be installed: it imports nothing
of it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

# the parameter of a request that says which value is white
HIGHEST = "highest"

# values may leave the range by this part of it, as rounding does
_ROUNDING = 1e-3


class Served:
    """A Keras model behind MLflow's common interface.

    Args:
        model: MLflow's own wrapper of it; float32 (N, H, W, 3) in [0, 1] to the same.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """The Keras model itself."""
        return self._model.get_raw_model()

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Denoise pictures.

        Args:
            data: (N, H, W, 3), from 0 to `highest`; of uint8 or uint16, from 0 to the highest value of the type.
            params: `highest`, the value that is white: 1, or 255 for 8-bit pictures that are sent as numbers.

        Returns:
            Pictures of the same shape and range: uint8 or uint16 if they were, else float32.

        Raises:
            MlflowException: they have another shape or range; a server answers 400.
        """
        given, highest = _array(data), float((params or {}).get(HIGHEST, 1))
        kind = given.dtype
        unsigned = kind.kind == "u" and kind.itemsize <= 2
        if unsigned and highest == 1:  # not said: the type says it
            highest = float(np.iinfo(kind).max)
        if problem := _problem(given, highest):
            raise MlflowException(problem, error_code=INVALID_PARAMETER_VALUE)
        white = np.float32(highest)
        clean = white * self._model.predict(given.astype(np.float32) / white)
        return np.rint(np.clip(clean, 0, white)).astype(kind) if unsigned else clean


def _load_pyfunc(path: str) -> Served:
    # the name that MLflow asks for
    import mlflow.keras

    return Served(mlflow.keras._load_pyfunc(path))


def _array(data: Any) -> "np.ndarray[Any, Any]":
    try:
        array = np.asarray(data)
        return array if array.dtype.kind == "u" else array.astype(np.float32)
    except (ValueError, TypeError) as error:
        raise MlflowException(
            f"pictures that are no array of numbers: {error}. Expected (pictures, height, width, 3), all of one size.",
            error_code=INVALID_PARAMETER_VALUE,
        ) from error


def _problem(pictures: "np.ndarray[Any, Any]", highest: float) -> str | None:
    if not highest > 0:
        return f"{HIGHEST} = {highest:g}: expected the value that is white, such as 1 or 255."
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or 0 in pictures.shape:
        return f"pictures of shape {pictures.shape}: expected (pictures, height, width, 3), and at least one pixel."
    low, high = float(pictures.min()), float(pictures.max())
    slack = _ROUNDING * highest
    if np.isfinite([low, high]).all() and low >= -slack and high <= highest + slack:
        return None
    return (
        f"values from {low:g} to {high:g}: expected 0 to {highest:g}. Send 8-bit pictures as uint8, or with the "
        f'parameter {{"{HIGHEST}": 255}}, or divide them by 255; clip what noise took out of the range.'
    )
