"""The command line as people and programs meet it: what is printed, where, and the exit code."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from svhn_denoiser import cli
from svhn_denoiser.denoising import models
from svhn_denoiser.files import sha256_of
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.registry import promotion, versions
from svhn_denoiser.tracking.lineage import person
from svhn_denoiser.tracking.store import Store, connect
from tests.command_line import invoke, program
from tests.example_settings import EXAMPLE, ROOT

_RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models that can be told apart: one halves all values, one doubles them."""
    folder = tmp_path_factory.mktemp("models")
    for name, factor in (("halves", 0.5), ("doubles", 2.0)):
        pixels = keras.Input((None, None, 3))
        keras.Model(pixels, keras.layers.Rescaling(factor)(pixels)).save(folder / f"{name}.keras")
    return [folder / "halves.keras", folder / "doubles.keras"]


@pytest.fixture
def champion(store_folder: Path, model_files: list[Path]) -> Callable[[int], Store]:
    """Registers models, each promoted over the one before; the last one is champion."""

    def register(count: int) -> Store:
        store = connect()
        for number, file in enumerate(model_files[:count]):
            run = store.client.create_run(store.experiment_id).info.run_id
            tags = {"psnr": f"{30.5 + number}", "ssim": "0.91234", "noisy_psnr": "20.25", "data_source": "synthetic"}
            model = keras.saving.load_model(file)
            added = versions.add(store, model, sha256=sha256_of(file), run_id=run, tags=tags)
            promotion.promote(store, added, over=versions.champion(store), by="gate", reason="better")
        return store

    return register


@pytest.fixture
def picture(store_folder: Path) -> Path:
    colours = _RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(colours).save(store_folder / "house.png")
    return store_folder / "house.png"


def assert_halved(before: Path, after: Path) -> None:
    np.testing.assert_allclose(np.asarray(Image.open(after)), np.asarray(Image.open(before)) / 2, atol=0.51)


class TestProgram:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["--version"],
            ["params", "--help"],
            ["params", "check", "--help"],
            ["registry", "--help"],
            *(["registry", command, "--help"] for command in ("list", "show", "promote", "rollback")),
            ["store", "copy", "--help"],
            ["denoise", "--help"],
            ["scores", "--help"],
            ["drift", "--help"],
            ["compare", "--help"],
        ],
        ids=" ".join,
    )
    def test_help_comes_without_the_large_libraries(self, arguments: list[str], tmp_path: Path) -> None:
        for name in ("tensorflow", "keras", "mlflow"):
            (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        done = program(*arguments, folder=ROOT, PYTHONPATH=path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout

    def test_good_settings_are_one_line(self) -> None:
        done = program("params", "check", folder=ROOT)
        assert (done.returncode, done.stdout, done.stderr) == (0, "params.yaml: all settings are fine\n", "")

    def test_bad_settings_are_an_error_for_people(self, tmp_path: Path) -> None:
        text = EXAMPLE.read_text().replace("epochs: 30", "epochs: ten")
        (tmp_path / "bad.yaml").write_text(text)
        done = program("params", "check", "bad.yaml", folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: bad.yaml: 1 setting is wrong\n  train.epochs = 'ten'")
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("arguments", [["nonsense"], ["denoise", "a.png"], ["registry", "show"]], ids=" ".join)
    def test_a_wrong_call_is_exit_code_2(self, arguments: list[str]) -> None:
        done = program(*arguments, folder=ROOT)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Usage:" in done.stderr

    def test_where_nothing_is_registered_that_is_said_and_nothing_is_made(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        done = program("registry", "list", folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {tmp_path}/mlflow.db: no MLflow store there yet.")
        assert [path.name for path in tmp_path.iterdir()] == [".git"]

    def test_a_whole_call_prints_what_was_asked_and_nothing_else(
        self, champion: Callable[[int], Store], store_folder: Path, picture: Path
    ) -> None:
        champion(1)
        done = program("registry", "list", "--json", folder=store_folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert [version["version"] for version in json.loads(done.stdout)] == [1]
        done = program("denoise", "house.png", "missing", "--output", "out", folder=store_folder)
        assert (done.returncode, done.stdout) == (1, "1 of 2 pictures denoised into out\n")
        assert done.stderr.startswith("error: missing: no such file or folder\n")
        done = program("denoise", "house.png", "--output", "again", folder=store_folder)
        assert (done.returncode, done.stdout) == (0, "1 of 1 pictures denoised into again\n")
        assert "denoising with the champion, version 1, trained for " in done.stderr
        assert_halved(picture, store_folder / "out/house.png")


class TestRegistry:
    def test_versions_are_listed_for_people_and_for_programs(self, champion: Callable[[int], Store]) -> None:
        champion(2)
        first, second = json.loads(invoke("registry", "list", "--json"))
        assert (first["version"], first["aliases"]) == (2, ["challenger", "champion"])
        assert (second["version"], second["aliases"], second["psnr"]) == (1, [], 30.5)
        table = invoke("registry", "list")
        assert all(text in table for text in ("champion", "30.50", "31.50", "0.9123", "synthetic"))

    def test_an_empty_registry_is_an_empty_list(self, store_folder: Path) -> None:
        assert json.loads(invoke("registry", "list", "--json")) == []
        assert "no version is registered yet" in invoke("registry", "list")

    def test_a_version_is_shown_by_number_and_by_alias(self, champion: Callable[[int], Store]) -> None:
        champion(2)
        shown = json.loads(invoke("registry", "show", "champion", "--json"))
        assert shown == json.loads(invoke("registry", "show", "2", "--json"))
        assert (shown["promotion"]["other"], shown["promotion"]["reason"]) == ("1", "better")
        lines = invoke("registry", "show", "1").splitlines()
        assert "psnr               30.5000" in lines
        assert any(line.startswith("promoted ") and line.endswith(" over none: better") for line in lines)

    def test_promotion_and_the_way_back(self, champion: Callable[[int], Store]) -> None:
        store = champion(2)
        reason = "it misreads fewer sevens"
        assert invoke("registry", "promote", "1", "--reason", reason) == (
            "version 1 is now champion, in place of version 2\n"
        )
        promoted = versions.find(store, "champion").promotion
        assert promoted is not None
        assert (promoted.reason, promoted.by) == (reason, person())
        assert invoke("registry", "promote", "champion") == "version 1 is champion already\n"
        assert invoke("registry", "rollback", "--reason", "no, more") == (
            "version 2 is champion again, in place of version 1\n"
        )
        left = versions.find(store, "1").rollback
        assert left is not None
        assert left.reason == "no, more"


class TestDenoise:
    def test_a_model_may_be_named_as_a_file_or_in_the_registry(
        self, champion: Callable[[int], Store], model_files: list[Path], picture: Path, store_folder: Path
    ) -> None:
        champion(2)
        for number, model in enumerate([model_files[0], "models:/svhn-denoiser/1", "models:/svhn-denoiser@champion"]):
            invoke("denoise", picture, "--output", store_folder / f"out{number}", "--model", model)
        assert_halved(picture, store_folder / "out0/house.png")
        assert_halved(picture, store_folder / "out1/house.png")
        doubled = np.minimum(np.asarray(Image.open(picture)).astype(int) * 2, 255)
        np.testing.assert_array_equal(np.asarray(Image.open(store_folder / "out2/house.png")), doubled)

    def test_without_a_champion_the_model_that_comes_with_the_package_is_taken(
        self, model_files: list[Path], picture: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models, "SHIPPED", model_files[0])
        (store_folder / "elsewhere").mkdir()
        monkeypatch.chdir(store_folder / "elsewhere")
        for output in ("with an empty store", "without a store"):
            invoke("denoise", picture, "--output", output)
            assert_halved(picture, store_folder / "elsewhere" / output / "house.png")
            (store_folder / "mlflow.db").unlink(missing_ok=True)
        assert not list(store_folder.rglob("mlflow.db"))

    def test_a_broken_picture_is_named_the_others_are_done_and_the_exit_code_says_so(
        self, model_files: list[Path], picture: Path, store_folder: Path
    ) -> None:
        (store_folder / "broken.png").write_text("no picture")
        arguments: list[Any] = ["denoise", store_folder / "broken.png", picture, "--model", model_files[0]]
        result = CliRunner().invoke(cli.app, [*map(str, arguments), "--output", str(store_folder / "out")])
        assert result.exit_code == 1
        assert f"\nerror: {store_folder}/broken.png: its bytes are no picture " in result.stderr
        assert "1 of 2 pictures denoised" in result.stdout
        assert_halved(picture, store_folder / "out/house.png")


@pytest.mark.parametrize("command", ["compare a b c {}", "registry show 1 {}", "denoise a.png -o x --format {}", "{}"])
def test_wrong_usage_shows_no_password_though_a_terminal_is_narrow(command: str) -> None:
    address = f"https://me:{'hunter22' * 12}@host"
    done = CliRunner(env={"COLUMNS": "60"}).invoke(cli.app, command.format(address).split())
    assert done.exit_code == 2
    assert "https://host" in done.output
    assert "hunter22" not in done.output
