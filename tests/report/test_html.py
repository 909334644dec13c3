"""The report page: complete, self-contained, safe with any text, and the same for the same run."""

import base64
import json
import os
import re
import subprocess
import sys

import pytest

from svhn_denoiser.report import gallery, html
from tests.example_settings import ROOT
from tests.html_page import Page
from tests.report.example_scores import scores

OPTIONAL = {
    "history": "Training",
    "noise_levels": "Other strengths of noise",
    "noise_kinds": "Other kinds of noise",
    "digits": "By digit",
    "baselines": "Compared with classical denoisers",
    "exhibits": "Pictures",
}


def test_the_headline_has_scores_gain_and_intervals(parts):
    text = Page(html.render(**parts)).text
    for figure in ("33.41", "33.30 to 33.53", "+13.20", "from 20.21 dB", "0.952", "0.950 to 0.954", "1,952"):
        assert figure in text


def test_every_part_of_the_run_is_on_the_page(parts):
    page = Page(html.render(**parts))
    assert set(OPTIONAL.values()) <= set(page.headings)
    assert len(page.named("img")) == 3 + 4 * 3
    for fact in ("gaussian noise of strength 0.1", "epoch 2", "31.64", "gaussian-blur", "531b09029018", "4be1f0c7d29a"):
        assert fact in page.text


def test_date_commit_hashes_and_settings_are_those_that_the_training_recorded(parts):
    text = Page(html.render(**parts)).text
    assert "Trained 2026-11-25 23:49:12 UTC at commit 8c20aa3 with changes, with train.width = 24." in text
    for fact in ("8c20aa3d4f, with changes that were not committed", "d41d8cd98f", "900150983c", "5e884898da"):
        assert fact in text
    assert "All 4 settings" in text
    for line in ("train.deterministic true", "evaluate.noise_levels [0.1, 0.2]"):
        assert line in text
    parts["run"]["training"]["changed"] = {}
    assert "with the committed settings" in Page(html.render(**parts)).text
    # neither git nor a record of an older training
    parts["run"]["training"] = {"started": "2026-11-25 23:49:12 UTC", "changed": None}
    assert "Trained 2026-11-25 23:49:12 UTC." in Page(html.render(**parts)).text
    del parts["run"]["training"]
    assert "Trained" not in Page(html.render(**parts)).text


def test_methods_are_listed_best_first(parts):
    text = Page(html.render(**parts)).text
    table = text[text.index("Mean scores of each method") :]
    assert table.index("residual-unet") < table.index("gaussian-blur") < table.index("noisy")


def test_rows_may_be_text_as_a_csv_file_has_them(parts):
    as_text = dict(parts)
    for name in ("history", "noise_levels", "noise_kinds", "digits", "baselines"):
        as_text[name] = [{key: str(value) for key, value in row.items()} for row in parts[name]]
    assert html.render(**as_text) == html.render(**parts)


def test_a_range_of_strengths_is_named(parts):
    parts["metrics"]["noise"]["strength"] = [0.05, 0.2]
    assert "gaussian noise of strengths from 0.05 to 0.2" in Page(html.render(**parts)).text


def test_read_noise_is_named_with_the_noise_that_has_it(parts):
    parts["metrics"]["noise"] = {"kind": "poisson-gaussian", "strength": 0.1, "read_sigma": 0.02}
    assert "poisson-gaussian noise of strength 0.1, read noise 0.02" in Page(html.render(**parts)).text


def test_kinds_of_noise_are_a_table_of_kinds_and_strengths(parts):
    parts["noise_kinds"][1]["denoised_psnr"] = 31.27
    text = Page(html.render(**parts)).text
    assert "kind 0.05 0.1 gaussian 20.2 → 33.4 20.2 → 31.3 jpeg 20.2 → 33.4 20.2 → 33.4" in text


def test_what_is_left_of_clean_pictures_and_self_ensemble_are_said_where_they_were_scored(parts):
    assert "self-ensemble" not in Page(html.render(**parts)).text.lower()
    parts["metrics"] |= {"clean": {"psnr": 45.678, "ssim": 0.9987}, "self_ensemble": scores(33.55, 0.9528)}
    text = Page(html.render(**parts)).text
    assert "it reaches 45.68 dB (SSIM 0.9987)" in text
    assert "with self-ensemble 33.55 33.44 to 33.67" in text
    assert "33.41" in text[: text.index("self-ensemble")]


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_part_that_is_empty_is_left_out(parts, name):
    parts[name] = type(parts[name])()
    headings = Page(html.render(**parts)).headings
    assert OPTIONAL[name] not in headings
    assert set(OPTIONAL.values()) - {OPTIONAL[name]} <= set(headings)


def test_scores_alone_make_a_page(parts):
    metrics = {name: {"psnr": parts["metrics"][name]["psnr"], "ssim": 0.5} for name in ("noisy", "denoised")}
    page = Page(html.render(metrics, [], [], [], [], [], {}, {}))
    assert "33.41" in page.text
    assert page.headings == ["What the numbers mean"]


def test_nothing_is_loaded_from_anywhere_else(parts):
    text = html.render(**parts)
    page = Page(text)
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "object", "base", "a"} == set()
    assert page.named("script") == [{}, {}]
    resources = [attributes["src"] for attributes in page.named("img")]
    assert all(resource.startswith("data:image/") for resource in resources)
    assert re.search(r"https?://|@import|url\(", text) is None
    # no other script runs than these, and none where there are no pictures
    policy = next(tag["content"] for tag in page.named("meta") if tag.get("http-equiv"))
    alone = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert policy == f"{alone}; script-src {gallery.SCRIPT_SOURCE}"
    parts["exhibits"] = []
    page = Page(html.render(**parts))
    assert page.named("script") == []
    assert alone in [tag.get("content") for tag in page.named("meta")]


def test_charts_inside_the_page_refer_to_themselves_alone(parts):
    sources = [attributes["src"] for attributes in Page(html.render(**parts)).named("img")]
    drawn = [base64.b64decode(source.partition(",")[2]).decode() for source in sources if "svg+xml" in source]
    assert len(drawn) == 3
    for chart in drawn:
        addresses = re.findall(r"https?://[^\"' ]+", chart)
        assert set(addresses) == {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
        assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', chart))


def test_hostile_text_stays_text(parts):
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>$\\frac{$'
    parts["metrics"]["network"] = hostile
    parts["metrics"]["noise"]["kind"] = hostile
    parts["baselines"].append({"method": hostile, "psnr": 25, "ssim": 0.6})
    parts["run"][hostile] = hostile
    parts["worst"] = hostile
    parts["run"]["training"] |= {"git_commit": hostile, "started": hostile, "settings": {hostile: {hostile: hostile}}}
    parts["source"]["from"] = {hostile: hostile}
    page = Page(html.render(**parts))
    assert page.named("script") == [{}, {}]
    assert all(set(attributes) <= {"src", "alt", "width", "height"} for attributes in page.named("img"))
    assert page.text.count("<script>alert(1)</script>") >= 6


def test_a_password_in_an_address_is_not_printed(parts):
    parts["run"]["tracking_uri"] = "https://me:s3cret@tracking.example:5000/base?x=1"
    text = html.render(**parts)
    assert "s3cret" not in text
    assert "https://tracking.example:5000/base?x=1" in text


def test_pictures_have_alternative_text_and_tables_have_heads(parts):
    page = Page(html.render(**parts))
    assert all(len(attributes["alt"]) > 15 for attributes in page.named("img"))
    assert all(attributes.get("scope") in {"row", "col"} for attributes in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    assert page.named("html") == [{"lang": "en"}]


def test_another_process_writes_the_same_page(parts):
    code = (
        "import json, sys; from svhn_denoiser.report import html;"
        "sys.stdout.buffer.write(html.render(**json.load(sys.stdin)).encode())"
    )
    del parts["exhibits"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    theirs = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        input=json.dumps(parts).encode(),
        capture_output=True,
        check=True,
    )
    assert theirs.stdout.decode() == html.render(**parts)
