"""`--set`: what is read, what is refused, and what becomes of params.yaml."""

import pytest

from svhn_denoiser.retraining import chosen_settings
from svhn_denoiser.retraining.result import WrongUsageError
from tests.example_settings import EXAMPLE


def test_values_are_yaml_and_a_list_of_them_is_a_sweep() -> None:
    assert chosen_settings.combinations([]) == [{}]
    assert chosen_settings.combinations(["train.epochs=60", "generate.noise.strength=[0.1, 0.2]"]) == [
        {"train.epochs": 60, "generate.noise.strength": [0.1, 0.2]}
    ]
    assert chosen_settings.combinations(["train.loss=mse,l1", "train.gradient_clip=null,1.0", "seed=7"]) == [
        {"train.loss": loss, "train.gradient_clip": clip, "seed": 7} for loss in ("mse", "l1") for clip in (None, 1.0)
    ]


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        (["train.epochs"], "expected KEY=VALUE"),
        (["=3"], "expected KEY=VALUE"),
        (["train.epochs="], "there is no value"),
        (["train.epochs=[1"], "not valid YAML"),
        (["train.epochs=" + "9" * 5000], "not valid YAML"),
        (["train.epochs=" + "[" * 5000], "not valid YAML"),
        (["train.epochs=1", "train.epochs=2"], "is given twice"),
        (["generate.noise.strength=0.1,0.2"], "only settings of train can be swept"),
        (["train.epochs=1,2,3,4,5", "train.width=4,8,12,16"], "20 combinations are asked for; 16 at the most"),
    ],
)
def test_what_makes_no_sense_is_refused(chosen: list[str], complaint: str) -> None:
    with pytest.raises(WrongUsageError, match=complaint):
        chosen_settings.combinations(chosen)


def test_only_the_chosen_setting_changes_in_the_file() -> None:
    text = EXAMPLE.read_text()
    before, after = text.splitlines(), chosen_settings.with_settings(text, {"train.epochs": 60}).splitlines()
    assert [line for line in after if line not in before] == ["  epochs: 60"]
    assert len(before) == len(after)
    assert chosen_settings.with_settings(text, {}) == text
    with pytest.raises(WrongUsageError, match="epochs is a setting, not a section"):
        chosen_settings.with_settings(text, {"train.epochs.first": 60})
