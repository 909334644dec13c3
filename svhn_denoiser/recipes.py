"""Named settings: recipes.yaml, what each is for and where it differs from params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.dotted import as_argument
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import Params, changed
from svhn_denoiser.paths import RECIPES


class Recipe(BaseModel):
    """One entry of recipes.yaml.

    Attributes:
        about: what it is for, in a sentence.
        settings: values by dotted key; all others stay as they are.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    about: str
    settings: dict[str, Any]

    def options(self) -> list[str]:
        """What `dvc exp run` is given for it: `-S train.epochs=60 …`; no value has a blank in it."""
        return [part for key, value in self.settings.items() for part in ("-S", f"{key}={as_argument(value)}")]


def load(path: Path = RECIPES) -> Mapping[str, Recipe]:
    """All recipes by name.

    Raises:
        DenoiserError: the file is missing or is no list of recipes.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return {str(name): Recipe.model_validate(recipe) for name, recipe in tree.items()}
    except FileNotFoundError:
        raise DenoiserError(
            f"{path}: no such file. Run this in the project's folder, or restore it from git."
        ) from None
    except (OSError, UnicodeDecodeError, YAMLError, ValidationError, AttributeError) as error:
        raise DenoiserError(f"{path}: holds no recipes, each with `about` and `settings`: {error}") from None


def find(name: str, path: Path = RECIPES) -> Recipe:
    """One recipe.

    Raises:
        DenoiserError: there is none of that name, or as in `load`.
    """
    recipes = load(path)
    if name not in recipes:
        raise DenoiserError(f"{path}: no recipe is called {name}; there are {', '.join(recipes)}.")
    return recipes[name]


def applied(settings: Params, name: str, path: Path = RECIPES) -> Params:
    """Settings with a recipe's changes.

    Raises:
        DenoiserError: as in `find`, or what it changes is no setting or has a wrong value.
    """
    return changed(settings, find(name, path).settings, f"{path}, {name}")
