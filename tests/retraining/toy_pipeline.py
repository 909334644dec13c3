"""A pipeline with the stages, settings and files of the real one, and nothing to wait for: a stage is a few lines."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from svhn_denoiser.retraining.result import Result
from tests.example_settings import EXAMPLE, ROOT

ALL = ["generate", "train", "evaluate", "register"]

DVC_YAML = """
stages:
  generate:
    cmd: python generate.py
    deps: [generate.py]
    params: [seed, generate]
    outs: [data/noisy]
  train:
    cmd: python train.py
    deps: [data/noisy, train.py]
    params: [seed, train]
    outs: [models/denoiser.keras, reports/history.csv, reports/run.json]
  evaluate:
    cmd: python evaluate.py
    deps: [models/denoiser.keras, evaluate.py]
    params: [evaluate]
    metrics: [reports/metrics.json]
  register:
    cmd: python register.py
    deps: [models/denoiser.keras, reports/metrics.json, reports/run.json, register.py]
    params: [register]
    outs:
      - reports/registration.json: {persist: true}
"""

# each notes in $TOY/log that it ran; the registry is $TOY/registry.json, a list of models, the champion last
BEGIN = """
import json, os, pathlib, sys
import ruamel.yaml
toy = pathlib.Path(os.environ["TOY"])
settings = ruamel.yaml.YAML(typ="safe").load(open("params.yaml"))
def write(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
with (toy / "log").open("a") as log:
    log.write(pathlib.Path(__file__).stem + "\\n")
"""
STAGES = {
    "generate": """
write("data/noisy/a", str(settings["generate"]["validation_fraction"]))
write("data/noisy/b", "b")
""",
    "train": """
assert sorted(os.listdir("data/noisy")) == ["a", "b"]
epochs = settings["train"]["epochs"]
if epochs == 13:
    sys.exit("error: train.epochs = 13: brings bad luck.\\n  Choose another.")
write("models/denoiser.keras", f"a model of {epochs} epochs")
# 22 epochs are best on the validation pictures, and each training ends a little past its best
best = 30 - abs(epochs - 22) / 10
write("reports/history.csv", f"epoch,validation_psnr\\n1,{best}\\n{epochs},{best - 0.05}\\n")
write("reports/run.json", json.dumps({"run_id": f"run-{epochs}"}))
""",
    # 30 epochs are best
    "evaluate": """
epochs = int(open("models/denoiser.keras").read().split()[3])
psnr = 30 - abs(epochs - 30) / 10
part = {"psnr": psnr, "ssim": 0.9}
write("reports/metrics.json", json.dumps({"noisy": {"psnr": 20.0, "ssim": 0.5}, "denoised": part, "gain": part}))
write("reports/images/best.png", "a picture")
""",
    "register": """
psnr = json.load(open("reports/metrics.json"))["denoised"]["psnr"]
run = json.load(open("reports/run.json"))["run_id"]
file = toy / "registry.json"
known = json.loads(file.read_text()) if file.exists() else {"versions": [], "champion": None}
if run not in known["versions"]:
    known["versions"].append(run)
version, before = known["versions"].index(run) + 1, known["champion"]
better = before is None or (version != before["version"] and psnr > before["psnr"])
waiting = better and settings["register"]["promotion"] == "ask"
promoted = better and not waiting
if promoted:
    known["champion"] = {"version": version, "psnr": psnr}
file.write_text(json.dumps(known))
write("reports/registration.json", json.dumps({
    "version": version, "run_id": run, "promoted": promoted, "waiting": waiting,
    "champion_before": before and before["version"],
    "champion_after": known["champion"] and known["champion"]["version"],
    "reasons": [f"PSNR is {psnr:.2f} dB."],
}))
""",
}


class Toy:
    """A clone of a toy repository; all clones share a log of what ran, a registry and a remote."""

    def __init__(self, folder: Path, shared: Path) -> None:
        self.folder, self.shared = folder, shared

    @classmethod
    def create(cls, folder: Path) -> "Toy":
        """The first clone, with its bare origin beside it."""
        shared = folder.parent / "shared"
        shared.mkdir(parents=True)
        folder.mkdir()
        toy = cls(folder, shared)
        toy.git("init", "--quiet", "--initial-branch=main")
        toy.identify()
        (folder / "dvc.yaml").write_text(DVC_YAML)
        for stage, text in STAGES.items():
            (folder / f"{stage}.py").write_text(BEGIN + text)
        shutil.copy(EXAMPLE, folder / "params.yaml")
        (folder / ".gitignore").write_text("/data/\n/models/\n/reports/\n")
        (folder / ".dvc").mkdir()
        (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
        toy.commit("A toy")
        toy.git("init", "--quiet", "--bare", "--initial-branch=main", str(shared / "origin"))
        toy.git("remote", "add", "origin", str(shared / "origin"))
        toy.git("push", "--quiet", "--set-upstream", "origin", "main")
        toy.use_remote(str(shared / "remote"))
        return toy

    def clone(self, name: str) -> "Toy":
        """Another machine's clone of what was pushed."""
        folder = self.folder.parent / name
        self.git("clone", "--quiet", str(self.shared / "origin"), str(folder))
        toy = Toy(folder, self.shared)
        toy.identify()
        toy.use_remote(str(self.shared / "remote"))
        return toy

    def identify(self) -> None:
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@localhost")

    def use_remote(self, url: str) -> None:
        text = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"
        (self.folder / ".dvc/config.local").write_text(text)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def push(self) -> None:
        self.git("push", "--quiet", "origin", "HEAD:main")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def ran(self) -> list[str]:
        """Which stages ran on any machine since this was last asked."""
        log = self.shared / "log"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return names

    def registry(self) -> Any:
        return json.loads((self.shared / "registry.json").read_text())

    def environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_", "GITHUB_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
        return ours | {"PATH": path, "PYTHONPATH": str(ROOT), "TOY": str(self.shared), "COLUMNS": "120"}

    def program(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`svhn-denoiser retrain` as a process of its own."""
        command = [sys.executable, "-m", "svhn_denoiser", "retrain", *arguments]
        env = self.environment() | environment
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)


def kill_amid(toy: Toy, text: str) -> None:
    """A retraining with these settings that is killed in the middle, without a chance to tidy up."""
    script = f"""
import os
from pathlib import Path
from svhn_denoiser.retraining import undo
with undo.settings_put_back([{text!r}]):
    Path("params.yaml").write_text({text!r})
    Path("dvc.lock").write_text("half of it")
    os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=toy.folder, env=toy.environment(), check=False)
    assert killed.returncode == -9


class Go(Protocol):
    """Retrains in this process: `go(toy, chosen=("train.epochs=3",))`."""

    def __call__(self, toy: Toy, **options: Any) -> Result: ...
