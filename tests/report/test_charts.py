"""Charts: well-formed SVG that follows light and dark, the same bytes each time, for few and odd rows too."""

import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib import rcdefaults, rcParams

from svhn_denoiser.report import charts

DIFFERENCES = [{"name": digit, "difference": 0.1, "low": -0.1, "high": 0.3} for digit in range(10)]


@pytest.fixture
def drawn(parts):
    return {
        "training": charts.training_curve(parts["history"]),
        "noise levels": charts.noise_levels(parts["noise_levels"], (0.1, 0.1)),
        "methods": charts.methods(parts["baselines"], "residual-unet"),
        "differences": charts.differences(DIFFERENCES),
    }


def test_charts_are_well_formed_svg(drawn):
    for chart in drawn.values():
        assert ElementTree.fromstring(chart).tag == "{http://www.w3.org/2000/svg}svg"


def test_charts_take_the_readers_text_colour(drawn):
    for chart in drawn.values():
        assert chart.count(b"currentColor") > 5
        assert b"prefers-color-scheme:dark" in chart
        assert b"#010203" not in chart
        assert b"#000000" not in chart
        assert b"#ffffff" not in chart


def test_charts_have_no_date(drawn):
    for chart in drawn.values():
        assert b"metadata" not in chart


def test_the_same_rows_give_the_same_bytes_whatever_matplotlib_is_set_to(drawn, parts):
    rcParams["axes.grid"] = True  # as a user's matplotlibrc may say
    try:
        again = charts.methods(parts["baselines"], "residual-unet")
    finally:
        rcdefaults()
    assert again == drawn["methods"]


def test_the_order_of_the_rows_does_not_matter(drawn, parts):
    assert charts.noise_levels(parts["noise_levels"][::-1], (0.1, 0.1)) == drawn["noise levels"]
    assert charts.methods(parts["baselines"][::-1], "residual-unet") == drawn["methods"]


def test_the_networks_bar_stands_out(drawn):
    assert drawn["methods"].count(b"fill: #2f7fd6") == 1
    assert drawn["methods"].count(b"fill: #98a0ab") == 2


def test_one_row_is_enough(parts):
    for chart in (
        charts.training_curve(parts["history"][:1]),
        charts.noise_levels(parts["noise_levels"][:1]),
        charts.methods(parts["baselines"][:1], "none of them"),
        charts.differences(DIFFERENCES[:1]),
    ):
        assert ElementTree.fromstring(chart) is not None


def test_a_loss_below_zero_is_drawn_too(parts):
    # the loss `psnr` is negative, which a logarithmic axis could not show
    rows = [row | {"loss": -30 - row["epoch"]} for row in parts["history"]]
    assert ElementTree.fromstring(charts.training_curve(rows)) is not None
