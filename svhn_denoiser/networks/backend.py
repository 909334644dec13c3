"""Keras, imported as this project needs it: the same on every machine, and quiet.

Every module that runs a network takes `keras` from here; nothing else may, because the import takes seconds.

- `KERAS_BACKEND` chooses among the backends that are installed; without it, it is TensorFlow. Whatever else Keras would
  take from a machine (`~/.keras/keras.json` and the variables that cap epochs) is left aside: channels first, half
  floats or fewer epochs would make another model of the same settings, or none.
- TensorFlow 2.21 logs about oneDNN and missing CUDA drivers before its log level is read, so no variable silences it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from svhn_denoiser.errors import DenoiserError

BACKENDS = ("tensorflow", "jax", "torch")

# read by Keras 3.15 while it is imported; a folder that cannot be is one without keras.json, and none is made
_DURING_IMPORT = {
    "KERAS_HOME": f"{os.devnull}/none",
    "KERAS_MAX_EPOCHS": None,
    "KERAS_MAX_STEPS_PER_EPOCH": None,
    "KERAS_NNX_ENABLED": None,
}


def _backend() -> str:
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    installed = [backend for backend in BACKENDS if find_spec(backend)]
    if name not in installed:
        raise DenoiserError(
            f"KERAS_BACKEND = {name}: expected a backend that is installed here: {', '.join(installed)}. "
            "Unset KERAS_BACKEND to use TensorFlow, or install the backend into the same environment."
        )
    return name


@contextmanager
def _environment(wanted: dict[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    try:
        _set(wanted)
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _standard_error_set_aside() -> Iterator[None]:
    # the lines come from C++, which knows only the file descriptor; on an error what was held back is shown after all
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
with _environment({**_DURING_IMPORT, "KERAS_BACKEND": _backend()}), _standard_error_set_aside():
    import keras

# somebody else's program may have imported Keras before
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")

__all__ = ["keras"]
