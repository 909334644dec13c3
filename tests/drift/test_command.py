"""`svhn-denoiser drift` as people and schedulers meet it: what is printed, where, and the exit code."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from benchmarks.drift_alarms.alterations import darker
from svhn_denoiser import cli, mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.sources.synthetic import draw
from tests.command_line import program
from tests.example_settings import ROOT


def drift(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, ["drift", *map(str, arguments)])


@pytest.fixture
def pictures(repository: Path) -> Path:
    """A repository with training pictures, and beside them new.mat, which is like them, and dark.mat, which is not."""
    train, new = draw(400, 2021, "train")[0], draw(60, 2021, "new")[0]
    (repository / "data/noisy/train").mkdir(parents=True)
    for name, values in (("noisy", train // 3), ("clean", train), ("digits", np.zeros(400, np.uint8))):
        np.save(repository / f"data/noisy/train/{name}.npy", values)
    for name, values in (("new", new), ("dark", darker(new, 0.4)), ("train", train), ("few", new[:19])):
        mat_format.write(repository / f"{name}.mat", values, np.zeros(len(values), np.uint8))
    return repository


class TestExitCode:
    def test_no_drift_is_0_and_drift_is_3(self, pictures: Path) -> None:
        done = drift(pictures / "new.mat", "--clean")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (
            0,
            "No drift. These pictures are like the clean training pictures.",
        )
        done = drift(pictures / "dark.mat", "--clean")
        assert done.exit_code == 3
        assert "Drift. These pictures are not like the clean training pictures" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80

    def test_the_noisy_pictures_are_what_the_model_was_trained_for(self, pictures: Path) -> None:
        done = drift(pictures / "new.mat")
        assert done.exit_code == 3
        assert "Drift. The model was not trained for these" in done.stdout

    def test_any_pictures_can_be_compared_with(self, pictures: Path) -> None:
        assert drift(pictures / "new.mat", "--reference", pictures / "train.mat").exit_code == 0
        assert drift(pictures / "dark.mat", "--reference", pictures / "train.mat").exit_code == 3

    def test_a_wrong_call_is_2(self, pictures: Path) -> None:
        assert drift().exit_code == 2
        done = drift(pictures / "new.mat", "--clean", "--reference", pictures / "train.mat")
        assert done.exit_code == 2
        assert "not both" in done.stderr

    def test_a_picture_that_cannot_be_read_is_1_unless_the_others_drift(self, pictures: Path) -> None:
        (pictures / "broken.png").write_text("no picture")
        done = drift(pictures / "new.mat", pictures / "broken.png", "--clean")
        assert done.exit_code == 1
        assert "broken.png: this picture cannot be read" in done.stderr
        assert "No drift" in done.stdout
        assert drift(pictures / "dark.mat", pictures / "broken.png", "--clean").exit_code == 3

    def test_help_explains_them(self) -> None:
        text = " ".join(drift("--help").stdout.split())
        assert "Exit codes: 0 no drift, 3 drift, 1 failed" in text
        assert "2 wrong usage" in text


class TestFailures:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["few.mat", "--clean"], r"few.mat: too few pictures .* 19 crops of 32x32"),
            (["new.mat", "--reference", "few.mat"], r"few.mat: too few .* At least 200"),
            (["nowhere"], r"nowhere: no such file or folder"),
            (["new.mat", "--model", "none.keras"], r"none.keras: no such file"),
        ],
    )
    def test_what_is_wrong_is_said(self, arguments: list[str], said: str, pictures: Path) -> None:
        with pytest.raises(DenoiserError, match=said):
            raise drift(*arguments).exception or AssertionError

    def test_without_training_pictures_the_way_out_is_said(self, repository: Path) -> None:
        mat_format.write(repository / "new.mat", draw(20, 1, "new")[0], np.zeros(20, np.uint8))
        with pytest.raises(DenoiserError, match=r"data/noisy: no such folder. `dvc repro generate` .* --reference"):
            raise drift("new.mat").exception or AssertionError


class TestOutput:
    def test_json_is_all_there_is_on_standard_output(self, pictures: Path) -> None:
        done = drift(pictures / "dark.mat", "--clean", "--json")
        told = json.loads(done.stdout)
        assert (done.exit_code, told["drift"], told["model"]) == (3, True, None)
        assert told["pictures"] == {"found": 60, "crops": 60, "photographs": 0, "unreadable": []}
        assert told["reference"]["name"] == "the clean training pictures"

    def test_the_page_is_written_where_it_is_wanted(self, pictures: Path) -> None:
        drift(pictures / "dark.mat", "--clean", "--page", pictures / "pages/drift.html")
        assert '<h1 class="drift">Drift</h1>' in (pictures / "pages/drift.html").read_text()
        assert [path.name for path in (pictures / "pages").iterdir()] == ["drift.html"]

    def test_a_folder_of_pictures_of_any_size(self, pictures: Path) -> None:
        (pictures / "in").mkdir()
        for index, picture in enumerate(draw(24, 2021, "files")[0]):
            Image.fromarray(np.tile(picture, (1, 1 + index % 2, 1))).save(pictures / f"in/{index}.png")
        done = drift(pictures / "in", "--clean")
        assert (done.exit_code, done.stdout.splitlines()[0]) == (
            0,
            "24 pictures (36 crops measured) against the clean training pictures (400, 400 ",
        )

    def test_whole_photographs_are_called_so_and_what_to_do_is_said(self, pictures: Path) -> None:
        (pictures / "photos").mkdir()
        for index, picture in enumerate(draw(12, 2021, "photos")[0]):
            Image.fromarray(np.tile(picture, (4, 5, 1))).save(pictures / f"photos/{index}.png")
        done = drift("photos", "--clean", "--page", "drift.html")
        said = "12 of 12 pictures have 64x64 pixels or more, as whole photographs have."
        assert said in " ".join(done.stdout.split())
        assert "crop the pictures to the numbers in 32x32 first" in " ".join(done.stdout.split())
        assert said in " ".join((pictures / "drift.html").read_text().split())
        told = json.loads(drift("photos", "--clean", "--json").stdout)
        assert told["pictures"]["photographs"] == 12
        assert told["note"].startswith(said)
        # photographs with photographs, or crops with crops
        for index in range(8):
            Image.fromarray(np.tile(draw(1, index, "more")[0][0], (5, 5, 1))).save(pictures / f"photos/more{index}.png")
        assert "photographs" not in drift("photos", "--reference", "photos").stdout
        assert "photographs" not in drift("new.mat", "--clean").stdout


class TestModel:
    def test_a_model_adds_what_it_takes_away(self, pictures: Path) -> None:
        values = keras.Input((None, None, 3))
        keras.Model(values, keras.layers.Rescaling(0.9)(values)).save(pictures / "model.keras")
        done = drift("new.mat", "--clean", "--json", "--model", "model.keras")
        told = json.loads(done.stdout)
        assert told["model"] == "model.keras"
        assert {"residual", "lost structure"} <= {test["name"] for test in told["tests"]}

    def test_where_there_is_none_that_is_said_and_tensorflow_stays_out(self, pictures: Path) -> None:
        for name in ("tensorflow", "keras"):
            (pictures / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
        done = program("drift", "new.mat", "--clean", folder=pictures, PYTHONPATH=f"{pictures}:{ROOT}")
        assert (done.returncode, done.stderr) == (
            0,
            "there is no model yet: leaving out what it would remove\n",
        )
