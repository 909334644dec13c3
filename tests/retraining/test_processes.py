"""No stage outlives its retraining."""

import json
import subprocess
import sys

from tests.patience import SOON
from tests.retraining.toy_pipeline import Toy


def test_a_stage_does_not_outlive_a_retraining_that_is_ended(toy: Toy) -> None:
    toy.edit(
        "train.py",
        "epochs = settings",
        f"import time; time.sleep({SOON}); (toy / 'outlived').touch()\nepochs = settings",
    )
    command = [sys.executable, "-m", "svhn_denoiser", "retrain", "--json"]
    process = subprocess.Popen(
        command, cwd=toy.folder, env=toy.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("> python train.py"):
            process.terminate()
            break
    out, _ = process.communicate()
    assert process.returncode == 128 + 15
    assert json.loads(out)["reasons"] == ["It was stopped. The next run resumes."]
    assert not (toy.shared / "outlived").exists()
