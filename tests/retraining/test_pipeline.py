"""DVC's part: what its stages say when they fail."""

import json

from tests.retraining.toy_pipeline import Go, Toy


def test_a_stage_that_fails_says_why_and_nothing_is_registered(toy: Toy, go: Go) -> None:
    toy.edit("params.yaml", "epochs: 30", "epochs: 13")
    done = toy.program("--json")
    assert done.returncode == 1
    assert "error: train.epochs = 13: brings bad luck.\n  Choose another.\n" in done.stderr
    result = json.loads(done.stdout)
    assert result["outcome"] == "failed"
    assert result["reasons"] == ["train.epochs = 13: brings bad luck.\n  Choose another."]
    assert not (toy.shared / "registry.json").exists()
    summary = (toy.folder / "reports/retraining.md").read_text()
    assert "Failed: nothing was promoted." in summary
    assert "train.epochs = 13: brings bad luck. Choose another." in summary
