"""The page of runtimes: ratios are taken within a round, and nothing of the machine's folders is on it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.runtimes.command import BATCH, main, page
from benchmarks.runtimes.runners import Runner
from svhn_denoiser.networks import architectures, model_file
from svhn_denoiser.params import Params


def test_a_runtime_is_compared_with_keras_within_each_round() -> None:
    found = [Runner(name, lambda x: x, "") for name in ("Keras", "other")]
    # the machine's speed drifts: 1, 0.5 and 3 times as fast within the rounds, 2/3 by the medians of each
    keras, other = [1.0, 2.0, 9.0], [1.0, 4.0, 3.0]
    text = page(found, [keras, other], [keras, other], [keras, other], [0.0, 0.004], {"machine": "this"})
    row = next(line for line in text.splitlines() if line.startswith("| other"))
    assert row == f"| other | {BATCH[0] / 3:,.0f} | 1.00 | 0.10 | 1.00 | 3.00 | +0.0040 |"


@pytest.mark.slow
@pytest.mark.skipif(
    any(find_spec(tool) is None for tool in ("tf2onnx", "onnxruntime", "ai_edge_litert")), reason="`make export`"
)
def test_every_runtime_is_measured(tmp_path: Path, settings: Params) -> None:
    network = architectures.build(settings.train.model_copy(update={"width": 8, "noise_map": True}))
    model_file.save(model_file.export(network), tmp_path / "small.keras")
    output = tmp_path / "page.md"
    main(["--model", str(tmp_path / "small.keras"), "--rounds", "1", "--starts", "1", "--output", str(output)])
    text = output.read_text()
    assert all(name in text for name in ("Keras, float32", "ONNX Runtime", "LiteRT", "OpenVINO, float32"))
    assert str(tmp_path) not in text
