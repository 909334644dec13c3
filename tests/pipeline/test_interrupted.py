"""Trainings that are interrupted under `dvc repro`, for real: killed, left by their server, continued after an edit."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.mlflow_server import MlflowServer
from tests.pipeline.clone import Clone

pytestmark = pytest.mark.slow


def killed_at(clone: Clone, beginning: str, command: Sequence[str] = ("dvc", "repro", "train")) -> list[str]:
    """Kill a command, all its processes at once, when it prints a line that begins so; the lines until then."""
    process = subprocess.Popen(
        command,
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith(beginning):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert lines[-1].startswith(beginning), "".join(lines)
    return lines


def test_a_killed_training_goes_on_in_the_same_run_with_the_same_result(copy):
    copy.set(train__epochs="12")
    whole = copy.folder.with_name("whole")
    subprocess.run(["cp", "-r", str(copy.folder), str(whole)], check=True)

    killed_at(copy, "epoch  3/12")
    # DVC's own locks name the process that was killed; it takes them over
    output = copy.run("dvc", "repro", "train")
    assert "resuming after epoch" in output
    run = copy.mlflow().get_run(copy.read("reports/run.json")["run_id"])
    assert run.data.tags["resumed"] == "yes"
    assert run.info.status == "FINISHED"
    client = copy.mlflow()
    epochs = [point.step for point in client.get_metric_history(run.info.run_id, "validation_psnr")]
    assert sorted(set(epochs)) == list(range(1, 13))
    assert len(client.search_runs([run.info.experiment_id])) == 1

    subprocess.run(["dvc", "repro", "train"], cwd=whole, env=copy.environment(), check=True, capture_output=True)
    assert (copy.folder / "models/denoiser.keras").read_bytes() == (whole / "models/denoiser.keras").read_bytes()


def test_a_server_that_dies_in_a_training_costs_no_epoch(copy, tmp_path, empty_database):
    from mlflow import MlflowClient

    (tmp_path / "server").mkdir()
    server = MlflowServer(tmp_path / "server", empty_database)
    environment = {"MLFLOW_TRACKING_URI": server.address}
    copy.set(train__epochs="4")
    try:
        server.start()
        command = ["dvc", "repro"]
        process = subprocess.Popen(
            command, cwd=copy.folder, env=copy.environment(**environment), stdout=-1, stderr=-2, text=True
        )
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("epoch 1/4"):
                server.kill()
        output = "".join(lines)
        assert process.wait() != 0, "registering needs the server"
        assert "takes no records now: Connection refused. The training goes on." in output
        assert "epoch 4/4" in output
        assert f"error: {server.address}: no MLflow server answers there as expected: Connection refused." in output
        assert "Traceback" not in output
        # what was made is kept: the next command only registers
        server.start()
        again = copy.run("dvc", "repro", **environment)
        assert [line.split("'")[1] for line in again.splitlines() if line.startswith("Running stage")] == ["register"]
        run_id = copy.read("reports/run.json")["run_id"]
        client = MlflowClient(server.address)
        assert client.get_run(run_id).info.status == "FINISHED"
        assert sorted(point.step for point in client.get_metric_history(run_id, "loss")) == [1, 2, 3, 4]
        assert client.get_run(run_id).data.metrics["denoised.psnr"] > 0
        assert not list((copy.folder / ".resume/outbox").iterdir())
    finally:
        server.kill()


def test_a_training_killed_before_dvc_records_it_is_published_again_without_an_epoch(copy):
    copy.set(train__epochs="3")
    recorded = (copy.folder / "dvc.lock").read_bytes()
    killed_at(copy, "best: epoch")
    assert (copy.folder / "dvc.lock").read_bytes() == recorded
    results = {
        name: (copy.folder / name).read_bytes()
        for name in ("models/denoiser.keras", "reports/history.csv", "reports/run.json")
    }

    output = copy.run("dvc", "repro")
    assert "its result was not recorded: writing it again" in output
    assert "epoch 1/3" not in output
    assert {name: (copy.folder / name).read_bytes() for name in results} == results
    client = copy.mlflow()
    experiment = client.get_experiment_by_name("svhn-denoiser")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert sorted(point.step for point in client.get_metric_history(run.info.run_id, "loss")) == [1, 2, 3]
    assert len(client.search_model_versions("name = 'svhn-denoiser'")) == 1
    # recorded by now: nothing is left, and who trains again by force really does
    assert [path for path in (copy.folder / ".resume").rglob("*") if path.is_file()] == []
    assert "epoch 1/3" in copy.run("dvc", "repro", "--force", "--single-item", "train")


def test_editing_what_training_does_not_depend_on_resumes_it_and_editing_the_noise_does_not(copy):
    copy.set(train__epochs="12")
    killed_at(copy, "epoch  3/12")
    for name in ("drift/words.py", "report/html.py"):
        file = copy.folder / "svhn_denoiser" / name
        text = file.read_text()
        file.write_text(text.replace('"""', '"""Edited. ', 1))
    lines = killed_at(copy, "epoch  6/12")
    assert any(line.startswith("resuming after epoch") for line in lines)
    assert not any(line.startswith("epoch  1/12") for line in lines)
    with (copy.folder / "svhn_denoiser/noise.py").open("a") as file:
        file.write("# edited\n")
    assert not any(line.startswith("resuming") for line in killed_at(copy, "epoch  1/12"))


def test_other_pictures_of_the_same_size_never_resume_a_training_whatever_the_lock_says(copy):
    copy.set(train__epochs="12")
    killed_at(copy, "epoch  3/12")
    (copy.folder / "data/noisy/train/clean.npy").chmod(0o644)
    path = copy.folder / "data/noisy/train/clean.npy"
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.unlink()
    path.write_bytes(changed)
    # by hand, as `dvc repro` would make the pairs anew; dvc.lock still names the hash of the old ones
    lines = killed_at(copy, "epoch  1/12", [sys.executable, "-m", "stages.train"])
    assert not any("resuming" in line for line in lines)
