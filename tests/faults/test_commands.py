"""Commands are killed or refused a file, as stages are: the same command again ends with the same result."""

import errno
import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser import mat_format
from svhn_denoiser.tracking.outbox import line
from tests.faults.bits import damaged
from tests.faults.workplace import Ended, Workplace, environment, leftovers, registry

pytestmark = pytest.mark.faults

MODEL = "models/denoiser.keras"


@dataclass(frozen=True)
class Command:
    """A command of `svhn-denoiser`.

    Attributes:
        words: what it is called with.
        result: what it leaves, to compare; None for what it prints.
        before: what the workplace is then.
        codes: how it may end.
    """

    words: tuple[str, ...]
    result: Callable[[Path], Any]
    before: str = "prepared"
    codes: frozenset[int] = frozenset({0})


def below(name: str) -> Callable[[Path], dict[str, bytes]]:
    """The files of a folder, or a file, by name."""

    def read(folder: Path) -> dict[str, bytes]:
        place = folder / name
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read


def page(folder: Path) -> str:
    """The page of `drift`, which says the minute that it was written in, without that."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "then", (folder / "drift.html").read_text(encoding="utf-8"))


def sent(folder: Path) -> Any:
    """What arrived of an outbox, and whether the outbox is gone."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        points = connection.execute("SELECT step, value FROM metrics WHERE key = 'late' ORDER BY step").fetchall()
    return points, list((folder / ".resume/outbox").glob("*.jsonl"))


COMMANDS = {
    "denoise": Command(("denoise", "pictures", "-o", "out", "--model", MODEL, "--overwrite"), below("out")),
    "denoise --compare": Command(
        ("denoise", "pictures", "-o", "out", "--model", MODEL, "--overwrite", "--compare"), below("out")
    ),
    "drift --page": Command(
        ("drift", "new.mat", "--reference", "old.mat", "--model", MODEL, "--page", "drift.html"),
        page,
        codes=frozenset({0, 3}),
    ),
    "export": Command(
        ("export", "--format", "openvino", "--output", "x/denoiser.xml", "--model", MODEL),
        lambda folder: sorted(below("x")(folder)),
    ),
    "registry promote": Command(("registry", "promote", "2"), registry),
    "registry rollback": Command(("registry", "rollback"), registry, before="promoted", codes=frozenset({0, 1})),
    "runs sync": Command(("runs", "sync"), sent),
    "scores": Command(("scores",), lambda folder: below("reports")(folder)),
}


@pytest.fixture(scope="module")
def prepared(workplace: Workplace) -> Workplace:
    """A finished run, pictures of one's own, two versions, and an outbox that waits."""
    workplace.put_back("finished")
    folder = workplace.folder
    rng = np.random.default_rng(5)
    (folder / "pictures").mkdir()
    for name in ("a.png", "b.tif", "c.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / "pictures" / name)
    for name, count in (("old.mat", 240), ("new.mat", 60)):
        crops = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
        mat_format.write(folder / name, crops, np.zeros(count, np.uint8))
    run = json.loads((folder / "reports/run.json").read_text())
    about = {"store": "sqlite:///mlflow.db"}
    records = [line({"metrics": {"late": step / 8}, "step": step, "at": 1000 + step} | about) for step in range(1, 9)]
    outbox = folder / ".resume/outbox" / f"{run['run_id']}.jsonl"
    outbox.parent.mkdir(parents=True, exist_ok=True)
    outbox.write_text("\n".join(records) + "\n")
    # a second version, of other bytes
    code = (
        "from mlflow import MlflowClient; client = MlflowClient('sqlite:///mlflow.db'); "
        "first = client.get_model_version('svhn-denoiser', '1'); "
        "client.create_model_version('svhn-denoiser', first.source, first.run_id, tags={'sha256': 'x'})"
    )
    subprocess.run(["python", "-c", code], cwd=folder, env=environment(), check=True)
    workplace._keep("prepared")
    assert workplace.command("registry", "promote", "2").code == 0
    workplace._keep("promoted")
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=folder, env=environment(), check=True)
    # the promotion sent what was waiting
    outbox.write_text("\n".join(records) + "\n")
    workplace._keep("recorded")
    return workplace


@pytest.fixture(params=COMMANDS)
def whole(prepared: Workplace, request: pytest.FixtureRequest) -> tuple[str, Command, Ended, Any]:
    """A command's name, itself, and how it ends and what it leaves without a fault."""
    command = COMMANDS[request.param]
    prepared.put_back(command.before)
    ended = prepared.command(*command.words)
    assert ended.code in command.codes, ended.output
    return request.param, command, ended, command.result(prepared.folder)


def repeated(workplace: Workplace, command: Command, wanted: Any, first: Ended) -> tuple[bool, bool, str]:
    """Run the command again without a fault: whether all is right, a traceback, what both said."""
    try:
        done = first.code not in {0, 3} or command.result(workplace.folder) == wanted
    except (OSError, ValueError):
        done = False
    if command.words == ("registry", "rollback") and command.result(workplace.folder) == wanted:
        again = first  # a second one would go back by one more
        right = True
    else:
        again = workplace.command(*command.words)
        right = again.code in command.codes and command.result(workplace.folder) == wanted
    right = right and done and not leftovers(workplace.folder)
    said = f"{first.code}: {first.output}\n{again.code}: {again.output}"
    return right, first.traceback or again.traceback, said


def spread(count: int, most: int) -> list[int]:
    """Numbers from 1 to count, at most so many."""
    return sorted({int(number) for number in np.linspace(1, count, min(count, most))}) if count else []


def test_a_kill_between_changes_of_files_costs_nothing(prepared, tallying, whole):
    name, command, ended, wanted = whole
    row = tallying(f"killed before a change of a file, in `svhn-denoiser {name}`")
    for at in spread(ended.changes, 24) or [0]:
        prepared.put_back(command.before)
        first = prepared.command(*command.words, at=at)
        right, traceback, said = repeated(prepared, command, wanted, first)
        row.count(f"change {at}", right=right, traceback=traceback, said=said)


def test_a_kill_at_any_moment_costs_nothing(prepared, tallying, whole):
    name, command, ended, wanted = whole
    row = tallying(f"killed at a moment drawn at random, in `svhn-denoiser {name}`")
    for number in range(6):
        prepared.put_back(command.before)
        first = prepared.command(*command.words, after=max(ended.seconds * (number + 0.5) / 6, 0.01))
        right, traceback, said = repeated(prepared, command, wanted, first)
        row.count(f"moment {number + 1} of 6", right=right, traceback=traceback, said=said)


def test_a_full_disk_is_an_error_in_words_and_costs_nothing(prepared, tallying, whole):
    name, command, ended, wanted = whole
    row = tallying(f"no space for a change of a file, in `svhn-denoiser {name}`")
    for at in spread(ended.changes, 12) or [0]:
        prepared.put_back(command.before)
        first = prepared.command(*command.words, at=at, error=errno.ENOSPC)
        right, traceback, said = repeated(prepared, command, wanted, first)
        row.count(f"change {at}", right=right, traceback=traceback, said=said)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dvc.lock", ("retrain", "--dry-run")),
        ("dvc.yaml", ("retrain", "--dry-run")),
        ("reports/metrics.json", ("scores",)),
        ("reports/baselines.csv", ("scores",)),
        ("mlflow.db", ("registry", "list")),
        (MODEL, ("denoise", "pictures", "-o", "out", "--model", MODEL)),
        ("outbox", ("runs", "sync")),
    ],
)
def test_a_damaged_file_is_no_traceback_and_the_file_put_back_is_read_as_before(prepared, tallying, name, words):
    row = tallying(f"{name} damaged, read by `svhn-denoiser {' '.join(words[:2])}`")
    prepared.put_back("recorded")
    path = next((prepared.folder / ".resume/outbox").glob("*.jsonl")) if name == "outbox" else prepared.folder / name
    wanted = prepared.command(*words)
    whole = (prepared.kept / "recorded" / path.relative_to(prepared.folder)).read_bytes()
    for what, content in damaged(whole, 9, 77):
        prepared.put_back("recorded")
        path.write_bytes(content)
        first = prepared.command(*words)
        row.count(what, right=first.code in {0, 1, 3, 4}, traceback=first.traceback, said=first.output)
    prepared.put_back("recorded")
    again = prepared.command(*words)
    row.count("put back", right=again.code == wanted.code, traceback=again.traceback, said=again.output)
