"""Settings under dotted names, and their values as text."""

import pytest
from ruamel.yaml import YAML

from svhn_denoiser.dotted import as_argument, as_text, differences, flat


def test_nested_settings_get_dotted_names():
    tree = {"seed": 1, "generate": {"noise": {"strength": [0.1, 0.2]}, "noise.kind": "gaussian"}, "none": {}}
    assert flat(tree) == {
        "seed": 1,
        "generate.noise.strength": [0.1, 0.2],
        "generate.noise.kind": "gaussian",
    }


def test_differences_are_named_in_full():
    before = {"train.network": "dncnn", "train": {"epochs": 3}, "gone": 1}
    after = {"train": {"network": "dncnn", "epochs": 4, "flips": True}}
    assert differences(before, after) == {"gone": (1, None), "train.epochs": (3, 4), "train.flips": (None, True)}


@pytest.mark.parametrize("value", [None, True, False, 7, 0.1, 1e-05, "gaussian", [0.1, 0.2], ["median", "wavelet"], []])
def test_a_value_reads_in_yaml_as_what_it_was(value):
    yaml = YAML(typ="safe", pure=True)
    assert yaml.load(as_text(value)) == value
    argument = as_argument(value)
    assert yaml.load(argument) == value
    assert not set(' "') & set(argument)


def test_a_null_and_a_switch_are_written_as_params_yaml_does():
    assert [as_text(value) for value in (None, True, [0.1, None])] == ["null", "true", "[0.1, null]"]
    assert as_argument([0.02, None]) == "[0.02,null]"
