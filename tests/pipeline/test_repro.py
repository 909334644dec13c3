"""`dvc repro` and `dvc exp run`, for real: what runs, what is tracked, and what a person can compare."""

import json
import subprocess
import sys

import pytest

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


def test_every_file_of_the_contract_is_there_and_git_sees_only_the_lock(finished):
    for name in CONTRACT:
        assert (finished.folder / name).stat().st_size > 0, name
    tracked = finished.run("git", "ls-files").split()
    assert "dvc.lock" in tracked
    assert not [name for name in tracked if name.startswith(("models/", "reports/", "data/raw", "data/noisy"))]


def test_the_scores_hold_what_the_contract_says(finished):
    metrics = finished.read("reports/metrics.json")
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
    run = finished.mlflow().get_run(finished.read("reports/run.json")["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params["train.epochs"] == "2"
    assert {"loss", "validation_psnr", "denoised.psnr", "noisy.ssim"} <= set(run.data.metrics)
    lock = (finished.folder / "dvc.lock").read_text()
    digest = run.inputs.dataset_inputs[0].dataset.digest
    assert len(digest) == 32
    assert digest in lock
    assert len(run.data.tags["git_commit"]) == 40
    client = finished.mlflow()
    assert [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "reports/images")]


def test_the_model_is_registered_and_champion(finished):
    client = finished.mlflow()
    version = client.get_model_version_by_alias("svhn-denoiser", "champion")
    assert version.run_id == finished.read("reports/run.json")["run_id"]
    assert finished.read("reports/registration.json")["promoted"] is True


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        # a setting of the transfer: the same files come of it, and nothing after it runs
        ({"download__svhn__timeout": "31.0"}, ["download"]),
        ({"evaluate__shown_pictures": "3"}, ["evaluate", "register"]),
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
    (copy.folder / "mlflow.db").unlink()
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
    client = copy.mlflow()
    experiment = client.get_experiment_by_name("svhn-denoiser")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.data.params["train.epochs"] for run in runs] == ["3"]
    for name in of_dvc:
        assert runs[0].data.metrics[f"denoised.{name}"] == pytest.approx(compared["B"][name], abs=1e-6)
    assert client.list_artifacts(runs[0].info.run_id, "reports")


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
    metrics = copy.read("reports/metrics.json")
    assert metrics["pictures"] == 1952
    assert metrics["noisy"]["psnr"] == pytest.approx(20.2, abs=0.05)
    assert metrics["noisy"]["ssim"] == pytest.approx(0.47, abs=0.005)
    assert metrics["denoised"]["psnr"] > 27
    assert copy.read("data/raw/source.json")["source"] == "mat"


def test_a_truncated_download_is_refused_by_name(copy, real_svhn):
    broken = copy.folder / "data" / "import"
    for target in ("train_32x32.mat", "test_32x32.mat"):
        (broken / target).write_bytes((real_svhn / "broken" / "train_32x32.truncated.mat").read_bytes())
    copy.set(download__source="mat")
    output = copy.run("dvc", "repro", expect=255)
    assert "train_32x32.mat" in output
    assert "error:" in output
    assert "Traceback" not in output
