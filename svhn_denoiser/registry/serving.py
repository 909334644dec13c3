"""Write a version for MLflow: a plain Keras model, and the code that checks what is sent to it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from svhn_denoiser.registry import served_model

# isort: split
import mlflow.keras
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

_PIXELS = Schema([TensorSpec(np.dtype(np.float32), (-1, -1, -1, 3))])
# what MLflow asks of a Keras model while it saves it
SIGNATURE = ModelSignature(
    inputs=_PIXELS, outputs=_PIXELS, params=ParamSchema([ParamSpec(served_model.HIGHEST, DataType.double, 1.0)])
)
# What a version keeps of it. With an input of float32, MLflow would refuse an array of 8-bit pictures, and it takes no
# second type; without inputs it hands on what it is given, and `served_model` checks that.
_WITHOUT_INPUTS = ModelSignature(outputs=SIGNATURE.outputs, params=SIGNATURE.params)

# the name under which a version's own copy of `served_model` is imported
_LOADER = "svhn_denoiser_served"
_CODE = "code"


def save_model(path: str, mlflow_model: Model, **how: Any) -> None:
    """Save as `mlflow.keras.save_model` does, which also takes `how`, and let MLflow load it through `served_model`."""
    mlflow.keras.save_model(path=path, mlflow_model=mlflow_model, **how)
    code = Path(path) / _CODE
    code.mkdir()
    shutil.copyfile(served_model.__file__, code / f"{_LOADER}.py")
    mlflow_model.signature = _WITHOUT_INPUTS
    mlflow_model.flavors["python_function"] |= {"loader_module": _LOADER, "code": _CODE}
    mlflow_model.save(str(Path(path) / MLMODEL_FILE_NAME))
