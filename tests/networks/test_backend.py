"""Keras is the same on every machine, whatever a person keeps in their home folder or their environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_settings import ROOT

TRAINED = """
import hashlib, sys
import numpy as np
from svhn_denoiser import params
from svhn_denoiser.networks import architectures
from svhn_denoiser.networks.backend import keras
settings = params.load()
keras.utils.set_random_seed(1)
model = architectures.build(settings.train.model_copy(update={"width": 8}))
model.compile("adam", "mse")
pictures = np.random.default_rng(1).random((8, 32, 32, 3), np.float32)
model.fit(pictures, pictures, epochs=2, batch_size=4, verbose=0)
config = keras.config
print(config.backend(), config.floatx(), config.image_data_format(), model.optimizer.iterations.numpy())
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""
IMPORTED = (
    "from svhn_denoiser import program\ndef main():\n    import svhn_denoiser.networks.backend\nprogram.run(main)"
)


def python(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("KERAS_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=ours | {"HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a machine without any settings of Keras's prints."""
    home = tmp_path_factory.mktemp("home")
    done = python(TRAINED, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tensorflow float32 channels_last 4\n")
    assert not (home / ".keras").exists()
    return done.stdout


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.5, "backend": "torch"}),
        json.dumps({"floatx": "float8"}),
        "{",
        "[]",
    ],
    ids=["another of everything", "no such type", "cut off", "a list"],
)
def test_keras_json_changes_nothing(usual, tmp_path, text):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text(text)
    done = python(TRAINED, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == usual


def test_variables_that_cap_a_training_change_nothing(usual, tmp_path):
    odd = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1", "KERAS_NNX_ENABLED": "1", "KERAS_BACKEND": ""}
    done = python(TRAINED, tmp_path, **odd)
    assert done.returncode == 0, done.stderr
    assert done.stdout == usual


@pytest.mark.parametrize("name", ["nonsense", "openvino", "numpy"])
def test_a_backend_that_is_not_supported_is_refused_in_one_line(tmp_path, name):
    done = python(IMPORTED, tmp_path, KERAS_BACKEND=name)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"KERAS_BACKEND = {name}: expected a backend that is installed here: tensorflow" in line


def test_a_backend_that_is_not_installed_is_refused_in_one_line(tmp_path):
    from importlib.util import find_spec

    name = next((name for name in ("torch", "jax") if find_spec(name) is None), None)
    if name is None:
        pytest.skip("every backend is installed here")
    done = python(IMPORTED, tmp_path, KERAS_BACKEND=name)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"KERAS_BACKEND = {name}: expected a backend that is installed" in line
