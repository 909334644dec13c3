"""The house: imports run downward, files and functions stay small, and a wing's door imports nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_settings import ROOT

PACKAGE = ROOT / "svhn_denoiser"
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# from the top of the house to its foundations: a room imports from its own floor and from those below
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("retraining",),
    ("comparison",),
    ("drift",),
    ("denoising",),
    ("moving",),
    ("registry",),
    ("tracking",),
    ("report",),
    ("training",),
    ("evaluation",),
    ("networks",),
    ("generation",),
    ("noise",),
    ("pairs",),
    ("sources",),
    ("mat_format",),
    ("mat_elements",),
    ("params_command",),
    ("recipes",),
    ("params",),
    ("params_rules",),
    ("params_words",),
    ("picture_files",),
    ("picture_depth", "picture_notes"),
    ("git", "program", "terminal", "files", "paths", "dotted", "locks", "markdown", "causes"),
    ("credentials",),
    ("errors", "crops"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# what a test waits for
WAITING = ("subprocess.run", ".communicate", ".wait", "mark.timeout")

MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 60


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere, hints for the type checker included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                path = ROOT / whole.replace(".", "/")
                yield whole if path.is_dir() or path.with_suffix(".py").exists() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def below_the_package(file: Path) -> set[str]:
    prefix = "svhn_denoiser."
    return {module.removeprefix(prefix) for module in imported(file) if module.startswith(prefix)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_run_downward(file):
    if file == PACKAGE / "__init__.py":
        return
    here = room(file)
    wrong = {module for module in below_the_package(file) if FLOOR[module.split(".")[0]] < FLOOR[here]}
    beside = {
        module
        for module in below_the_package(file)
        if FLOOR[module.split(".")[0]] == FLOOR[here] and module.split(".")[0] != here
    }
    assert not wrong | beside


def test_every_room_has_a_floor():
    assert {room(file) for file in FILES} - {"__init__"} == set(FLOOR)


def test_no_circle_of_files():
    graph = {
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): below_the_package(file)
        for file in FILES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' → '.join([*path[path.index(module) :], module])}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("door", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda door: door.parent.name)
def test_a_wings_door_is_its_description_and_nothing_else(door):
    tree = ast.parse(door.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_files_and_functions_stay_small(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_what_tests_share_is_in_modules_of_its_own(file):
    modules = {module.rpartition(".")[2] for module in imported(file) if module.startswith("tests.")}
    assert not {module for module in modules if module == "conftest" or module.startswith("test_")}


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_test_has_a_time_limit_that_a_slow_machine_breaks(file):
    """Only pytest's own ends what hangs, and tests/patience.py says how long "soon" is."""
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    waiting = [call for call in calls if ast.unparse(call.func).endswith(WAITING)]
    given = [(call, call.args[:1]) for call in waiting if not ast.unparse(call.func).endswith("run")]
    given += [(call, [each.value for each in call.keywords if each.arg == "timeout"]) for call in waiting]
    limits = [ast.unparse(call) for call, values in given for value in values if isinstance(value, ast.Constant)]
    assert [limit for limit in limits if "timeout=None" not in limit] == []


def test_nothing_in_the_package_imports_the_stages():
    assert not [file for file in FILES if any(module.startswith("stages") for module in imported(file))]
