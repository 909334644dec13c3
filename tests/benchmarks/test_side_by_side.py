"""The benchmark: its figures are the project's own metrics, on the pipeline's own pairs. Timings are not judged."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sample
from benchmarks.side_by_side import chart, classical, command, measuring
from benchmarks.side_by_side.measuring import Method, Result, measure
from benchmarks.side_by_side.tables import page as written
from svhn_denoiser import generation, mat_format, pairs
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation import baselines
from svhn_denoiser.evaluation.metrics import psnr, psnr_of_mse, ssim
from svhn_denoiser.evaluation.scores import bootstrap_interval
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.sources.synthetic import draw
from tests.benchmarks.pages import tables
from tests.example_settings import ROOT, changed

TEST_PICTURES = 24


FEW = np.array([1, 8, 20])


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "LEAST_SECONDS", 0.0)
        patch.setattr(measuring, "LEAST_TIMINGS", 1)
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Drawn numbers in SVHN's format."""
    folder = tmp_path_factory.mktemp("private-name") / "raw"
    folder.mkdir()
    mat_format.write(folder / "train_32x32.mat", *draw(10, 1, "train"))
    mat_format.write(folder / "test_32x32.mat", *draw(TEST_PICTURES, 1, "test"))
    return folder


@pytest.fixture(scope="module")
def test_split(raw, settings) -> Pairs:
    """What the pipeline makes of them at the default settings."""
    generation.write(raw, raw.parent / "noisy", settings.generate, settings.seed)
    return pairs.read(raw.parent / "noisy", "test")


def run(raw: Path, output: Path, *options: str) -> str:
    command.main(["--data", str(raw), "--output", str(output), *options])
    return output.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(raw, quick, tmp_path_factory) -> str:
    return run(raw, tmp_path_factory.mktemp("page") / "results.md", "--only", "noisy,gaussian-blur,median,wavelet")


class TestPage:
    @pytest.mark.parametrize("method", ["noisy", "gaussian-blur", "median", "wavelet"])
    def test_its_figures_are_the_metrics_on_the_pipelines_own_test_pairs(self, page, method, test_split, settings):
        clean, noisy = as_float(test_split.clean), as_float(test_split.noisy)
        estimate = noisy if method == "noisy" else baselines.denoise(method, noisy, 0.1)
        values = psnr(clean, estimate)
        low, high = bootstrap_interval(values, settings.evaluate.bootstrap_samples, settings.seed)
        pooled = psnr_of_mse(np.square(clean - estimate, dtype=np.float64).mean())
        assert tables(page)["Denoisers side by side"][method][:4] == [
            f"{values.mean():.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{pooled:.2f}",
            f"{ssim(clean, estimate).mean():.4f}",
        ]

    def test_the_best_method_comes_first(self, page):
        rows = list(tables(page)["Denoisers side by side"].values())[2:]
        scores = [float(row[0]) for row in rows]
        assert scores == sorted(scores, reverse=True)

    def test_it_says_what_was_run_on_what(self, page, raw):
        facts = tables(page)["How it was measured"]
        assert facts["pictures"] == [f"an SVHN-format test file, not the official one: all {TEST_PICTURES}"]
        digest = hashlib.sha256((raw / "test_32x32.mat").read_bytes()).hexdigest()
        assert facts["sha256 of the test file"] == [f"`{digest}`"]
        assert "--data .../raw --only noisy,gaussian-blur,median,wavelet" in facts["command"][0]
        assert f"numpy {np.__version__}" in facts["versions"][0]

    def test_it_tells_no_path_of_the_machine(self, page, raw):
        assert "private-name" not in page
        assert str(Path.home()) not in page
        assert str(ROOT) not in page

    def test_without_bm3d_nothing_is_compared_with_it(self, page):
        assert "Against BM3D" not in page


def test_the_first_pictures_are_scored_if_so_many_are_asked_for(raw, tmp_path, test_split):
    page = run(raw, tmp_path / "results.md", "--pictures", "7", "--only", "noisy")
    first = test_split[:7]
    expected = psnr(as_float(first.clean), as_float(first.noisy)).mean()
    assert tables(page)["Denoisers side by side"]["noisy"][0] == f"{expected:.2f}"
    assert f"the first 7 of {TEST_PICTURES}" in page


def test_another_sigma_is_another_noise(raw, tmp_path):
    page = run(raw, tmp_path / "results.md", "--sigma", "0.01", "--only", "noisy")
    assert float(tables(page)["Denoisers side by side"]["noisy"][0]) == pytest.approx(40, abs=0.5)


def test_numbers_are_drawn_where_there_are_no_pictures(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(sample, "ROOT", tmp_path / "repository")
    monkeypatch.delenv(sample.VARIABLE, raising=False)
    given = sample.read(None, 5, 0.1, settings)
    np.testing.assert_array_equal(given.pairs.clean, draw(5, settings.seed, "test")[0])
    assert "drawn" in given.origin


def test_pictures_are_looked_for_where_the_readme_says(tmp_path, monkeypatch, raw):
    monkeypatch.setattr(sample, "ROOT", tmp_path / "repository")
    monkeypatch.delenv(sample.VARIABLE, raising=False)
    for place in ("shared/svhn", "elsewhere", "repository/data/raw", "named"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "test_32x32.mat").touch()
        if place == "elsewhere":
            monkeypatch.setenv(sample.VARIABLE, str(tmp_path / place))
        named = tmp_path / place if place == "named" else None
        assert sample.find(named) == tmp_path / place


def test_the_pipelines_record_says_what_the_pictures_are(tmp_path, raw, settings):
    (tmp_path / "test_32x32.mat").write_bytes((raw / "test_32x32.mat").read_bytes())
    (tmp_path / "source.json").write_text('{"source": "synthetic"}')
    assert sample.read(tmp_path, None, 0.1, settings).origin == "drawn house numbers, by the pipeline"


def test_few_pictures_are_spread_from_the_first_to_the_last():
    assert sample.spread(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert sample.spread(3, 100).tolist() == [0, 1, 2]


def blur(noisy: np.ndarray) -> np.ndarray:
    return baselines.denoise("gaussian-blur", noisy, 0.1)


def median(noisy: np.ndarray) -> np.ndarray:
    return baselines.denoise("median", noisy, 0.1)


@pytest.fixture(scope="module")
def measured(quick, test_split) -> list[Result]:
    """A blur in the place of BM3D, which tests do not need, and a method that is run on all pictures."""
    both = [Method("bm3d", lambda: blur, at_once=2, rarely=True), Method("median", lambda: median, at_once=5)]
    return [measure(method, test_split, FEW) for method in both]


class TestAgainstBm3d:
    def test_a_slow_method_is_run_on_the_few_and_scored_as_all_others(self, measured, test_split):
        few = test_split[FEW.tolist()]
        expected = psnr(as_float(few.clean), blur(as_float(few.noisy)))
        np.testing.assert_allclose(measured[0].scores.psnr, expected)

    def test_differences_are_paired_on_the_few(self, measured, test_split):
        def interval(values: np.ndarray) -> tuple[float, float]:
            return values.min(), values.max()

        row = tables(written(measured, [], {}, None, interval))["Against BM3D"]["median"]
        few = test_split[FEW.tolist()]
        clean, noisy = as_float(few.clean), as_float(few.noisy)
        for cell, metric, form in ((row[2], psnr, "+.2f"), (row[3], ssim, "+.4f")):
            gain = metric(clean, median(noisy)) - metric(clean, blur(noisy))
            assert cell == f"{gain.mean():{form}} ({gain.min():{form}} to {gain.max():{form}})"

    def test_the_chart_shows_the_pictures_that_all_were_run_on(self, measured, monkeypatch):
        drawn = {}
        monkeypatch.setattr(chart, "draw", lambda points, noisy, pictures: drawn.update(points=points, n=pictures))
        command._chart(measured)
        assert drawn["n"] == 3
        assert [point.name for point in drawn["points"]] == ["bm3d", "median"]
        assert drawn["points"][1].psnr == pytest.approx(measured[1].scores.psnr[FEW].mean())


@pytest.mark.parametrize(("package", "method"), [("cv2", "opencv-non-local-means"), ("bm3d", "bm3d")])
def test_a_missing_package_costs_its_row_and_no_more(raw, tmp_path, monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    page = run(raw, tmp_path / "results.md", "--only", f"{method},noisy")
    rows = tables(page)["Denoisers side by side"]
    assert rows[method][0] == f"not run: {package} is not installed"
    assert float(rows["noisy"][0]) > 15


@pytest.mark.parametrize(("package", "method"), [("cv2", "opencv-non-local-means"), ("bm3d", "bm3d")])
def test_a_package_that_is_there_denoises(test_split, package, method):
    pytest.importorskip(package, reason=f"{package} is one of the benchmark's extras; `make bench` installs it")
    chosen = next(candidate for candidate in classical.methods(0.1) if candidate.name == method)
    few = test_split[:2]
    gain = chosen.load()(as_float(few.noisy)) - as_float(few.clean)
    assert np.square(gain).mean() < 0.2 * np.square(as_float(few.noisy) - as_float(few.clean)).mean()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    from svhn_denoiser.networks import autoencoder_2021
    from svhn_denoiser.networks.model_file import export, save

    path = tmp_path_factory.mktemp("models") / "one.keras"
    save(export(autoencoder_2021.build()), path)
    return path


class TestNetworks:
    def test_a_named_model_is_scored_with_its_cost(self, raw, tmp_path, model_file, test_split):
        from svhn_denoiser.networks.inference import denoise
        from svhn_denoiser.networks.model_file import load_model

        page = run(raw, tmp_path / "results.md", "--model", f"mine={model_file}", "--only", "mine")
        row = tables(page)["Denoisers side by side"]["mine"]
        estimate = denoise(load_model(model_file), as_float(test_split.noisy))
        assert float(row[0]) == pytest.approx(psnr(as_float(test_split.clean), estimate).mean(), abs=0.006)
        assert row[5:] == ["8,163", "2,961", "–"]
        digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
        assert tables(page)["How it was measured"]["sha256 of mine"] == [f"`{digest}`"]

    def test_the_pipelines_model_is_scored_unasked_under_its_networks_name(
        self, raw, tmp_path, model_file, monkeypatch
    ):
        monkeypatch.setattr(command, "MODEL", model_file)
        monkeypatch.setattr(command, "TRAINED", tmp_path)
        page = run(raw, tmp_path / "results.md", "--only", "noisy,autoencoder-2021")
        assert "autoencoder-2021" in tables(page)["Denoisers side by side"]

    def test_multiply_adds_are_those_of_the_layers_at_their_resolutions(self, settings):
        from benchmarks.side_by_side.networks import cost
        from svhn_denoiser.networks.architectures import build

        dncnn = build(changed(settings, train__network="dncnn").train)
        assert cost(dncnn).multiply_adds == 3 * 64 * 9 + 15 * 64 * 64 * 9 + 64 * 3 * 9
        w = 12
        unet = build(changed(settings, train__network="residual-unet", train__width=w).train)
        full = 2 * 27 * w + 4 * w * 2 * w / 4  # in, out, and the kernel of 2x2 that halves
        half = 2 * 2 * 9 * (2 * w) ** 2 + 4 * 2 * w * w  # two blocks, and the kernel that doubles, once a pixel here
        quarter = 2 * 2 * 9 * (4 * w) ** 2 + 2 * w * 4 * w * 4 + 4 * 4 * w * 2 * w
        assert cost(unet).multiply_adds == full + half / 4 + quarter / 16

    def test_a_layer_that_is_used_twice_counts_twice(self):
        from benchmarks.side_by_side.networks import cost
        from svhn_denoiser.networks.backend import keras

        noisy = keras.Input((None, None, 3))
        shared = keras.layers.Conv2D(3, 3, padding="same")
        twice = cost(keras.Model(noisy, shared(shared(noisy))))
        assert (twice.parameters, twice.multiply_adds) == (84, 2 * 81)

    def test_a_layer_of_an_unknown_kind_makes_no_count_rather_than_a_wrong_one(self):
        from benchmarks.side_by_side.networks import cost
        from svhn_denoiser.networks.backend import keras

        noisy = keras.Input((None, None, 3))
        mixed = keras.layers.EinsumDense("nhwc,cd->nhwd", (None, None, 3))(noisy)
        assert cost(keras.Model(noisy, mixed)).multiply_adds is None


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--only", "noisy,bm4d"], r"no method bm4d; there are noisy, gaussian-blur"),
            (["--pictures", "25"], "--pictures 25: .* holds 24"),
            (["--model", "mine=/nowhere/x.keras"], "no such file"),
            (["--data", "/nowhere"], "/nowhere: holds no test_32x32.mat"),
        ],
    )
    def test_what_cannot_be_done_is_said_and_the_page_stays(self, raw, tmp_path, options, said):
        page = tmp_path / "results.md"
        page.write_text("as it was")
        with pytest.raises(DenoiserError, match=said):
            run(raw, page, *options)
        assert page.read_text() == "as it was"

    def test_two_methods_of_one_name_would_be_one_row(self, raw, tmp_path, monkeypatch):
        twins = {Method("median", lambda: np.copy): Path("x.keras")}
        monkeypatch.setattr(command, "_networks", lambda *_: (twins, "CPU"))
        with pytest.raises(DenoiserError, match="several methods have the name median"):
            run(raw, tmp_path / "results.md")

    @pytest.mark.parametrize(
        "options",
        [["--model", "x.keras"], ["--model", "a,b=x.keras"], ["--pictures", "0"], ["--sigma", "2"], ["--sigma", "no"]],
    )
    def test_an_option_that_makes_no_sense_is_refused(self, raw, tmp_path, options, capsys):
        with pytest.raises(SystemExit):
            run(raw, tmp_path / "results.md", "--only", "noisy", *options)
        assert "expected" in capsys.readouterr().err


def test_a_partial_block_and_repeated_timings_change_no_score(test_split, monkeypatch):
    monkeypatch.setattr(measuring, "LEAST_TIMINGS", 4)
    whole, parts = (
        measure(Method("median", lambda: median, at_once=at_once), test_split, np.arange(1)) for at_once in (100, 10)
    )
    assert isinstance(whole, Result)
    np.testing.assert_allclose(whole.scores.psnr, parts.scores.psnr)
    assert len(parts.scores.psnr) == TEST_PICTURES


def test_the_chart_has_every_name_and_the_same_bytes_for_the_same_points():
    points = [chart.Point("one", 1.0, 30.0, True), chart.Point("two", 1000.0, 25.0, False)]
    first = chart.draw(points, 20.0, 100)
    assert first == chart.draw(points, 20.0, 100)
    assert first != chart.draw(points[:1], 20.0, 100)
    assert b"<!-- one -->" in first
    assert b"<!-- two -->" in first


def test_classical_methods_do_without_tensorflow(raw, tmp_path):
    options = ["--data", str(raw), "--output", str(tmp_path / "results.md"), "--only", "noisy"]
    code = (
        "import sys; from benchmarks.side_by_side import command; command.MODEL = command.ROOT / 'none';"
        "command.main(sys.argv[1:]); sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *options], check=True, cwd=ROOT, capture_output=True)
