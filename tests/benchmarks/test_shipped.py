"""The shipped model's benchmark and card: every method on the same pictures, kept scores, and what the card says."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from benchmarks.shipped import card, command, packing, page, pictures, scoring
from benchmarks.shipped.peers import PEERS, nothing
from svhn_denoiser import mat_format, recipes
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.networks import architectures
from svhn_denoiser.networks.model_file import export, load_model, save
from svhn_denoiser.sources.synthetic import draw
from tests.example_settings import ROOT, changed


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A folder like that of the real pictures: two photographs, one of them too low for SSIM, and crops."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "full").mkdir()
    rng = np.random.default_rng(0)
    for name, shape in (("b", (20, 37, 3)), ("a", (9, 40, 3))):
        Image.fromarray(rng.integers(60, 200, shape, np.uint8)).save(folder / "full" / f"{name}.png")
    mat_format.write(folder / "test_32x32.mat", *draw(12, 1, "test"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory, settings):
    """An untrained blind network: it returns its input."""
    path = tmp_path_factory.mktemp("model") / "denoiser.keras"
    small = changed(settings, train__width=4, train__noise_map=True).train
    save(export(architectures.build(small)), path)
    return path


@pytest.fixture(scope="module")
def sets(real):
    return {found.name: found for found in pictures.available(real, 5, 6)}


def test_photographs_that_ssim_can_score_crops_and_drawn_pictures_are_found(sets):
    assert {name: len(found.clean) for name, found in sets.items()} == {
        "photographs": 1,
        "centres": 1,
        "crops": 5,
        "drawn": 6,
    }
    assert sets["photographs"].clean[0].shape == (20, 37, 3)


def test_without_real_pictures_the_drawn_ones_are_left(tmp_path):
    assert [found.name for found in pictures.available(tmp_path, 5, 6)] == ["drawn"]
    assert [found.name for found in pictures.available(None, 5, 6)] == ["drawn"]


@pytest.mark.parametrize("sigma", pictures.SIGMAS)
def test_noise_has_the_named_strength_is_the_same_for_all_and_other_for_each_picture(sets, sigma):
    drawn = sets["drawn"]
    once, again = drawn.noisy(sigma), drawn.noisy(sigma)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one * 255, np.rint(one * 255), atol=1e-4)
    grey = pictures.Set("grey", "", (np.full((64, 64, 3), 0.5, np.float32),) * 2, 1)
    first, second = grey.noisy(sigma)
    assert np.std(first - 0.5) == pytest.approx(sigma, rel=0.1)
    assert not np.array_equal(first, second)


def test_no_noise_leaves_pictures_as_they_are(sets):
    np.testing.assert_array_equal(sets["crops"].noisy(0)[2], sets["crops"].clean[2])


def test_one_of_several_pictures_has_the_noise_that_it_has_among_all(sets):
    some = pictures.every(sets["drawn"], 2)
    assert len(some.clean) == 3
    for one, other in zip(some.noisy(0.1), sets["drawn"].noisy(0.1)[::2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_centre_is_the_middle_of_its_photograph():
    picture = np.random.default_rng(0).random((8, 20, 3), dtype=np.float32)
    centre = pictures.centres(pictures.Set("photographs", "", (picture,), 1), side=10)
    np.testing.assert_array_equal(centre.clean[0], picture[:, 5:15])


def test_scores_are_the_projects_own(sets):
    found = scoring.scores(sets["crops"], 0.1, nothing)
    clean, noisy = np.stack(sets["crops"].clean), np.stack(sets["crops"].noisy(0.1))
    np.testing.assert_allclose(found[:, 0], psnr(clean, noisy))


def test_kept_scores_are_not_measured_again(sets, tmp_path):
    file = tmp_path / "deep" / "kept.json"
    first = scoring.kept(file, "method", sets["crops"], 0.1, nothing)

    def never(noisy, sigma):
        raise AssertionError

    np.testing.assert_array_equal(scoring.kept(file, "method", sets["crops"], 0.1, never), first)
    assert scoring.is_kept(file, "method", sets["crops"], 0.1)
    assert not scoring.is_kept(file, "method", sets["crops"], 0.2)
    with pytest.raises(AssertionError):
        scoring.kept(file, "method", sets["crops"], 0.2, never)
    assert list(json.loads(file.read_text())) == ["method on 5 crops at 0.1"]


def test_non_local_means_of_a_noisy_plain_picture_is_nearer_to_it():
    grey = pictures.Set("grey", "", (np.full((48, 48, 3), 0.5, np.float32),), 1)
    before = scoring.scores(grey, 0.1, nothing)[0, 0]
    assert scoring.scores(grey, 0.1, PEERS["non-local-means"])[0, 0] > before + 6


def test_the_page_has_every_method_and_what_it_was_made_with(real, model, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "MODEL", model)
    monkeypatch.setattr(command, "_OTHERS", {})
    skipped = ["--skip", "bm3d", "--skip", "opencv-non-local-means"]
    sizes = ["--crops", "3", "--drawn", "3"]
    command.main(
        ["--data", str(real), "--model", f"twin={model}", *sizes, *skipped, "--output", str(tmp_path / "P.md")]
    )
    text = (tmp_path / "P.md").read_text()
    for heading in ("## Photographs", "## Centres", "## Crops", "## Drawn"):
        assert heading in text
    rows = [line for line in text.splitlines() if line.startswith(("| noisy", "| non-local", "| shipped", "| twin"))]
    assert len(rows) == 4 * 4
    shipped, twin = (next(row for row in rows if row.startswith(f"| {name}")) for name in ("shipped", "twin"))
    assert shipped.removeprefix("| shipped") == twin.removeprefix("| twin")
    assert f"`{hashlib.sha256(model.read_bytes()).hexdigest()}`" in text
    assert str(tmp_path) not in text


def test_differences_are_taken_picture_by_picture():
    ours = {sigma: np.array([[31.0, 0.9], [33.0, 0.9], [32.0, 0.95]]) for sigma in pictures.SIGMAS}
    theirs = {sigma: np.array([[30.0, 0.9], [32.0, 0.8], [33.0, 0.9]]) for sigma in pictures.SIGMAS}
    text = page.against({"shipped": ours, "bm3d": theirs})
    assert text.count("+0.33 (") == len(pictures.SIGMAS)
    assert text.count("2 of 3") == len(pictures.SIGMAS)
    assert page.against({"shipped": ours}) == ""


def test_what_bfloat16_costs_is_said_at_every_sigma_where_it_was_measured():
    row = {sigma: np.array([[31.0, 0.9], [33.0, 0.9]]) for sigma in (0, *pictures.SIGMAS)}
    less = {sigma: scores - [[0.001, 0], [0.003, 0]] for sigma, scores in row.items()}
    text = page.lost({page.SHIPPED: row, page.BFLOAT16: less})
    assert text.count("| +0.0020 | +0.0030 |") == 1 + len(pictures.SIGMAS)
    assert page.lost({page.SHIPPED: row}) == ""


def test_a_packed_model_is_half_as_large_loads_as_before_and_packs_to_the_same_bytes(settings, tmp_path):
    network = architectures.build(changed(settings, train__width=16, train__noise_map=True).train)
    file = tmp_path / "denoiser.keras"
    save(export(network), file)
    weights, size = load_model(file).get_weights(), file.stat().st_size
    packing.pack(file)
    assert file.stat().st_size < 0.65 * size
    for before, after in zip(weights, load_model(file).get_weights(), strict=True):
        np.testing.assert_array_equal(after, before.astype(np.float16).astype(np.float32))
    once = file.read_bytes()
    packing.pack(file)
    assert file.read_bytes() == once


def test_the_card_names_pictures_terms_scores_and_sha256(model, settings, sets):
    shipped = recipes.applied(settings, card.RECIPE, ROOT / "recipes.yaml")
    rows = {"noisy": {sigma: np.array([[20.0, 0.5]]) for sigma in pictures.SIGMAS}}
    rows["this model"] = {sigma: np.array([[30.0 + sigma, 0.9], [30.006 + sigma, 0.8]]) for sigma in pictures.SIGMAS}
    text = card.card(model, shipped, [(sets["crops"], rows)])
    for said in (
        "danielbuechele",
        "public domain, NASA",
        "make shipped-model",
        "5 of SVHN's test crops",
        "20.00",
        "Apache-2.0",
    ):
        assert said in text
    assert hashlib.sha256(model.read_bytes()).hexdigest() in text
    front = YAML(typ="safe").load(text.split("---\n")[1])
    assert (front["license"], front["tags"][-1]) == ("apache-2.0", "gaussian")
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"]["name"] == "5 of SVHN's test crops, evenly spread, gaussian 0.1"
    assert [metric["value"] for metric in result["metrics"]] == [30.1, 0.85]


def test_what_hugging_face_lists_of_the_shipped_card_stands_in_its_tables():
    _, front, text = card.CARD.read_text().split("---\n", 2)
    results = YAML(typ="safe").load(front)["model-index"][0]["results"]
    tables = [table for table in text.split("\n### ")[1:] if table]
    assert len(results) == len(tables) == 4
    for result, table in zip(results, tables, strict=True):
        psnr, ssim = (metric["value"] for metric in result["metrics"])
        assert f" **{psnr:.2f}** / **{f'{ssim:.4f}'[1:]}** " in table
        assert result["dataset"]["name"].removesuffix(f", gaussian {card.LISTED:g}") in table


@pytest.mark.parametrize(
    ("name", "says"),
    [("gone.keras", "No such file or directory"), ("text.keras", "File is not a zip file"), (".", "Is a directory")],
)
def test_what_cannot_be_packed_is_one_line(name, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(DenoiserError, match=f"{name}: cannot be packed: {says}. Name a .keras file."):
        packing.main([name])
    assert [file.name for file in tmp_path.iterdir()] == ["text.keras"]
