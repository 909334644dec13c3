"""A clone of the repository, small enough that all five stages run in a minute."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from tests.example_settings import ROOT

SMALL = {
    "download.source": "synthetic",
    "download.synthetic.train": "80",
    "download.synthetic.test": "24",
    "train.width": "8",
    "train.epochs": "2",
    "train.batch_size": "16",
    "evaluate.noise_levels": "[0.05,0.1]",
    "evaluate.noise_level_pictures": "12",
    "evaluate.baselines": "[gaussian-blur,median]",
    "evaluate.baseline_pictures": "12",
    "evaluate.bootstrap_samples": "100",
    "evaluate.shown_pictures": "2",
    # two epochs on 72 pictures teach little
    "register.gate.min_psnr_over_noisy": "-100.0",
}


class Clone:
    """A git repository with this working tree as its one commit, and its own DVC cache and MLflow store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.run("git", "init", "--quiet", "--initial-branch=main")
        self.run("git", "config", "user.name", "Test")
        self.run("git", "config", "user.email", "test@localhost")
        self.commit("The working tree")

    @classmethod
    def at(cls, folder: Path) -> "Clone":
        """One that is there already."""
        clone = object.__new__(cls)
        clone.folder = folder
        return clone

    def copied(self, folder: Path) -> "Clone":
        """A copy without the store: that holds the address of the artifacts, which a copy elsewhere would not find."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", "tmp"))
        return self.at(folder)

    def json(self, *command: str) -> Any:
        """What a command prints as JSON, its warnings aside."""
        done = subprocess.run(
            [*command, "--json"], cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def read(self, name: str) -> Any:
        """A JSON file of the clone."""
        return json.loads((self.folder / name).read_text())

    def mlflow(self) -> MlflowClient:
        """A client of the clone's own store."""
        return MlflowClient(f"sqlite:///{self.folder}/mlflow.db")

    def run(self, *command: str, expect: int = 0, **environment: str) -> str:
        """Run a command in the clone; its output, standard error included."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def environment(self, **more: str) -> dict[str, str]:
        """As a person's shell has it; without coverage, with which every stage would start in twice the time."""
        others = ("COVERAGE_", "DVC_", "MLFLOW_")
        ours = {key: value for key, value in os.environ.items() if not key.startswith(others)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
        ours.pop("PYTHONDONTWRITEBYTECODE", None)  # as on most machines: bytecode must not count as a change
        return ours | {"PATH": path, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | more

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def set(self, **changes: str) -> None:
        """Change settings in params.yaml: `set(train__epochs="3")`."""
        from ruamel.yaml import YAML

        yaml = YAML()
        tree = yaml.load(self.folder / "params.yaml")
        for path, value in changes.items():
            *sections, name = path.split("__")
            node = tree
            for section in sections:
                node = node[section]
            assert name in node
            node[name] = YAML(typ="safe").load(value)
        yaml.dump(tree, self.folder / "params.yaml")

    def repro(self) -> list[str]:
        """`dvc repro`; the stages that really ran."""
        output = self.run("dvc", "repro")
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
