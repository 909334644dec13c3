"""The settings that tests begin with, and some of them changed."""

from pathlib import Path

from svhn_denoiser.params import Params

ROOT = Path(__file__).parents[1]

# not params.yaml, whose values a retraining may change
EXAMPLE = ROOT / "tests" / "params.yaml"


def changed(settings: Params, **changes: object) -> Params:
    """Settings with some changed: `changed(settings, train__epochs=3)`."""
    tree = settings.model_dump(by_alias=True)
    for path, value in changes.items():
        *sections, name = path.split("__")
        node = tree
        for section in sections:
            node = node[section]
        assert name in node, f"{path} is no setting"
        node[name] = value
    return Params.model_validate(tree)
