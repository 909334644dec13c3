"""Drift is seen where it is, and only there: no false alarms on fresh pictures, nor on crops that come in clusters."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.drift_alarms import alterations
from svhn_denoiser import mat_format
from svhn_denoiser.crops import Pictures
from svhn_denoiser.drift import words
from svhn_denoiser.drift.collection import Collection, read, read_training, runs
from svhn_denoiser.drift.comparison import Finding, Sample, check_enough, compare, holm, unusual
from svhn_denoiser.drift.examination import Examination, examine
from svhn_denoiser.drift.features import FEATURES, RESIDUALS, measure, measure_residuals
from svhn_denoiser.drift.page import render
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.pairs import as_float
from svhn_denoiser.sources.synthetic import draw
from tests.html_page import Page
from tests.made_pictures import POSTSCRIPT, png

NAMES = [feature.name for feature in FEATURES]
_NOISY = partial(alterations.noisy, strength=0.1)


def collected(pictures: Pictures, name: str = "some pictures") -> Collection:
    names = [f"{name} {index}" for index in range(len(pictures))]
    return Collection(name, len(pictures), pictures, np.arange(len(pictures)), names)


def sample(values: NDArray[np.float64], origins: NDArray[np.intp] | None = None) -> Sample:
    return Sample(values, np.arange(len(values)) if origins is None else origins)


def drifting(findings: list[Finding]) -> set[str]:
    return {finding.feature.name for finding in findings if finding.state == "drift"}


def named(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.feature.name == name)


@pytest.fixture(scope="module")
def training() -> Pictures:
    return draw(1000, 2021, "training of drift")[0]


@pytest.fixture(scope="module")
def fresh() -> Pictures:
    return draw(200, 2021, "fresh")[0]


@pytest.fixture(scope="module")
def clean_values(training: Pictures) -> NDArray[np.float64]:
    return measure(training)


@pytest.fixture(scope="module")
def noisy_values(training: Pictures) -> NDArray[np.float64]:
    return measure(_NOISY(training))


@pytest.fixture(scope="module")
def examination(training: Pictures, fresh: Pictures) -> Examination:
    """Darker pictures, one of them green."""
    dark = alterations.darker(fresh, 0.5)
    dark[7] = [0, 255, 0]
    return examine(collected(training, "training"), collected(dark, "<dark> & new"), None)


class TestAlarms:
    @pytest.mark.slow
    def test_at_most_one_in_twenty_of_200_fresh_draws_is_a_false_alarm(self, clean_values) -> None:
        values = measure(draw(200 * 30, 2021, "draws")[0]).reshape(200, 30, -1)
        alarms = sum(bool(drifting(compare(sample(clean_values), sample(each), FEATURES))) for each in values)
        assert alarms <= 10

    def test_fresh_pictures_raise_none(self, clean_values, noisy_values, fresh) -> None:
        for values, pictures in ((clean_values, fresh), (noisy_values, _NOISY(fresh))):
            assert not drifting(compare(sample(values), sample(measure(pictures)), FEATURES))

    @pytest.mark.parametrize(
        ("change", "strength", "seen", "said"),
        [
            (alterations.noisy, 0.02, "noise", "noisier"),
            (alterations.darker, 0.5, "brightness", "darker"),
            (alterations.blurred, 1.5, "sharpness", "blurrier"),
            (alterations.other_camera, 1.0, "warmth", "redder"),
            (alterations.partly_black, 0.3, "outliers", "more often extreme"),
        ],
    )
    def test_what_happened_to_clean_pictures_is_seen_and_said(
        self, change, strength, seen, said, clean_values, fresh
    ) -> None:
        findings = compare(sample(clean_values), sample(measure(change(fresh, strength))), FEATURES)
        assert seen in drifting(findings)
        assert words.change(named(findings, seen)) == said

    @pytest.mark.parametrize(
        ("change", "strength", "seen", "said"),
        [
            (None, 0.12, "noise", "noisier"),
            (None, 0.08, "noise", "less noisy"),
            (alterations.darker, 0.5, "brightness", "darker"),
            (alterations.blurred, 2.0, "sharpness", "blurrier"),
        ],
    )
    def test_so_it_is_under_the_noise_of_training(self, change, strength, seen, said, noisy_values, fresh) -> None:
        pictures = _NOISY(change(fresh, strength)) if change else alterations.noisy(fresh, strength)
        findings = compare(sample(noisy_values), sample(measure(pictures)), FEATURES)
        assert seen in drifting(findings)
        assert words.change(named(findings, seen)) == said

    def test_twenty_pictures_are_enough_for_other_noise(self, noisy_values, fresh) -> None:
        findings = compare(sample(noisy_values), sample(measure(alterations.noisy(fresh[:20], 0.15))), FEATURES)
        assert "noise" in drifting(findings)

    def test_a_small_difference_is_significant_among_many_and_tolerated(self, clean_values) -> None:
        rng = np.random.default_rng(1)
        old, new = rng.normal(size=(4000, 2)), rng.normal(size=(4000, 2))
        new[:, 0] += 0.3
        findings = compare(sample(old), sample(new), FEATURES[:2])
        assert findings[0].p < 0.0001
        assert [finding.state for finding in findings] == ["slight", "same", "slight", "same"]

    def test_a_large_difference_among_few_is_perhaps_one(self) -> None:
        rng = np.random.default_rng(1)
        old, new = rng.normal(size=(4000, 1)), rng.normal(size=(60, 1)) + 1
        assert compare(sample(old), sample(new), FEATURES[:1])[0].state == "perhaps"
        new = rng.normal(size=(600, 1)) + 1
        assert compare(sample(old), sample(new), FEATURES[:1])[0].state == "drift"

    def test_the_same_values_differently_combined_are_seen(self) -> None:
        rng = np.random.default_rng(1)
        old, new = rng.normal(size=(2000, 2)), rng.normal(size=(2000, 1)) * [1, 1] + rng.normal(0, 0.1, (2000, 2))
        assert drifting(compare(sample(old), sample(new), FEATURES[:2])) == {"all together"}


class TestCorrection:
    def test_p_values_are_those_of_holm(self) -> None:
        # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])

    def test_the_more_tests_the_lower_is_each_bound(self) -> None:
        rng = np.random.default_rng(1)
        old, new = rng.normal(size=(1000, 10)), rng.normal(size=(1000, 10))
        new[:, 0] += 1
        alone, among = (compare(sample(old[:, :n]), sample(new[:, :n]), FEATURES[:n])[0] for n in (1, 10))
        assert among.statistic == alone.statistic
        assert among.at_least < alone.at_least


class TestClusters:
    """Houses of four crops, all alike: 25 houses tell as much as 25 pictures."""

    @staticmethod
    def houses(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return np.repeat(rng.normal(size=(count, 3)), 4, axis=0) + rng.normal(0, 0.1, (4 * count, 3))

    def test_crops_that_are_alike_count_as_few(self) -> None:
        rng = np.random.default_rng(3)
        for finding in compare(sample(self.houses(500, rng)), sample(self.houses(100, rng)), FEATURES[:3])[:3]:
            assert 70 < finding.independent < 140

    def test_an_order_by_chance_hides_nothing(self) -> None:
        rng = np.random.default_rng(3)
        new = rng.permutation(self.houses(100, rng))
        for finding in compare(sample(self.houses(500, rng)), sample(new), FEATURES[:3])[:3]:
            assert 70 < finding.independent < 140

    def test_they_make_nothing_significant(self) -> None:
        rng = np.random.default_rng(3)
        significant = 0
        for _ in range(100):
            findings = compare(sample(self.houses(300, rng)), sample(self.houses(30, rng)), FEATURES[:3])
            significant += any(finding.p < 0.01 for finding in findings)
        assert significant <= 5

    def test_crops_of_one_picture_count_as_little_more_than_one(self) -> None:
        rng = np.random.default_rng(3)
        crops = np.repeat(rng.normal(size=(20, 3)), 30, axis=0) + rng.normal(0, 0.1, (600, 3))
        new = Sample(crops, np.repeat(np.arange(20), 30))
        for finding in compare(sample(rng.normal(size=(2000, 3))), new, FEATURES[:3])[:3]:
            assert 10 < finding.independent < 40

    def test_halves_of_real_svhn_are_alike_and_drawn_numbers_are_not(self, real_svhn) -> None:
        crops = mat_format.read(real_svhn / "train_32x32.mat")[0][:4000]
        values = measure(crops)
        half = sample(values[:2000])
        assert not drifting(compare(half, sample(values[2000:]), FEATURES))
        assert "all together" in drifting(compare(half, sample(measure(draw(1000, 2021, "train")[0])), FEATURES))


class TestEnough:
    def test_too_few_are_refused_with_the_number_that_is_needed(self) -> None:
        with pytest.raises(
            DenoiserError, match=r"inbox: too few .* 19 crops .* from 19 pictures\. At least 20 crops from 10"
        ):
            check_enough(np.arange(19), "inbox", 20)
        check_enough(np.arange(20), "inbox", 20)

    def test_crops_of_few_pictures_are_no_replacement(self) -> None:
        with pytest.raises(DenoiserError, match="2,700 crops of 32x32 from 9 pictures"):
            check_enough(np.repeat(np.arange(9), 300), "inbox", 20)
        with pytest.raises(DenoiserError, match="not most of them from one"):
            check_enough(np.array([*range(15), *[15] * 300]), "inbox", 20)
        check_enough(np.repeat(np.arange(10), 300), "inbox", 20)


class TestFeatures:
    def test_each_measures_what_its_name_says(self, fresh) -> None:
        before = measure(fresh[:40]).mean(axis=0)

        def rises(name: str, pictures: NDArray[np.float64]) -> bool:
            after = measure(np.clip(pictures, 0, 255).astype(np.uint8)).mean(axis=0)
            return bool(after[NAMES.index(name)] > before[NAMES.index(name)])

        values = fresh[:40].astype(np.float64)
        assert rises("brightness", values + 20)
        assert rises("shadows", values + 20)
        assert rises("contrast", 1.3 * (values - 128) + 128)
        assert rises("highlights", 1.2 * values)
        assert rises("warmth", values * [1.2, 1, 0.8])
        assert rises("tint", values * [0.9, 1.1, 0.9])
        grey = values.mean(axis=3, keepdims=True)
        assert rises("colour range", grey + 1.5 * (values - grey))
        assert rises("noise", values + np.random.default_rng(0).normal(0, 10, values.shape))
        assert not rises("sharpness", alterations.blurred(fresh[:40], 1).astype(np.float64))

    def test_pictures_of_one_colour_have_finite_values(self) -> None:
        flat = np.zeros((3, 32, 32, 3), np.uint8)
        flat[1] = 255
        values = measure(flat)
        assert np.isfinite(values).all()
        assert np.isfinite(measure_residuals(flat, as_float(flat))).all()
        np.testing.assert_allclose(values[:, 0], [0, 1, 0])

    def test_residuals_tell_noise_from_structure(self, fresh) -> None:
        noise = np.random.default_rng(0).normal(0, 0.1, (40, 32, 32, 3)).astype(np.float32)
        size, structure = measure_residuals(np.full((40, 32, 32, 3), 128, np.uint8), np.float32(128 / 255) - noise).T
        np.testing.assert_allclose(size, 0.1, rtol=0.1)
        assert np.abs(structure).max() < 0.1
        # all of the picture
        assert measure_residuals(fresh[:40], np.zeros((40, 32, 32, 3), np.float32))[:, 1].min() > 0.8

    def test_blocks_change_nothing(self, training, clean_values) -> None:
        np.testing.assert_allclose(measure(training[505:520]), clean_values[505:520], rtol=1e-5)


class TestUnusual:
    def test_the_farthest_out_comes_first(self) -> None:
        rng = np.random.default_rng(0)
        old, new = rng.normal(size=(500, 3)), rng.normal(size=(50, 3)) / 2
        new[11, 2], new[30, 1] = 9, -5
        order, feature = unusual(old, new)
        assert order[:2].tolist() == [11, 30]
        assert (feature[11], feature[30]) == (2, 1)


class TestCollection:
    @pytest.fixture
    def folder(self, tmp_path: Path, fresh) -> Path:
        for name, picture in (("2.png", fresh[0]), ("10.png", fresh[1]), ("1.png", np.tile(fresh[2], (3, 2, 1)))):
            Image.fromarray(picture).save(tmp_path / name)
        (tmp_path / ".hidden.png").write_text("hidden")
        (tmp_path / "notes.txt").write_text("notes")
        return tmp_path

    def test_pictures_are_cut_and_stay_in_the_order_of_their_numbers(self, folder, fresh) -> None:
        found = read([folder])
        assert found.origins.tolist() == [0] * 6 + [6, 7]
        assert [Path(name).name for name in found.names] == ["1.png"] * 6 + ["2.png", "10.png"]
        np.testing.assert_array_equal(found.pictures, fresh[[2] * 6 + [0, 1]])
        assert (found.found, found.unreadable) == (3, [])

    def test_files_of_svhns_format_are_read_beside_pictures(self, folder, fresh) -> None:
        mat_format.write(folder / "new.mat", fresh[:5], np.zeros(5, np.uint8))
        found = read([folder / "2.png", folder / "new.mat", folder / "2.png"])
        np.testing.assert_array_equal(found.pictures, fresh[[0, 0, 1, 2, 3, 4]])
        assert found.origins.tolist() == list(range(6))
        assert found.names[3].endswith("new.mat, picture 3")

    def test_no_more_than_the_most_are_looked_at(self, folder, fresh) -> None:
        mat_format.write(folder / "new.mat", fresh, np.zeros(len(fresh), np.uint8))
        found = read([folder / "new.mat"], most=64)
        assert (found.found, len(found.pictures)) == (200, 64)
        np.testing.assert_array_equal(found.pictures, fresh[runs(200, 64)])
        assert np.diff(runs(200, 64)).tolist().count(1) >= 60
        found = read([folder], most=6)
        assert found.origins.tolist() == [0, 0, 2, 3]

    def test_what_would_be_read_wrongly_is_named_and_not_looked_at(self, folder, fresh) -> None:
        frames = [Image.fromarray(picture) for picture in fresh[:3]]
        frames[0].save(folder / "3.gif", save_all=True, append_images=frames[1:])
        Image.fromarray(fresh[0, ..., 0].astype(np.int32) * 1000).save(folder / "4.tiff")
        (folder / "5.png").write_bytes(POSTSCRIPT)
        found = read([folder])
        assert (found.found, len(found.pictures)) == (6, 8)
        reasons = ("it holds 3 pictures", "it holds 32-bit whole numbers", "it is PostScript")
        assert all(reason in error for reason, error in zip(reasons, found.unreadable, strict=True))

    def test_formats_that_are_not_read_are_named(self, folder) -> None:
        (folder / "3.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        shutil.copy(folder / "1.png", folder / "4.nef")
        found = read([folder])
        assert (found.found, len(found.pictures)) == (5, 8)
        reasons = ("it is HEIC", "it is a camera's raw file")
        assert all(reason in error for reason, error in zip(reasons, found.unreadable, strict=True))

    def test_deep_colours_are_rounded_to_8_bits(self, tmp_path: Path, fresh) -> None:
        deep = np.clip(fresh[0].astype(np.int32) * 257 + 100, 0, 65535)
        (tmp_path / "x.png").write_bytes(png(deep))
        np.testing.assert_array_equal(read([tmp_path]).pictures, fresh[:1])

    def test_a_hidden_file_that_is_named_is_read(self, folder, fresh) -> None:
        Image.fromarray(fresh[0]).save(folder / ".hidden.png")
        assert len(read([folder / ".hidden.png"]).pictures) == 1

    def test_a_broken_picture_is_named_and_the_others_are_read(self, folder) -> None:
        (folder / "3.png").write_text("no picture")
        found = read([folder])
        assert len(found.pictures) == 8
        assert len(found.unreadable) == 1
        assert "3.png: this picture cannot be read" in found.unreadable[0]

    def test_what_is_not_there_is_said(self, tmp_path, fresh) -> None:
        with pytest.raises(DenoiserError, match="nowhere: no such file or folder"):
            read([tmp_path / "nowhere"])
        mat_format.write(tmp_path / "new.mat", fresh[:5], np.zeros(5, np.uint8))
        with pytest.raises(DenoiserError, match=r"holds no pictures. It holds new.mat: name the file"):
            read([tmp_path])

    def test_the_pipelines_training_pictures_are_the_noisy_or_the_clean_ones(self, tmp_path, fresh) -> None:
        (tmp_path / "train").mkdir()
        for name, values in (("noisy", 255 - fresh), ("clean", fresh), ("digits", np.zeros(len(fresh), np.uint8))):
            np.save(tmp_path / "train" / f"{name}.npy", values)
        np.testing.assert_array_equal(read_training(tmp_path, clean=True).pictures, fresh)
        np.testing.assert_array_equal(
            read_training(tmp_path, clean=False, most=32).pictures, 255 - fresh[runs(200, 32)]
        )


class TestWords:
    def test_the_headline_says_what_changed_most(self, examination) -> None:
        said = words.headline(examination, None)
        assert said.startswith("Drift. The model was not trained for these: they are ")
        assert "darker" in said or "duller in the lights" in said
        assert words.headline(examination, "the clean ones").startswith(
            "Drift. These pictures are not like the clean ones"
        )

    def test_pictures_as_in_training_are_said_to_be(self, training) -> None:
        found = examine(collected(training), collected(training[::3]), None)
        assert words.headline(found, None) == "No drift. These pictures are like those that the model was trained for."
        assert {words.verdict(finding) for finding in found.findings} == {"as in training"}

    def test_beyond_all_of_training_is_said(self) -> None:
        rng = np.random.default_rng(0)
        noise = FEATURES[NAMES.index("noise")]
        (finding, *_) = compare(sample(rng.random((500, 1))), sample(rng.random((99, 1)) + 2), [noise])
        assert words.verdict(finding) == "typically noisier than any training picture"
        (finding, *_) = compare(sample(rng.random((500, 1))), sample(rng.random((99, 1)) / 5 + 0.75), [noise])
        assert words.verdict(finding).startswith("typically noisier than 8")

    def test_a_wider_spread_around_the_same_middle_is_said(self) -> None:
        old, new = np.random.default_rng(0).normal(size=(2, 2000, 1))
        (finding, *_) = compare(sample(old), sample(9 * new), FEATURES[:1])
        assert words.verdict(finding) == "more varied in brightness than training"

    def test_programs_get_all_of_it(self, examination) -> None:
        told = words.as_json(examination, None, None)
        assert told["drift"] is True
        assert [test["name"] for test in told["tests"]] == [*NAMES, "all together", "outliers"]
        brightness = told["tests"][0]
        assert brightness["state"] == "drift"
        assert brightness["tolerated"] < brightness["at_least"] < brightness["statistic"]
        assert brightness["incoming"] < brightness["training"]
        assert told["unusual"][0]["picture"] == "<dark> & new 7"


class TestPage:
    def test_it_has_the_answer_every_test_and_the_pictures(self, examination) -> None:
        page = Page(render(examination, None, None, "today"))
        assert "The model was not trained for these" in page.text
        assert all(name in page.text for name in (*NAMES, "all together", "outliers"))
        images = page.named("img")
        assert len(images) == len(NAMES) + 1 + 2 * 12
        assert all(image["src"].startswith("data:image/") and image["alt"] for image in images)

    def test_names_are_text_and_nothing_else_is_fetched(self, examination) -> None:
        examination.incoming.unreadable.append("<script>alert(1)</script>: cannot be read")
        text = render(examination, None, "<b>model</b>", "today")
        examination.incoming.unreadable.clear()
        page = Page(text)
        assert "<script>alert(1)</script>: cannot be read" in page.text
        assert not page.named("script")
        assert len(page.named("b")) == 12
        assert "http" not in text.replace("http-equiv", "")

    def test_the_same_examination_makes_the_same_page(self, examination) -> None:
        assert render(examination, None, None, "today") == render(examination, None, None, "today")


def test_with_a_model_what_it_takes_away_is_tested_too(training, fresh) -> None:
    findings = examine(collected(training), collected(fresh), lambda pictures: pictures * np.float32(0.9)).findings
    assert [finding.feature for finding in findings[:12]] == [*FEATURES, *RESIDUALS]


@pytest.mark.parametrize("alteration", [*alterations.SCENE, *alterations.ADDED_NOISE], ids=lambda each: each.name)
def test_the_benchmarks_alterations_grow_with_their_strength(alteration, fresh) -> None:
    few = fresh[:40].astype(int)
    changes = [np.abs(alteration.change(fresh[:40], each).astype(int) - few).mean() for each in alteration.strengths]
    assert changes == sorted(changes)
