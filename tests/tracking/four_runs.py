"""Four real runs to compare: the committed settings, another width, the 2021 network, and a blind network.

`python -m tests.tracking.four_runs` in a clone, after `prepare`. Each goes through the stages themselves, in one
process: TensorFlow takes 6 s to import.
"""

from pathlib import Path

from ruamel.yaml import YAML

from tests.pipeline.clone import SMALL, Clone

_CHANGES: tuple[dict[str, object], ...] = (
    {},
    {"train.width": 24},
    {"train.network": "autoencoder-2021"},
    {"generate.noise.strength": [0.02, 0.3], "train.noise_map": True},
)
_SETTINGS = SMALL | {
    "download.synthetic.train": "200",
    "train.epochs": "3",
    "evaluate.noise_kinds": "[gaussian]",
    "evaluate.noise_levels": "[0.1]",
}


def prepare(folder: Path) -> Clone:
    """A clone whose committed settings make small runs."""
    clone = Clone(folder)
    clone.set(**{name.replace(".", "__"): value for name, value in _SETTINGS.items()})
    clone.commit("Small settings")
    return clone


def main() -> None:
    """Make the runs in the working folder; its settings are as before afterwards."""
    from stages import download, evaluate, generate, register, train

    file = Path("params.yaml")
    committed = file.read_text(encoding="utf-8")
    download.main()
    for changes in _CHANGES:
        file.write_text(committed, encoding="utf-8")
        _change(file, changes)
        for stage in (generate, train, evaluate, register):
            stage.main()
    file.write_text(committed, encoding="utf-8")


def _change(file: Path, changes: dict[str, object]) -> None:
    yaml = YAML()
    tree = yaml.load(file)
    for name, value in changes.items():
        section, *between, last = name.split(".")
        node = tree[section]
        for part in between:
            node = node[part]
        node[last] = value
    yaml.dump(tree, file)


if __name__ == "__main__":
    main()
