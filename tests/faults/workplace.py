"""A tiny clone of the repository that is put back for each try, and what its stages make when nothing goes wrong."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.example_settings import ROOT
from tests.pipeline.clone import SMALL, Clone

STAGES = ("download", "generate", "train", "evaluate", "register")
TINY = SMALL | {
    "download.synthetic.train": "20",
    "download.synthetic.test": "10",
    "train.width": "4",
    "evaluate.noise_levels": "[0.1]",
    "evaluate.noise_level_pictures": "4",
    "evaluate.noise_kinds": "[gaussian]",
    "evaluate.noise_kind_pictures": "4",
    "evaluate.baselines": "[median]",
    "evaluate.baseline_pictures": "4",
    "evaluate.shown_pictures": "1",
}

# what names a run or a time differs; all else has to be equal to the byte
RESULTS = {
    "download": ("data/raw",),
    "generate": ("data/noisy",),
    "train": ("models/denoiser.keras", "reports/history.csv"),
    "evaluate": (
        "reports/metrics.json",
        "reports/baselines.csv",
        "reports/digits.csv",
        "reports/images",
        "reports/noise_kinds.csv",
        "reports/noise_levels.csv",
    ),
    "register": (),
}
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or less the signal that ended it, and all it printed."""

    code: int
    output: str
    changes: int = 0
    seconds: float = 0.0

    @property
    def traceback(self) -> bool:
        return TRACEBACK in self.output


class Zygote:
    """The process that commands are forked from."""

    def __init__(self, scratch: Path, environment: Mapping[str, str]) -> None:
        self.scratch = scratch
        command = [sys.executable, "-m", "tests.faults.zygote"]
        with (scratch / "zygote.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.answer()

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        assert line, (self.scratch / "zygote.log").read_text()
        return json.loads(line)

    def begin(self, *command: str, folder: Path, environment: Mapping[str, str] = {}, **fault: Any) -> int:
        """Start a command; the number of its process, which leads a group of its own."""
        self.count, self.output = self.scratch / "count", self.scratch / "output"
        self.count.unlink(missing_ok=True)
        order = {
            "command": command,
            "folder": str(folder),
            "watched": str(folder),
            "environment": {"TMPDIR": str(self.scratch), **environment},
            "output": str(self.output),
            "count": str(self.count),
            "limits": {},
            "at": 0,
            "error": 0,
            "after": 0,
            "unprivileged": False,
        }
        assert set(fault) <= set(order), fault
        self.process.stdin.write(json.dumps(order | fault) + "\n")
        self.process.stdin.flush()
        return int(self.answer()["process"])

    def end(self) -> Ended:
        """Wait for the command that was started."""
        code = self.answer()["code"]
        counted = json.loads(self.count.read_text()) if self.count.exists() else {}
        return Ended(code, self.output.read_text(encoding="utf-8", errors="replace"), **counted)

    def run(self, *command: str, folder: Path, **fault: Any) -> Ended:
        """Run a command to its end: `limits`, `at`, `error`, `after`, `unprivileged` are the fault in it."""
        self.begin(*command, folder=folder, **fault)
        return self.end()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Workplace:
    """The clone at `folder`; what it was before each stage is kept beside it."""

    def __init__(self, scratch: Path, zygote: Zygote, database: Path) -> None:
        self.zygote = zygote
        self.folder, self.kept = scratch / "work", scratch / "kept"
        self.folder.mkdir()
        self.kept.mkdir()
        clone = Clone(self.folder)
        clone.set(**{key.replace(".", "__"): value for key, value in TINY.items()})
        clone.commit("Tiny settings")
        # a fresh store takes seconds to make
        shutil.copy(database, self.folder / "mlflow.db")
        self.whole: dict[str, Ended] = {}
        for stage in STAGES:
            self._keep(f"before-{stage}")
            self.whole[stage] = self.stage(stage)
            assert self.whole[stage].code == 0, self.whole[stage].output
        self._keep("finished")
        self.wanted = {stage: self.results(stage) for stage in STAGES}

    def _keep(self, name: str) -> None:
        shutil.copytree(self.folder, self.kept / name, symlinks=True)

    def put_back(self, name: str) -> None:
        """What it was `before-STAGE`, or `finished`: at its place, as the store names absolute paths."""
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)
        shutil.copytree(self.kept / name, self.folder, symlinks=True)

    def stage(self, name: str, **fault: Any) -> Ended:
        """Run a stage in it."""
        return self.zygote.run(f"stages.{name}", folder=self.folder, **fault)

    def command(self, *arguments: str, **fault: Any) -> Ended:
        """Run `svhn-denoiser` in it."""
        return self.zygote.run("svhn_denoiser", *arguments, folder=self.folder, **fault)

    def results(self, stage: str) -> dict[str, Any]:
        """What a stage made, to compare: bytes by file, and for `register` what the registry holds."""
        found: dict[str, Any] = {}
        for name in RESULTS[stage]:
            path = self.folder / name
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            found |= {str(file.relative_to(self.folder)): file.read_bytes() for file in files if file.is_file()}
        if stage == "register":
            found["registration"] = json.loads((self.folder / "reports/registration.json").read_text())["version"]
            found["registry"] = registry(self.folder)
        return found

    def is_right(self, stage: str) -> bool:
        """Whether a stage made what it makes when nothing goes wrong, and left nothing else."""
        try:
            return self.results(stage) == self.wanted[stage] and not leftovers(self.folder)
        except (OSError, ValueError):
            return False


def leftovers(folder: Path) -> list[str]:
    """Files that were to take another name."""
    patterns = ("data/**/*.tmp", "**/.unfinished-*", ".resume/*.new", ".resume/*.old", "data/*.tmp")
    return [str(path) for pattern in patterns for path in folder.glob(pattern)]


def registry(folder: Path) -> list[tuple[Any, ...]]:
    """Versions and aliases that a local store holds."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        versions = connection.execute("SELECT version, status FROM model_versions ORDER BY version").fetchall()
        aliases = connection.execute("SELECT alias, version FROM registered_model_aliases ORDER BY alias").fetchall()
    return [*versions, *aliases]


def environment() -> dict[str, str]:
    """As a person's shell has it: without what the tests of other parts set, and without coverage, which takes long."""
    others = ("COVERAGE_", "DVC_", "MLFLOW_", "PYTEST_")
    ours = {key: value for key, value in os.environ.items() if not key.startswith(others)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
    return ours | {"PATH": path, "COLUMNS": "200", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
