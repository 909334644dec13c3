"""In an empty environment, the wheel and its light lock denoise a picture: without TensorFlow, MLflow and DVC."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser.denoising.exporting import export
from svhn_denoiser.networks import architectures, model_file
from svhn_denoiser.params import Params
from tests.example_settings import ROOT

pytestmark = pytest.mark.slow

_RNG = np.random.default_rng(8)

_HEAVY = ("tensorflow", "keras", "mlflow", "dvc", "scipy", "skimage", "matplotlib")
_UNREACHABLE = ("NewConnectionError", "NameResolutionError", "Temporary failure", "ConnectTimeoutError")


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV", "DVC_ROOT"}}
    return subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the light lock and the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("light")
    wheel = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, ROOT),
        folder=folder,
    )
    assert wheel.returncode == 0, wheel.stderr
    assert run(sys.executable, "-m", "venv", folder / "venv", folder=folder).returncode == 0
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    locked = run(*pip, "--require-hashes", "-r", ROOT / "requirements/denoise.txt", folder=folder)
    if any(word in locked.stderr for word in _UNREACHABLE):
        pytest.skip("the packages of requirements/denoise.txt cannot be fetched here")
    assert locked.returncode == 0, locked.stderr
    # not --no-deps: what the wheel asks for is what the lock has, and nothing is fetched
    added = run(*pip, "--no-index", next(folder.glob("*.whl")), folder=folder)
    assert added.returncode == 0, added.stderr
    return programs


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, settings: Params) -> Path:
    """A small blind network in OpenVINO's format."""
    folder = tmp_path_factory.mktemp("exported")
    network = architectures.build(settings.train.model_copy(update={"width": 8, "noise_map": True}))
    model_file.save(model_file.export(network), folder / "denoiser.keras")
    export(folder / "denoiser.keras", "openvino", folder / "denoiser.xml")
    return folder / "denoiser.xml"


def test_the_light_environment_holds_no_large_library_and_says_its_size(environment: Path) -> None:
    code = f"from importlib.util import find_spec; print(*[name for name in {_HEAVY} if find_spec(name)])"
    found = run(environment / "python", "-c", code, folder=environment)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == []
    size = sum(
        file.stat().st_size for file in environment.parent.rglob("*") if file.is_file() and not file.is_symlink()
    )
    sys.stderr.write(f"the light environment takes {size / 2**20:.0f} MiB\n")
    assert size < 600 * 2**20


def test_a_picture_is_denoised_there_with_no_network_at_hand(environment: Path, exported: Path, tmp_path: Path) -> None:
    Image.fromarray(_RNG.integers(0, 256, (61, 83, 3), np.uint8)).save(tmp_path / "photo.png")
    # an address where nobody answers: what tries to reach anything fails
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = run(
        *(environment / "svhn-denoiser", "denoise", "photo.png", "--model", exported, "--output", "out"),
        folder=tmp_path,
        **nowhere,
    )
    assert done.returncode == 0, done.stderr
    assert next((tmp_path / "out").iterdir()).name == "photo.png"
    assert Image.open(tmp_path / "out/photo.png").size == (83, 61)


def test_python_denoises_there_too_and_imports_nothing_that_sends_statistics(
    environment: Path, exported: Path, tmp_path: Path
) -> None:
    code = (
        "import json, sys, numpy as np; from svhn_denoiser import Denoiser\n"
        f"clean = Denoiser.load({str(exported)!r})(np.zeros((20, 30), np.uint8))\n"
        "print(json.dumps([clean.shape, bool(sys.modules.get('openvino_telemetry'))]))"
    )
    done = run(environment / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[20, 30], False]


@pytest.mark.parametrize("command", ["registry list", "retrain --dry-run", "params check", "drift ."])
def test_a_command_of_the_pipeline_says_what_is_missing(command: str, environment: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    done = run(environment / "svhn-denoiser", *command.split(), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "svhn-denoiser[pipeline]" in done.stderr
    assert "Traceback" not in done.stderr
