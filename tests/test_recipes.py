"""Named settings: all good, and refused where they are not."""

import pytest

from svhn_denoiser import params, recipes
from svhn_denoiser.errors import DenoiserError
from tests.command_line import program
from tests.example_settings import ROOT

FILE = ROOT / "recipes.yaml"


@pytest.mark.parametrize("name", recipes.load(FILE))
def test_every_recipe_makes_good_settings_and_changes_only_what_it_names(name, settings):
    recipe = recipes.find(name, FILE)
    made = recipes.applied(settings, name, FILE).model_dump(by_alias=True)
    before = settings.model_dump(by_alias=True)
    for key, value in recipe.settings.items():
        *sections, last = key.split(".")
        old, new = before, made
        for section in sections:
            old, new = old[section], new[section]
        assert new[last] == value != old[last], f"{key} is as in params.yaml: leave it out"
        new[last] = old[last]
    assert made == before


def write(tmp_path, text):
    (tmp_path / "recipes.yaml").write_text(text)
    return tmp_path / "recipes.yaml"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("{train.epoch: 3}", "train.epoch: no such setting"),
        ("{training.epochs: 3}", "training.epochs: no such setting"),
        ("{train: 3}", "train: no such setting"),
        ("{train.epochs: many}", "train.epochs = 'many'"),
        ("{train.epochs: 0}", "train.epochs = 0"),
        ("{generate.noise.kind: jpeg, generate.noise.strength: 1.0}", "quality"),
    ],
)
def test_a_wrong_setting_in_a_recipe_is_refused_by_name(changes, says, tmp_path, settings):
    path = write(tmp_path, f"mine:\n  about: mine\n  settings: {changes}\n")
    with pytest.raises(DenoiserError, match=says) as caught:
        recipes.applied(settings, "mine", path)
    assert "mine" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- long", "long: 3", "long:\n  settings: {}", "long: [", "long:\n  about: 3"])
def test_a_file_that_holds_no_recipes_is_refused(text, tmp_path):
    with pytest.raises(DenoiserError, match="holds no recipes"):
        recipes.load(write(tmp_path, text))


def test_an_unknown_name_says_what_there_is(tmp_path):
    with pytest.raises(DenoiserError, match="no recipe is called lang; there are long, wide, blind"):
        recipes.find("lang", FILE)
    with pytest.raises(DenoiserError, match="no such file"):
        recipes.load(tmp_path / "recipes.yaml")


def test_the_options_of_a_recipe_are_what_dvc_takes():
    done = program("params", "recipe", "sensor", folder=ROOT)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == "-S generate.noise.kind=sensor -S generate.noise.strength=[0.01,0.3] -S train.noise_map=true\n"
    )


def test_values_are_written_without_blanks_and_as_yaml():
    recipe = recipes.Recipe(about="", settings={"a.b": [0.1, 2], "c": None, "d": True, "e": "gpu"})
    assert recipe.options()[1::2] == ["a.b=[0.1,2]", "c=null", "d=true", "e=gpu"]


def test_all_recipes_are_listed():
    listed = program("params", "recipe", folder=ROOT).stdout
    for name in recipes.load(FILE):
        assert name in listed
    refused = program("params", "recipe", "lang", folder=ROOT)
    assert refused.returncode == 1
    assert "no recipe is called lang" in refused.stderr


def test_a_changed_setting_leaves_the_others(settings):
    made = params.changed(settings, {"train.epochs": 3})
    assert made.train.epochs == 3
    assert made.model_copy(update={"train": settings.train}) == settings
