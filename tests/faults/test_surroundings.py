"""Odd environments, two at once, twenty in a row, and `dvc repro` itself, killed with all its processes."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.workplace import STAGES, TRACEBACK, Zygote, environment, leftovers

ODD = {
    "the C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    "no HOME": {"HOME": "/dev/null/home"},
    "a TMPDIR with a blank": {"TMPDIR": "{scratch}/a blank"},
    "Keras's own settings": {"KERAS_HOME": "{scratch}/keras"},
    "variables of MLflow": {
        "MLFLOW_EXPERIMENT_NAME": "mine",
        "MLFLOW_RUN_ID": "0123456789abcdef0123456789abcdef",
        "MLFLOW_ARTIFACT_ROOT": "/nonexistent",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
    },
    "variables of git": {"GIT_DIR": "/nonexistent/.git", "GIT_PAGER": "less", "GIT_EXTERNAL_DIFF": "false"},
    "variables of DVC": {"DVC_EXP_NAME": "an-experiment", "DVC_STAGE": "another"},
    "variables of Python": {"PYTHONWARNINGS": "error::ResourceWarning", "PYTHONHASHSEED": "17", "PYTHONOPTIMIZE": "1"},
}


@pytest.mark.faults
@pytest.mark.parametrize("name", ODD)
def test_an_odd_environment_changes_no_byte(workplace, tallying, tmp_path, name):
    row = tallying(f"{name}, in all stages")
    changes = {key: value.format(scratch=tmp_path) for key, value in ODD[name].items()}
    (tmp_path / "a blank").mkdir()
    (tmp_path / "keras").mkdir()
    text = '{"floatx": "float16", "image_data_format": "channels_first", "backend": "tensorflow"}'
    (tmp_path / "keras/keras.json").write_text(text)
    zygote = Zygote(tmp_path, environment() | changes)
    workplace.put_back("before-download")
    for stage in STAGES:
        done = zygote.run(f"stages.{stage}", folder=workplace.folder, environment=changes)
        row.count(stage, right=done.code == 0 and workplace.is_right(stage), traceback=done.traceback, said=done.output)
    zygote.close()


@pytest.mark.faults
@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_a_umask_changes_no_byte(workplace, tallying, mask):
    row = tallying("a umask, in all stages")
    before = os.umask(mask)
    try:
        workplace.put_back("before-download")
        for stage in STAGES:
            done = workplace.stage(stage)
            right = done.code == 0 and workplace.is_right(stage)
            row.count(f"{mask:o}, {stage}", right=right, traceback=done.traceback, said=done.output)
    finally:
        os.umask(before)


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGES)
def test_two_at_once_make_one_result(workplace, tallying, stage, tmp_path):
    """One stage twice in one folder, the second a moment after the first."""
    row = tallying("two at once, of the same stage")
    scratch = tmp_path / "other"
    scratch.mkdir()
    other = Zygote(scratch, environment())
    for pause in (0.0, 0.2, 1.0):
        workplace.put_back(f"before-{stage}")
        workplace.zygote.begin(f"stages.{stage}", folder=workplace.folder)
        time.sleep(pause)
        second = other.run(f"stages.{stage}", folder=workplace.folder)
        first = workplace.zygote.end()
        codes = {first.code, second.code}
        # one of them may be told that the other is at work; what is there is whole, or made so by the next
        third = workplace.stage(stage)
        right = third.code == 0 and workplace.is_right(stage) and codes <= {0, 1}
        said = "\n".join(f"{each.code}: {each.output}" for each in (first, second, third))
        row.count(f"{pause} s apart", right=right, traceback=TRACEBACK in said, said=said)
    other.close()


@pytest.mark.faults
def test_twenty_in_a_row_leave_nothing_behind(workplace, tallying):
    row = tallying("20 runs of all stages in a row, nothing left behind")
    workplace.put_back("finished")
    scratch = workplace.zygote.scratch
    params = workplace.folder / "params.yaml"
    text = params.read_text()
    before = set(scratch.iterdir())
    for number in range(20):
        params.write_text(text.replace("seed: 2021", f"seed: {number}"))
        done = [workplace.stage(stage) for stage in STAGES]
        said = "\n".join(each.output for each in done)
        resume = workplace.folder / ".resume"
        kept = [path for path in resume.iterdir() if path.name != "outbox"]
        left = [*leftovers(workplace.folder), *map(str, set(scratch.iterdir()) - before)]
        left = [name for name in left if Path(name).name not in {"count", "output"}]
        waiting = list((resume / "outbox").glob("*"))
        right = not any(each.code for each in done) and not left and len(kept) <= 1 and not waiting
        row.count(f"run {number}", right=right, traceback=TRACEBACK in said, said=f"{left} {kept} {waiting}\n{said}")


@pytest.mark.faults
@pytest.mark.parametrize("command", [("dvc", "repro"), ("svhn-denoiser", "retrain")], ids=" ".join)
def test_all_stages_killed_with_all_their_processes(workplace, tallying, command):
    row = tallying(f"killed with all its processes, in `{' '.join(command)}`")
    rng = random.Random(3)

    def repro(after: float | None) -> tuple[int, str]:
        log = workplace.zygote.scratch / "repro.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=workplace.folder,
                env=environment(),
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        if after is not None:
            time.sleep(after)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        text = log.read_text(errors="replace")
        log.unlink()
        return process.returncode, text

    workplace.put_back("before-download")
    began = time.monotonic()
    assert repro(None)[0] == 0
    whole = time.monotonic() - began
    for _ in range(4):
        workplace.put_back("before-download")
        after = rng.uniform(0.05, 0.95) * whole
        repro(after)
        code, text = repro(None)
        # a retraining may find that the version of the one that was killed is champion already
        right = code in ({0} if command[0] == "dvc" else {0, 4}) and all(workplace.is_right(stage) for stage in STAGES)
        row.count(f"after {after:.1f} s of {whole:.1f} s", right=right, traceback=TRACEBACK in text, said=text)
