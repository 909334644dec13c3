"""`dvc repro` and `dvc exp run`, for real: what runs, what is tracked, and what a person can compare."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.mlflow_server import MlflowServer

pytestmark = pytest.mark.slow

CONTRACT = [
    "data/raw/train_32x32.mat",
    "data/raw/test_32x32.mat",
    "data/raw/source.json",
    "data/noisy/train/noisy.npy",
    "data/noisy/validation/clean.npy",
    "data/noisy/test/noisy.npy",
    "models/denoiser.keras",
    "reports/metrics.json",
    "reports/history.csv",
    "reports/noise_levels.csv",
    "reports/images/best.png",
    "reports/images/median.png",
    "reports/images/worst.png",
    "reports/report.html",
    "reports/run.json",
    "reports/registration.json",
    "mlflow.db",
    "dvc.lock",
]


def read(clone, name: str) -> dict:
    return json.loads((clone.folder / name).read_text())


def mlflow_run(clone, run_id: str):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{clone.folder}/mlflow.db").get_run(run_id)


def killed_at(clone, beginning: str) -> list[str]:
    """Kill `dvc repro train`, all its processes at once, when it prints a line that begins so; the lines until then."""
    process = subprocess.Popen(
        ["dvc", "repro", "train"],
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


def test_every_file_of_the_contract_is_there_and_git_sees_only_the_lock(finished):
    for name in CONTRACT:
        assert (finished.folder / name).stat().st_size > 0, name
    tracked = finished.run("git", "ls-files").split()
    assert "dvc.lock" in tracked
    assert not [name for name in tracked if name.startswith(("models/", "reports/", "data/raw", "data/noisy"))]


def test_the_scores_hold_what_the_contract_says(finished):
    metrics = read(finished, "reports/metrics.json")
    for part in ("noisy", "denoised"):
        assert 5 < metrics[part]["psnr"] < 60
        assert 0 < metrics[part]["ssim"] < 1
        assert metrics[part]["psnr_low"] < metrics[part]["psnr"] < metrics[part]["psnr_high"]
    assert metrics["pictures"] == 24


def test_a_second_repro_runs_nothing(finished):
    output = finished.run("dvc", "repro")
    assert "Running stage" not in output
    assert "up to date" in output


def test_the_run_has_params_curves_data_scores_and_lineage(finished):
    run = mlflow_run(finished, read(finished, "reports/run.json")["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params["train.epochs"] == "2"
    assert {"loss", "validation_psnr", "denoised.psnr", "noisy.ssim"} <= set(run.data.metrics)
    lock = (finished.folder / "dvc.lock").read_text()
    digest = run.inputs.dataset_inputs[0].dataset.digest
    assert len(digest) == 32
    assert digest in lock
    assert len(run.data.tags["git_commit"]) == 40
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.folder}/mlflow.db")
    assert [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "reports/images")]


def test_the_model_is_registered_and_champion(finished):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.folder}/mlflow.db")
    version = client.get_model_version_by_alias("svhn-denoiser", "champion")
    assert version.run_id == read(finished, "reports/run.json")["run_id"]
    assert read(finished, "reports/registration.json")["promoted"] is True


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        # a setting of the transfer: the same files come of it, and nothing after it runs
        ({"download__svhn__timeout": "31.0"}, ["download"]),
        ({"evaluate__shown_pictures": "3"}, ["evaluate", "register"]),
        ({"evaluate__bootstrap_samples": "200"}, ["evaluate", "register"]),
        ({"register__gate__max_ssim_loss": "0.5"}, ["register"]),
        ({"train__epochs": "3"}, ["train", "evaluate", "register"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_setting_runs_what_depends_on_it_and_no_more(copy, change, runs):
    copy.set(**change)
    assert copy.repro() == runs
    assert copy.repro() == []


def test_a_clone_that_pulled_the_results_registers_them_with_one_command_and_stays_clean(copy):
    said = copy.run("svhn-denoiser", "registry", "list", expect=1)
    assert "`svhn-denoiser runs sync` makes it and registers a model that is here already" in said
    # DVC sees no reason to run anything
    assert copy.repro() == []
    said = copy.run(sys.executable, "-m", "svhn_denoiser", "runs", "sync")
    assert "version 1 is champion" in said
    (version,) = copy.json("svhn-denoiser", "registry", "list")
    assert version["aliases"] == ["challenger", "champion"]
    assert "is version 1" in copy.run("svhn-denoiser", "runs", "sync")
    assert copy.run("git", "status", "--porcelain") == ""
    assert copy.json("dvc", "status") == {}


def test_pictures_from_elsewhere_are_imported_with_dvc_and_git_keeps_the_record(copy, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "house.png").write_bytes(b"a picture")
    copy.run("dvc", "import-url", str(pictures), "data/import")
    (copy.folder / "data/import/own.png").write_bytes(b"another")
    assert copy.run("git", "status", "--porcelain") == "?? data/import/pictures.dvc\n"
    assert (copy.folder / "data/import/pictures/house.png").read_bytes() == b"a picture"


def test_a_bad_setting_stops_before_anything_is_changed(copy):
    before = {name: (copy.folder / name).read_bytes() for name in CONTRACT if not name.startswith("mlflow")}
    copy.set(train__epochs="0")
    output = copy.run("dvc", "repro", expect=255)
    assert "train.epochs = 0: should be greater than or equal to 1" in output
    copy.set(train__epochs="2")
    copy.run("dvc", "checkout")
    assert before == {name: (copy.folder / name).read_bytes() for name in before}


def test_an_experiment_in_a_temporary_folder_is_compared_and_its_run_is_kept(copy):
    text = (copy.folder / "params.yaml").read_text()
    copy.run("dvc", "exp", "run", "--temp", "--name", "longer", "-S", "train.epochs=3")
    assert (copy.folder / "params.yaml").read_text() == text
    assert copy.run("git", "status", "--porcelain") == ""

    assert "longer" in json.dumps(copy.json("dvc", "exp", "show"))
    difference = copy.json("dvc", "metrics", "diff", "main", "longer")
    assert difference["reports/metrics.json"]["denoised.psnr"]["diff"] != 0
    of_dvc = {name: difference["reports/metrics.json"][f"denoised.{name}"] for name in ("psnr", "ssim")}
    compared = copy.json("svhn-denoiser", "compare", "main", "longer", "--page", "page.html")
    for name, both in of_dvc.items():
        shown = (compared["A"][name], compared["B"][name], compared["difference"][name]["mean"])
        assert shown == pytest.approx((both["old"], both["new"], both["diff"]), abs=1e-6)
    assert compared["settings"] == {"train.epochs": ["2", "3"]}
    assert compared["notes"] == []
    assert (copy.folder / "page.html").stat().st_size < 3_000_000
    # the experiment registered its model: the same one, and the same figures as in MLflow
    registered = copy.json("svhn-denoiser", "compare", "longer", "champion", "--pictures", "8")
    assert registered["same"]
    assert registered["B"]["recorded"]["psnr"] == pytest.approx(of_dvc["psnr"]["new"])
    assert registered["settings"] == {}
    copy.run("dvc", "plots", "diff", "main", "longer")
    page = (copy.folder / "dvc_plots" / "index.html").read_text()
    for title in ("Validation PSNR", "Training loss", "PSNR over noise levels", "best.png"):
        assert title in page
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{copy.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("svhn-denoiser")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.data.params["train.epochs"] for run in runs] == ["3"]
    assert client.list_artifacts(runs[0].info.run_id, "reports")


def test_a_killed_training_goes_on_in_the_same_run_with_the_same_result(copy):
    copy.set(train__epochs="12")
    whole = copy.folder.with_name("whole")
    subprocess.run(["cp", "-r", str(copy.folder), str(whole)], check=True)

    killed_at(copy, "epoch  3/12")
    # DVC's own locks name the process that was killed; it takes them over
    output = copy.run("dvc", "repro", "train")
    assert "resuming after epoch" in output
    run = mlflow_run(copy, read(copy, "reports/run.json")["run_id"])
    assert run.data.tags["resumed"] == "yes"
    assert run.info.status == "FINISHED"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{copy.folder}/mlflow.db")
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
        run_id = read(copy, "reports/run.json")["run_id"]
        client = MlflowClient(server.address)
        assert client.get_run(run_id).info.status == "FINISHED"
        assert sorted(point.step for point in client.get_metric_history(run_id, "loss")) == [1, 2, 3, 4]
        assert client.get_run(run_id).data.metrics["denoised.psnr"] > 0
        assert not list((copy.folder / ".resume/outbox").iterdir())
    finally:
        server.kill()


def test_a_training_killed_before_dvc_records_it_is_published_again_without_an_epoch(copy):
    from mlflow import MlflowClient

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
    client = MlflowClient(f"sqlite:///{copy.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("svhn-denoiser")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert sorted(point.step for point in client.get_metric_history(run.info.run_id, "loss")) == [1, 2, 3]
    assert len(client.search_model_versions("name = 'svhn-denoiser'")) == 1
    # recorded by now: nothing is left, and who trains again by force really does
    assert list((copy.folder / ".resume").iterdir()) == []
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
    command = [sys.executable, "-m", "stages.train"]
    done = subprocess.run(command, cwd=copy.folder, env=copy.environment(), capture_output=True, text=True, check=True)
    assert "resuming" not in done.stdout
    assert "epoch  1/12" in done.stdout


def test_two_clones_make_the_same_bytes(finished, copy):
    for name in ("data/raw", "data/noisy", "models", "reports", "dvc.lock", ".dvc/cache"):
        subprocess.run(["rm", "-rf", str(copy.folder / name)], check=True)
    copy.repro()
    same = [name for name in CONTRACT if name not in ("reports/run.json", "reports/report.html", "mlflow.db")]
    for name in same:
        if name in ("reports/registration.json", "dvc.lock"):
            continue  # they name the MLflow run
        assert (copy.folder / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_real_svhn_goes_through_all_stages(copy, real_svhn):
    copy.set(
        download__source="mat",
        download__path=str(real_svhn),
        train__epochs="1",
        train__width="16",
        train__batch_size="32",
        evaluate__noise_level_pictures="100",
    )
    assert copy.repro() == ["download", "generate", "train", "evaluate", "register"]
    metrics = read(copy, "reports/metrics.json")
    assert metrics["pictures"] == 1952
    assert metrics["noisy"]["psnr"] == pytest.approx(20.2, abs=0.05)
    assert metrics["noisy"]["ssim"] == pytest.approx(0.47, abs=0.005)
    assert metrics["denoised"]["psnr"] > 27
    assert read(copy, "data/raw/source.json")["source"] == "mat"


def test_a_truncated_download_is_refused_by_name(copy, real_svhn):
    broken = copy.folder / "data" / "import"
    for target in ("train_32x32.mat", "test_32x32.mat"):
        (broken / target).write_bytes((real_svhn / "broken" / "train_32x32.truncated.mat").read_bytes())
    copy.set(download__source="mat")
    output = copy.run("dvc", "repro", expect=255)
    assert "train_32x32.mat" in output
    assert "error:" in output
    assert "Traceback" not in output
