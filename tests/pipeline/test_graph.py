"""The graph itself: each stage depends on exactly the code and the settings that it uses."""

import ast
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from svhn_denoiser import paths
from tests.example_settings import ROOT

PACKAGE = "svhn_denoiser"
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")

# Code that every stage uses and that decides none of their outputs: reading settings, ending with a message, speaking
# to MLflow and git, resuming a training with the same result, showing progress, keeping TensorFlow quiet, waiting for
# another process, and where files are, which the graph says itself.
DECIDES_NOTHING = {
    "errors.py",
    "git.py",
    "locks.py",
    "networks/backend.py",
    "params.py",
    "params_rules.py",
    "params_words.py",
    "paths.py",
    "program.py",
    "tracking/alive.py",
    "tracking/artifacts.py",
    "tracking/dependencies.py",
    "tracking/lineage.py",
    "tracking/location.py",
    "tracking/names.py",
    "tracking/outbox.py",
    "tracking/pages.py",
    "tracking/rights.py",
    "tracking/runs.py",
    "tracking/sqlite_file.py",
    "tracking/store.py",
    "tracking/tags.py",
    "tracking/training_run.py",
    "tracking/views.py",
    "training/progress_line.py",
    "training/resuming.py",
}

# which stages a setting is a parameter of, by the longest prefix that fits
STAGES_OF = {
    "seed": {"download", "generate", "train", "evaluate", "register"},
    "download": {"download"},
    "generate": {"generate"},
    "generate.noise": {"generate", "train", "evaluate"},
    "train": {"train"},
    "train.network": {"train", "evaluate"},
    "evaluate": {"evaluate"},
    "evaluate.bootstrap_samples": {"evaluate", "register"},
    "register": {"register"},
}


def leaves(tree: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def stages_of(setting: str) -> set[str]:
    fitting = [prefix for prefix in STAGES_OF if setting == prefix or setting.startswith(f"{prefix}.")]
    return STAGES_OF[max(fitting, key=len)]


def other(value: object) -> object:
    """Another value of the same type; DVC compares values and asks no more."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case list():
            return value[:-1]
        case _:
            return f"{value}-changed"


@pytest.fixture(scope="module")
def asked(finished, tmp_path_factory) -> Iterator[tuple[Path, Callable[[], set[str]]]]:
    """Settings to change, and what DVC says has changed, by stage: asked in this process, as there is much to ask."""
    from dvc.repo import Repo

    clone = finished.copied(tmp_path_factory.mktemp("graph") / "clone")
    before = Path.cwd()
    os.chdir(clone.folder)
    try:
        yield clone.folder / "params.yaml", lambda: set(Repo(str(clone.folder)).status())
    finally:
        os.chdir(before)


@pytest.mark.parametrize("setting", [name for name, _ in leaves(PARAMS)])
def test_changing_a_setting_changes_exactly_the_stages_that_use_it(setting, asked):
    file, status = asked
    text = file.read_text()
    yaml = YAML()
    tree = yaml.load(text)
    *sections, name = setting.split(".")
    node = tree
    for section in sections:
        node = node[section]
    node[name] = other(node[name])
    try:
        yaml.dump(tree, file)
        assert status() == stages_of(setting)
    finally:
        file.write_text(text)


def test_without_a_change_no_stage_has_changed(asked):
    _, status = asked
    assert status() == set()


@pytest.mark.parametrize("stage", GRAPH["stages"])
def test_deps_name_exactly_the_code_that_the_stage_uses(stage):
    listed = {dep for dep in GRAPH["stages"][stage]["deps"] if dep.startswith((f"{PACKAGE}/", "stages/"))}
    used = {f"stages/{stage}.py"} | {f"{PACKAGE}/{file}" for file in used_files(ROOT / "stages" / f"{stage}.py")}
    missing = {file for file in used if not any(file == dep or file.startswith(f"{dep}/") for dep in listed)}
    assert not missing, "used, but a change of it would not run the stage again"
    idle = {dep for dep in listed if not any(file == dep or file.startswith(f"{dep}/") for file in used)}
    assert not idle, "listed, but not used: a change of it would run the stage for nothing"


def test_the_graph_and_the_code_mean_the_same_files():
    # paths.py is no dependency of any stage, as the graph itself says where its files are
    stages = GRAPH["stages"].values()
    outs = [out for stage in stages for out in (*stage.get("outs", ()), *stage.get("metrics", ()))]
    made = {next(iter(out)) if isinstance(out, dict) else out for out in outs}
    in_the_graph = (
        paths.RAW, paths.SOURCE, paths.NOISY, paths.MODEL, paths.RUN, paths.HISTORY,
        paths.METRICS, paths.BASELINES, paths.IMAGES, paths.REPORT, paths.REGISTRATION,
    )  # fmt: skip
    elsewhere = [path for path in in_the_graph if not {path.as_posix(), path.parent.as_posix()} & made]
    assert not elsewhere


def test_another_version_of_a_library_that_numbers_come_from_runs_again_what_it_decides():
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    command = told[told.index("sed -nE") : told.index("    requirements/lock.txt > requirements/results.txt")]
    expression = shlex.split(command.replace("\\\n", " "))[2]
    made = subprocess.run(
        ["sed", "-nE", expression, "requirements/lock.txt"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "requirements/results.txt").read_text(), "make it again, as CONTRIBUTING.md says"
    assert "tensorflow==" in made.stdout
    depending = {name for name, stage in GRAPH["stages"].items() if "requirements/results.txt" in stage["deps"]}
    assert depending == {"generate", "train", "evaluate"}


def used_files(start: Path) -> set[str]:
    """Files of the package that a file imports, and what those import, less those that decide nothing."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for module in imported(waiting.pop()):
            file = next(
                (path for path in (ROOT / f"{module}.py", ROOT / module / "__init__.py") if path.exists()), None
            )
            if file is None:
                continue
            name = file.relative_to(ROOT / PACKAGE).as_posix()
            if name not in found and name not in DECIDES_NOTHING and file.name != "__init__.py":
                found.add(name)
                waiting.append(file)
    return found


def imported(file: Path) -> Iterator[str]:
    """Modules of the package that a file imports, as paths: `svhn_denoiser/noise`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    hints = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) == "TYPE_CHECKING"
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        if node in hints:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name.replace(".", "/") for name in names if name.split(".")[0] == PACKAGE)
