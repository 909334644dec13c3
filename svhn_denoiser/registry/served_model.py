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
            data: (N, H, W, 3), from 0 to `highest`.
            params: `highest`, the value that is white: 1, or 255 for 8-bit pictures.

        Returns:
            float32 pictures of the same shape and range.

        Raises:
            MlflowException: they have another shape or range; a server answers 400.
        """
        highest = float((params or {}).get(HIGHEST, 1))
        pictures = np.asarray(data, np.float32)
        if problem := _problem(pictures, highest):
            raise MlflowException(problem, error_code=INVALID_PARAMETER_VALUE)
        return np.float32(highest) * self._model.predict(pictures / np.float32(highest))


def _load_pyfunc(path: str) -> Served:
    # the name that MLflow asks for
    import mlflow.keras

    return Served(mlflow.keras._load_pyfunc(path))


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
        f"values from {low:g} to {high:g}: expected 0 to {highest:g}. Send 8-bit pictures with the parameter "
        f'{{"{HIGHEST}": 255}}, or divide them by 255; clip what noise took out of the range.'
    )
