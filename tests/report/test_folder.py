"""The folder of reports holds what was found out, whole, and nothing of the run before."""

import json

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation import suite
from svhn_denoiser.evaluation.scores import Scores
from svhn_denoiser.evaluation.suite import Evaluation
from svhn_denoiser.files import read_csv, read_json, write_csv, write_json
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.report import folder
from svhn_denoiser.report.sheets import exhibits, sheet

TABLES = ("noise_levels", "noise_kinds", "digits", "baselines")
IMAGES = dict.fromkeys(("best", "median", "worst"), b"PNG")


@pytest.fixture
def trained(parts, tmp_path, monkeypatch):
    """A working folder as the stages before this one leave it."""
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "reports/run.json", parts["run"])
    write_json(tmp_path / "data/raw/source.json", parts["source"])
    write_csv(tmp_path / "reports/history.csv", parts["history"])
    return tmp_path


@pytest.fixture
def evaluation(parts):
    none = Scores(np.empty(0), np.empty(0))
    return Evaluation(parts["metrics"], {name: parts[name] for name in TABLES}, {}, none, none)


def names(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def test_scores_tables_pictures_and_page_are_written(trained, evaluation, parts):
    folder.write(evaluation, IMAGES)
    tables = [f"{name}.csv" for name in TABLES]
    pictures = [f"images/{name}.png" for name in IMAGES]
    assert names(trained / "reports") == sorted(
        ["history.csv", "run.json", "metrics.json", "report.html", *tables, *pictures]
    )
    assert read_json(trained / "reports/metrics.json") == json.loads(json.dumps(parts["metrics"]))
    assert [row["method"] for row in read_csv(trained / "reports/baselines.csv")] == [
        "noisy",
        "gaussian-blur",
        "residual-unet",
    ]
    assert parts["run"]["run_id"] in (trained / "reports/report.html").read_text()


def test_pictures_of_an_earlier_run_go_and_what_dvc_keeps_of_its_page_stays(trained, evaluation, parts):
    (trained / "reports/images").mkdir()
    (trained / "reports/images/old.png").touch()
    (trained / "cached").write_text("the page of an earlier run")
    (trained / "reports/report.html").symlink_to(trained / "cached")
    folder.write(evaluation, IMAGES)
    assert not (trained / "reports/images/old.png").exists()
    assert (trained / "cached").read_text() == "the page of an earlier run"
    assert not (trained / "reports/report.html").is_symlink()


@pytest.mark.parametrize("name", ["reports/run.json", "reports/history.csv", "data/raw/source.json"])
def test_what_the_stages_before_did_not_leave_is_said_and_nothing_is_half_written(trained, evaluation, parts, name):
    (trained / name).unlink()
    before = names(trained / "reports")
    with pytest.raises(DenoiserError, match=name):
        folder.write(evaluation, IMAGES)
    assert names(trained / "reports") == before


def test_two_evaluations_write_the_same_bytes_and_show_each_digits_worst(trained, settings, pictures):
    few = {"noise_kinds": ["gaussian"], "noise_levels": [0.1], "baselines": ["median"], "shown_pictures": 2}
    chosen = settings.model_copy(update={"evaluate": settings.evaluate.model_copy(update=few)})
    noisy = (pictures // 4 + np.random.default_rng(1).integers(0, 64, pictures.shape)).astype(np.uint8)
    test = Pairs(noisy, pictures, (np.arange(len(pictures)) % 10).astype(np.uint8))

    def write():
        found = suite.evaluate(chosen, test, lambda noisy: noisy)
        images = {name: sheet(test, some, lambda noisy: noisy) for name, some in found.showcase.items()}
        shown = exhibits(test, found, lambda noisy: noisy, 2)
        folder.write(found, images, shown, {"evaluate": chosen.evaluate.model_dump()})
        return found, shown, {name: (trained / "reports" / name).read_bytes() for name in names(trained / "reports")}

    found, shown, first = write()
    assert write()[2] == first
    psnr = [exhibit.ranks["worst first"] for exhibit in shown]
    assert psnr == sorted(psnr)
    order = np.argsort(found.denoised.psnr, kind="stable")
    first_of_each = {next(index for index in order if index % 10 == digit) for digit in range(10)}
    assert {f"picture {index}" for index in (*first_of_each, *order[:6], *order[-2:])} <= {one.name for one in shown}
    assert {digit for one in shown for digit in one.kinds["digit"]} == set("0123456789")


def test_the_headline_says_what_was_gained(evaluation):
    assert evaluation.headline == "PSNR 20.21 → 33.41 dB, SSIM 0.475 → 0.952"
