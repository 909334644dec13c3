"""Keras, imported without the lines that TensorFlow writes to standard error while it is being loaded.

TensorFlow 2.21 logs about oneDNN and missing CUDA drivers before its log level is read, so no variable silences it.
Every module that runs a network takes `keras` from here; nothing else may, because the import takes seconds.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


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
with _standard_error_set_aside():
    import keras

__all__ = ["keras"]
