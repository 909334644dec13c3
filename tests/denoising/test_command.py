"""`svhn-denoiser denoise` as people call it: which model, what is said, what is written, and how it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from svhn_denoiser.cli import app
from svhn_denoiser.denoising import denoiser, models
from svhn_denoiser.denoising.models import LoadedModel, Pictures
from svhn_denoiser.denoising.trained_noise import TrainedNoise, parse
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry.chosen_model import ChosenModel
from tests.command_line import program
from tests.denoising.halving_network import halving_network
from tests.example_settings import ROOT

_RNG = np.random.default_rng(21)


def halved(pictures: Pictures) -> Pictures:
    return pictures / np.float32(2)


def picture(file: Path, sigma: float = 0.1, size: int = 64) -> Path:
    """A plain picture with noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.clip(0.5 + sigma * _RNG.standard_normal((size, size, 3)), 0, 1)
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(file)
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def denoise(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, noise: str = "gaussian 0.1", shipped: bool = False
) -> Result:
    """Run the command with a network that halves all values."""
    model = LoadedModel("the test's model", halved, "this test", parse(noise), shipped)
    monkeypatch.setattr(models, "load", lambda *_: model)
    return CliRunner().invoke(app, ["denoise", *arguments], catch_exceptions=True)


class TestWhatIsSaid:
    def test_it_says_which_model_and_for_what_noise(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "a.png")
        done = denoise(monkeypatch, "a.png", "-o", "out")
        assert done.exit_code == 0
        assert done.stdout == "1 of 1 pictures denoised into out\n"
        assert done.stderr == "denoising with the test's model, trained for gaussian noise of 0.1 (this test)\n"

    def test_a_model_of_unknown_noise_says_so_and_warns_of_none(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture(folder / "a.png", 0.3)
        done = denoise(monkeypatch, "a.png", "-o", "out", noise="")
        assert "trained for noise that is not known here" in done.stderr
        assert "note" not in done.stderr

    def test_noise_that_the_model_was_not_trained_for_is_warned_of_once(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(5):
            picture(folder / f"in/{number}.png", 0.02)
        picture(folder / "in/right.png", 0.1)
        done = denoise(monkeypatch, "in", "-o", "out")
        assert done.exit_code == 0
        (line,) = done.stderr.splitlines()[1:]
        assert re.fullmatch(r"note: noise of about 0\.0\d+( to 0\.0\d+)? in (in/\d.png(, | and )){3}2 more, .*", line)
        assert line.endswith(
            " and this model was trained for gaussian noise of 0.1: it may do harm there; --model shipped is for "
            "noise of any strength up to 0.3"
        )

    def test_a_picture_of_next_to_no_noise_is_named(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "clean.png", 0)
        done = denoise(monkeypatch, "clean.png", "-o", "out")
        assert "note: next to no noise, so there is little to remove, in clean.png\n" in done.stderr

    def test_pictures_whose_noise_was_smoothed_with_their_colours_are_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for sigma, name in ((0.1, "noisy"), (0, "clean")):
            noisy = Image.open(picture(folder / f"{name}.png", sigma))
            noisy.save(folder / f"{name}-half.jpg", quality=97, subsampling=2)
            noisy.save(folder / f"{name}-full.jpg", quality=97, subsampling=0)
            noisy.convert("L").save(folder / f"{name}-grey.jpg", quality=97)
            noisy.save(folder / f"{name}-lossy.webp", quality=97)
            noisy.save(folder / f"{name}-exact.webp", lossless=True)
        done = denoise(monkeypatch, ".", "-o", "out", noise="gaussian [0, 0.3]")
        (line,) = [line for line in done.stderr.splitlines() if "colours" in line]
        assert line.startswith("note: colours at half the resolution, as most JPEG and WebP files store them")
        assert line.endswith(" in noisy-half.jpg, noisy-lossy.webp")

    def test_a_model_for_any_strength_is_for_weak_noise_too(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number, sigma in enumerate((0.005, 0.02, 0.2)):
            picture(folder / f"in/{number}.png", sigma)
        done = denoise(monkeypatch, "in", "-o", "out", noise="gaussian [0.01, 0.3]")
        assert "note" not in done.stderr

    def test_json_says_all_of_it(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "a.bmp")
        (folder / "bad.png").write_text("no picture")
        done = denoise(monkeypatch, "a.bmp", "bad.png", "gone.png", "-o", "out", "--json")
        assert done.exit_code == 1
        said = json.loads(done.stdout)
        assert (said["denoised"], said["failed"], said["output"]) == (1, 2, "out")
        assert said["model"] == "the test's model"
        assert said["trained_for"] == {"kind": "gaussian", "strength": [0.1, 0.1]}
        by_name = {each["source"]: each for each in said["pictures"]}
        assert by_name["a.bmp"] | {"noise": None} == {
            "source": "a.bmp", "target": "out/a.png", "denoised": True, "reason": None, "noise": None, "pixels": 4096,
            "halved_colours": False, "notes": ["BMP is not written here: it became PNG"],
        }  # fmt: skip
        assert by_name["a.bmp"]["noise"] == pytest.approx(0.1, rel=0.1)
        assert by_name["gone.png"]["reason"] == "no such file or folder"

    def test_a_bad_file_stops_nothing_and_the_exit_code_says_so(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture(folder / "in/a.png")
        (folder / "in/b.png").write_text("no picture")
        picture(folder / "in/c.png")
        done = denoise(monkeypatch, "in", "-o", "out")
        assert done.exit_code == 1
        assert done.stdout == "2 of 3 pictures denoised into out\n"
        assert "error: in/b.png: its bytes are no picture of a known format" in done.stderr

    def test_a_name_does_nothing_to_a_terminal(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "two\nlines\x1b[31m.png").write_text("no picture")
        done = denoise(monkeypatch, "two\nlines\x1b[31m.png", "-o", "o\nut")
        assert "error: two\\nlines\\x1b[31m.png: its bytes" in done.stderr
        assert done.stdout == "0 of 1 pictures denoised into o\\nut\n"

    @pytest.mark.parametrize("options", [["-o", "out", "--json"], ["-o", "http://me:hunter22@host/out"]], ids=str)
    def test_an_address_in_the_place_of_a_file_shows_no_password(self, options: list[str], folder: Path) -> None:
        done = CliRunner().invoke(app, ["denoise", "http://me:hunter22@host/a.png", *options])
        assert done.exit_code == 1
        assert "host/a.png" in done.output
        assert "hunter22" not in done.output

    def test_an_empty_output_is_no_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "in/a.png")
        done = denoise(monkeypatch, "in", "-o", "")
        assert "--output is an empty name" in str(done.exception)
        assert sorted(path.name for path in folder.iterdir()) == ["in"]

    def test_a_model_that_is_some_other_file_is_refused_before_keras_is_asked(self, folder: Path) -> None:
        with pytest.raises(DenoiserError, match=r"a\.png: is no model: its file ends in \.keras"):
            models.load(str(picture(folder / "a.png")))

    def test_a_file_that_cannot_be_written_is_named(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("svhn_denoiser.denoising.tiff.write", full)
        picture(folder / "a.tif")
        done = denoise(monkeypatch, "a.tif", "-o", "out")
        assert "error: a.tif: out/a.tif cannot be written: No space left on device\n" in done.stderr
        assert list((folder / "out").iterdir()) == []

    def test_nothing_to_do_loads_no_model(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        done = CliRunner().invoke(app, ["denoise", "gone.png", "-o", "out"])
        assert (done.exit_code, done.stdout) == (1, "0 of 1 pictures denoised into out\n")
        assert done.stderr == "error: gone.png: no such file or folder\n"


class TestWhatIsWritten:
    def test_compare_writes_a_page_and_never_over_another(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "a.png")
        done = denoise(monkeypatch, "a.png", "-o", "out", "--compare", "--strength", "0.5")
        assert done.stdout.endswith("compare them in out/compare.html\n")
        page = (folder / "out/compare.html").read_text()
        assert "a.png · 64 × 64 pixels" in page
        assert "(this test), at strength 0.5." in page
        again = denoise(monkeypatch, "a.png", "-o", "out", "--compare")
        assert isinstance(again.exception, DenoiserError)
        assert str(again.exception) == "out/compare.html exists; --overwrite replaces it."
        assert denoise(monkeypatch, "a.png", "-o", "out", "--compare", "--overwrite").exit_code == 0

    def test_strength_is_a_share(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        picture(folder / "a.png")
        assert denoise(monkeypatch, "a.png", "-o", "out", "--strength", "1.5").exit_code == 2
        assert denoise(monkeypatch, "a.png", "-o", "out", "--strength", "0").exit_code == 0
        assert np.array_equal(np.asarray(Image.open("out/a.png")), np.asarray(Image.open("a.png")))

    def test_a_model_that_answers_nan_is_an_error_and_nothing_is_written(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture(folder / "a.png")
        model = LoadedModel("broken.keras", lambda pictures: pictures * np.float32("nan"), "this test")
        monkeypatch.setattr(models, "load", lambda *_: model)
        done = CliRunner().invoke(app, ["denoise", "a.png", "-o", "out"])
        assert done.exit_code == 1
        assert (
            "error: a.png: broken.keras: answers with numbers that are no brightness (NaN, or far beyond 0 to 1)"
            in done.stderr
        )
        assert not (folder / "out").exists()


class TestWhichModel:
    """What `models.load` takes when nobody names a model."""

    @pytest.fixture(autouse=True)
    def _shipped(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        halving_network(tmp_path / "denoiser.xml")
        monkeypatch.setattr(models, "SHIPPED", tmp_path / "denoiser.keras")

    def test_outside_of_a_repository_it_is_the_shipped_one(self, folder: Path) -> None:
        model = models.load(None)
        assert (model.name, model.shipped) == ("the model that comes with the package", True)
        assert model.noise == TrainedNoise("gaussian", 0, 0.3)

    def test_where_nothing_is_registered_it_is_the_shipped_one_too(self, store_folder: Path) -> None:
        assert models.load(None).shipped

    def test_where_there_is_a_champion_it_is_that_with_the_noise_of_its_version(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = halving_network(folder / "champion.xml")
        champion = ChosenModel(file, "the champion, version 3", "gaussian [0.01, 0.3]")
        monkeypatch.setattr("svhn_denoiser.registry.chosen_model.champion", lambda _: champion)
        for name in (None, "champion"):
            model = models.load(name)
            assert (model.name, model.shipped) == ("the champion, version 3", False)
            assert model.noise == TrainedNoise("gaussian", 0.01, 0.3)

    def test_a_store_that_cannot_be_read_here_is_said(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(_: Path) -> None:
            raise ModuleNotFoundError(name="mlflow")

        monkeypatch.setattr("svhn_denoiser.registry.chosen_model.champion", missing)
        said: list[str] = []
        assert models.load(None, said.append).shipped
        assert said == ["there is a store here, but mlflow, which reads it, is not installed: without the champion"]
        with pytest.raises(ModuleNotFoundError):
            models.load("champion")

    def test_the_last_training_of_a_repository_is_known_by_its_scores(self, repository: Path) -> None:
        (repository / "models").mkdir()
        (repository / "reports").mkdir()
        file = repository / "models/denoiser.keras"
        file.touch()
        (repository / "reports/metrics.json").write_text('{"noise": {"kind": "poisson", "strength": 0.2}}')
        assert models.named("models/denoiser.keras", repository).noise == "poisson 0.2"
        (repository / "other.keras").touch()
        assert models.named("other.keras", repository).noise is None


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("gaussian 0.1", TrainedNoise("gaussian", 0.1, 0.1)),
        ("gaussian [0.01, 0.3]", TrainedNoise("gaussian", 0.01, 0.3)),
        ("poisson-gaussian (0.01, 0.3)", TrainedNoise("poisson-gaussian", 0.01, 0.3)),
        ("gaussian 1e-05", TrainedNoise("gaussian", 1e-5, 1e-5)),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_the_noise_of_a_version_is_read_from_its_tag(text: str | None, noise: TrainedNoise | None) -> None:
    assert parse(text) == noise


class TestTheProgram:
    """As a process of its own, with a model of the fast runtime."""

    def test_tensorflow_is_not_imported(self, folder: Path) -> None:
        picture(folder / "a.png")
        halving_network(folder / "model.xml")
        code = (
            "import sys; from svhn_denoiser.cli import app\n"
            "try: app(['denoise', 'a.png', '-o', 'out', '--model', 'model.xml', '--compare', '--json'])\n"
            "finally: print(*sorted(sys.modules), file=open('modules', 'w'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
        )
        assert done.returncode == 0
        modules = set((folder / "modules").read_text().split())
        heavy = {
            "tensorflow",
            "keras",
            "mlflow",
            "dvc",
            "scipy",
            "skimage",
            "matplotlib",
            "jinja2",
            "sqlalchemy",
        }
        assert modules & heavy == set()
        assert (folder / "out/a.png").exists()

    @pytest.mark.parametrize("into", [None, "webp"])
    def test_a_picture_goes_through_pipes(self, into: str | None, folder: Path) -> None:
        given = picture(folder / "a.png").read_bytes()
        halving_network(folder / "model.xml")
        command = [sys.executable, "-m", "svhn_denoiser", "denoise", "-", "-o", "-", "--model", "model.xml"]
        done = subprocess.run(
            command + (["--format", into] if into else []),
            input=given, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (folder / "b").write_bytes(done.stdout)
        after: Any = Image.open(folder / "b")
        assert after.format == (into or "png").upper()
        before = np.asarray(Image.open(folder / "a.png"), float)
        assert np.abs(np.asarray(after, float) - before / 2).mean() < 12  # WebP loses some
        assert b"standard-input" not in done.stderr

    def test_standard_output_takes_one_picture_and_says_why_there_is_none(self, folder: Path) -> None:
        picture(folder / "a.png")
        (folder / "bad.png").write_text("no picture")
        halving_network(folder / "model.xml")
        two = program("denoise", "a.png", "bad.png", "-o", "-", "--model", "model.xml", folder=folder)
        assert (two.returncode, two.stdout) == (1, "")
        assert "--output - takes one picture" in two.stderr
        bad = program("denoise", "bad.png", "-o", "-", "--model", "model.xml", folder=folder)
        assert (bad.returncode, bad.stdout) == (1, "")
        assert "error: bad.png: its bytes are no picture" in bad.stderr

    @pytest.mark.parametrize(
        ("closed", "arguments", "why"), [(0, ("-", "-o", "out"), "input"), (1, ("a.png", "-o", "-"), "output")]
    )
    def test_a_closed_pipe_is_said_in_a_line(
        self, closed: int, arguments: tuple[str, ...], why: str, folder: Path
    ) -> None:
        picture(folder / "a.png")
        command = [sys.executable, "-m", "svhn_denoiser", "denoise", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, check=False,
            preexec_fn=lambda: os.close(closed),
        )  # fmt: skip
        assert done.returncode == 1
        assert re.fullmatch(rf"error: .* no standard {why} .*\n", done.stderr.decode())

    def test_what_is_said_on_a_closed_standard_error_gets_into_no_picture(self, folder: Path) -> None:
        picture(folder / "a.png")
        halving_network(folder / "model.xml")
        command = [sys.executable, "-m", "svhn_denoiser", "denoise", "a.png", "-o", "out", "--model", "model.xml"]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, stdout=subprocess.PIPE,
            preexec_fn=lambda: os.close(2),
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, b"1 of 1 pictures denoised into out\n")
        Image.open(folder / "out/a.png").load()

    @pytest.mark.parametrize("factor", ["nan", "inf", "255", "-255"])
    def test_a_network_that_answers_nan_or_infinity_writes_nothing(self, factor: str, folder: Path) -> None:
        picture(folder / "a.png")
        halving_network(folder / "model.xml", float(factor))
        done = program("denoise", "a.png", "-o", "out", "--model", "model.xml", folder=folder)
        assert done.returncode == 1
        assert "NaN" in done.stderr
        assert not (folder / "out").exists()


def test_the_denoiser_of_python_refuses_nan_too() -> None:
    broken = denoiser.Denoiser(LoadedModel("x", lambda pictures: pictures * np.float32("inf"), "this test"))
    with pytest.raises(DenoiserError, match="x: answers with numbers that are no brightness"):
        broken(np.ones((3, 3), np.uint8))
