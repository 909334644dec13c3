"""`svhn-denoiser compare`: any two models on the same pictures, by any of their names."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from ruamel.yaml import YAML

from svhn_denoiser.comparison import finding
from svhn_denoiser.comparison.side import Side
from svhn_denoiser.denoising.models import SHIPPED
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import sha256_of
from svhn_denoiser.networks.model_file import load_model
from svhn_denoiser.registry import promotion, versions
from svhn_denoiser.tracking.store import connect
from tests.command_line import invoke, program
from tests.example_settings import EXAMPLE

# so that comparing takes little
FEW = {"noise_levels": [0.05, 0.2], "noise_kinds": ["gaussian", "jpeg"], "bootstrap_samples": 200}


@pytest.fixture
def workplace(store_folder: Path, models: dict[str, Path], pictures: NDArray[np.uint8]) -> Path:
    """A repository with pairs, and a store in which `blur` is version 1, the champion, and `more` is version 2."""
    clean = pictures[:40]
    noisy = np.clip(clean + np.random.default_rng(3).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    test = store_folder / "data/noisy/test"
    test.mkdir(parents=True)
    for name, values in (("clean", clean), ("noisy", noisy), ("digits", np.arange(40, dtype=np.uint8) % 10)):
        np.save(test / f"{name}.npy", values)
    yaml = YAML()
    tree = yaml.load(EXAMPLE)
    tree["evaluate"].update(FEW)
    yaml.dump(tree, store_folder / "params.yaml")
    store = connect()
    for name in ("blur", "more"):
        run = store.client.create_run(store.experiment_id, tags={"git_commit": "c" * 40, "network": name}).info.run_id
        store.client.log_param(run, "train.width", {"blur": "3", "more": "5"}[name])
        tags = {"noise": "gaussian 0.1", "psnr": "30.5", "ssim": "0.9"}
        added = versions.add(store, load_model(models[name]), sha256=sha256_of(models[name]), run_id=run, tags=tags)
        if name == "blur":
            promotion.promote(store, added, over=None, by="gate", reason="better")
    return store_folder


def compared(*arguments: object) -> dict:
    return json.loads(invoke("compare", *arguments, "--json"))


def test_versions_runs_addresses_and_files_are_compared_with_each_other(
    workplace: Path, models: dict[str, Path]
) -> None:
    (workplace / "models").mkdir()
    shutil.copy(models["more"], workplace / "models/denoiser.keras")
    run = versions.find(connect(), "2").run_id
    by_kind = {
        name: compared(a, b)
        for name, a, b in (
            ("files", models["blur"], models["more"]),
            ("version and run", "champion", run[:12]),
            ("address and working folder", "models:/svhn-denoiser@champion", "workspace"),
        )
    }
    scores = [(of["A"]["psnr"], of["B"]["psnr"], of["difference"]["psnr"]["mean"]) for of in by_kind.values()]
    for each in scores[1:]:
        assert each == pytest.approx(scores[0], abs=1e-4)
    a, b, gain = scores[0]
    assert gain == pytest.approx(b - a)
    first = by_kind["files"]
    assert first["difference"]["psnr"]["low"] < gain < first["difference"]["psnr"]["high"]
    assert sum(row["pictures"] for row in first["digits"]) == first["pictures"] == 40
    assert first["settings"] is None
    assert len(first["noise_kinds"]) == 4
    for row in (*first["noise_levels"], *first["noise_kinds"]):
        assert row["difference"] == pytest.approx(row["b_psnr"] - row["a_psnr"])
        assert row["low"] < row["difference"] < row["high"]
    of_versions = by_kind["version and run"]
    assert of_versions["settings"] == {"train.width": ["3", "5"]}
    assert of_versions["A"]["facts"]["commit"] == "c" * 40
    assert of_versions["A"]["sha256"] == first["A"]["sha256"]
    assert any("own run recorded 30.50 dB" in note for note in of_versions["notes"])


def test_every_kind_of_name_leads_to_its_model(workplace: Path, models: dict[str, Path], tmp_path: Path) -> None:
    store = connect()
    store.client.set_registered_model_alias(versions.MODEL, "mine", "2")
    run = versions.find(store, "2").run_id
    model_id = store.client.get_model_version(versions.MODEL, "2").source.removeprefix("models:/")
    addresses = ("models:/svhn-denoiser/2", "models:/svhn-denoiser@mine")
    folders = (tmp_path / str(number) for number in range(100))

    def found(name: str) -> Side:
        folder = next(folders)
        folder.mkdir()
        return finding.find(name, folder)

    for name in ("2", "challenger", "mine", run, run[:8], *addresses, str(models["more"])):
        assert found(name).sha256 == sha256_of(models["more"]), name
    for name in (f"models:/{model_id}", f"runs:/{run}/denoiser"):
        # MLflow's own copy has other bytes
        assert load_model(found(name).file).count_params() == 0, name
    assert found(f"runs:/{run}/denoiser").settings == {"train.width": "5"}
    assert found("shipped").file == SHIPPED


def test_a_comment_in_another_encoding_hides_no_setting(
    store_folder: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    (store_folder / "models").mkdir()
    shutil.copy(models["more"], store_folder / "models/denoiser.keras")
    (store_folder / "params.yaml").write_bytes(b"# caf\xe9\n" + EXAMPLE.read_bytes())
    assert finding.find("workspace", tmp_path).settings["train.epochs"] == "30"


def test_the_same_model_twice_is_said_and_fine(workplace: Path, models: dict[str, Path]) -> None:
    same = compared("1", models["blur"], "--pictures", 3)
    assert same["same"]
    assert same["headline"] == "A and B are the same model, byte for byte."
    assert (same["pictures"], same["difference"]["psnr"]["mean"]) == (3, pytest.approx(0, abs=1e-6))


def test_the_table_fits_a_terminal(workplace: Path, models: dict[str, Path]) -> None:
    text = invoke("compare", models["identity"], "2")
    assert "Settings that differ: those of A are not known" in text
    assert "B is better than A by" in text.splitlines()[-1]
    for title in (
        "What they are",
        "Settings that differ",
        "Scores on the same 40 test pictures",
        "other kinds of noise",
    ):
        assert title in text
    assert max(map(len, text.splitlines()[:-1])) <= 120


NOT_FOUND = {
    "nobody": "nobody: is no file, no git revision or DVC experiment of this clone, and no version",
    "7": "has no version '7'; there are challenger, champion",
    "gone.keras": "gone.keras: no such file",
    "damaged.keras": "damaged.keras: is no model that Keras can load",
    "workspace": "workspace: there is no models/denoiser.keras here",
    "models:/svhn-denoiser/9": "has no version '9'",
    "--option": "--option: is no file",
    "": ": is no file",
}


def test_what_cannot_be_found_is_one_clear_message(workplace: Path) -> None:
    (workplace / "damaged.keras").write_text("no model")
    said = {}
    for name in NOT_FOUND:
        with pytest.raises(DenoiserError) as refused:
            invoke("compare", "--", "champion", name)
        said[name] = str(refused.value)
    for name, words in NOT_FOUND.items():
        assert words in said[name]
        assert "\n" not in said[name]


def test_a_run_without_a_model_a_missing_store_and_missing_pairs_say_what_to_do(
    workplace: Path, models: dict[str, Path]
) -> None:
    with pytest.raises(DenoiserError, match=r"params.yaml/page.html: cannot be written"):
        invoke("compare", "1", "2", "--page", "params.yaml/page.html")
    store = connect()
    run = store.client.create_run(store.experiment_id).info.run_id
    store.client.set_tag(run, "network", "none")
    with pytest.raises(DenoiserError, match="this run has no model"):
        invoke("compare", run, "champion")
    shutil.rmtree(workplace / "data")
    with pytest.raises(DenoiserError, match="`dvc repro generate` makes them"):
        invoke("compare", "1", "2")
    (workplace / "mlflow.db").unlink()
    done = program("compare", "1", "2", folder=workplace)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
