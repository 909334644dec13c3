"""A training that was interrupted, at whatever moment, ends like one that was not; checkpoints do not pile up."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from svhn_denoiser.networks.model_file import save
from svhn_denoiser.training import device, resuming
from svhn_denoiser.training.fitting import Training
from svhn_denoiser.training.resuming import Checkpoint, State, delete_recorded
from tests.example_settings import ROOT, changed


class Killed(BaseException):
    """Stands for a process that ends in the middle."""


def nothing(*_: object) -> None:
    """Is told, and does nothing."""


def training(settings, pairs) -> Training:
    train, validation = pairs
    return Training(settings, train, validation, device.choose(settings.train))


def trained(one: Training, checkpoint: Checkpoint, on_batch=nothing) -> State:
    """What the stage does."""
    state = checkpoint.read(one.begin(), one.load, nothing)
    return one.run(state, lambda state, speed: checkpoint.write(state, one.save), on_batch)


def read(checkpoint: Checkpoint, fresh: State, say=nothing) -> State:
    return checkpoint.read(fresh, nothing, say)


def ended(folder: Path, name: str, result: str, epochs: int = 1) -> Checkpoint:
    """A checkpoint of a training that has ended."""
    rows = tuple(resuming.Epoch(number, 0.1, 30.0, 0.01) for number in range(1, epochs + 1))
    checkpoint = Checkpoint(folder, name)
    with checkpoint.alone(nothing):
        checkpoint.write(State([np.zeros(3, np.float32)], rows, 30.0, 1, "run"), lambda file: file.write_bytes(b"w"))
        (folder / "run.json").write_text(result)
        checkpoint.published(folder / "run.json")
    return checkpoint


def md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"run.json"}


FRESH = State([np.ones(3, np.float32)])


def test_an_interrupted_training_ends_with_the_same_bytes_as_one_that_was_not(small, pairs, tmp_path):
    one = training(small, pairs)
    save(one.published(trained(one, Checkpoint(tmp_path, "a"))), tmp_path / "a.keras")

    past = []

    def kill_in_epoch_3(batch: int) -> None:
        past.append(batch)
        if len(past) == 24:
            raise Killed

    checkpoint = Checkpoint(tmp_path, "b")
    with pytest.raises(Killed):
        trained(training(small, pairs), checkpoint, kill_in_epoch_3)
    second = training(small, pairs)
    said = []
    state = checkpoint.read(second.begin(), second.load, said.append)
    assert [row.epoch for row in state.history] == [1, 2]
    assert said == ["resuming after epoch 2, where an earlier training was interrupted"]
    save(second.published(second.run(state, nothing, nothing)), tmp_path / "b.keras")
    assert (tmp_path / "b.keras").read_bytes() == (tmp_path / "a.keras").read_bytes()


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"train__learning_rate": 0.001}, {"train__loss": "mse"}, {"generate__noise__strength": 0.2}]
)
def test_other_settings_never_resume_from_a_checkpoint(small, pairs, change):
    one, other = training(small, pairs).identity(), training(changed(small, **change), pairs).identity()
    assert resuming.key(one) != resuming.key(other)


def test_the_same_settings_code_and_data_have_the_same_key_and_others_another(small, pairs):
    one, again = training(small, pairs).identity(), training(small, pairs).identity()
    assert resuming.key(one, "code", "data") == resuming.key(again, "code", "data")
    assert len({resuming.key(one, *rest) for rest in (("code", "data"), ("code", "other"), ("other", "data"))}) == 3


def test_a_kill_while_the_checkpoint_is_written_leaves_the_one_before(tmp_path, monkeypatch):
    one = ended(tmp_path, "a", "x")
    monkeypatch.setattr(np, "savez", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        one.write(FRESH, lambda file: file.write_bytes(b"w"))
    assert len(read(one, FRESH).history) == 1


def test_a_kill_between_the_renames_loses_nothing(tmp_path):
    one = ended(tmp_path, "a", "x")
    one.path.rename(tmp_path / "a.new")
    assert len(read(one, FRESH).history) == 1


@pytest.mark.parametrize("left", ["a.new", "a.old"])
def test_what_a_kill_left_beside_a_checkpoint_goes_when_that_is_read(tmp_path, left):
    one = ended(tmp_path, "a", "x")
    shutil.copytree(one.path, tmp_path / left)
    assert len(read(one, FRESH).history) == 1
    assert not (tmp_path / left).exists()


@pytest.mark.parametrize("damage", ["zeros", "empty", "a flipped bit", "missing"])
@pytest.mark.parametrize("name", ["state.json", "best.npz", "training.weights.h5"])
def test_a_damaged_checkpoint_is_deleted_with_a_warning(small, pairs, tmp_path, name, damage):
    one = training(changed(small, train__epochs=1), pairs)
    checkpoint = Checkpoint(tmp_path, "a")
    trained(one, checkpoint)
    whole = bytearray((checkpoint.path / name).read_bytes())
    whole[len(whole) // 2] ^= 4
    contents = {"zeros": b"\0" * 100, "empty": b"", "a flipped bit": bytes(whole)}
    if damage == "missing":
        if name == "state.json":
            pytest.skip("a checkpoint without it is none")
        (checkpoint.path / name).unlink()
    else:
        (checkpoint.path / name).write_bytes(contents[damage])
    again = training(changed(small, train__epochs=1), pairs)
    fresh = again.model.get_weights()
    with pytest.warns(UserWarning, match="cannot be read.*starts again"):
        assert not checkpoint.read(again.begin(), again.load, nothing).resumed
    assert names(tmp_path) == set()
    for before, after in zip(fresh, again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_weights_that_cannot_be_loaded_leave_network_and_optimiser_as_they_were(small, pairs, tmp_path):
    one = training(changed(small, train__width=16), pairs)
    one.model.optimizer.build(one.model.trainable_variables)
    one.save(tmp_path / "other.weights.h5")
    again = training(small, pairs)
    fresh = again.model.get_weights()
    with pytest.raises(ValueError, match="shape"):
        again.load(tmp_path / "other.weights.h5")
    for before, after in zip(fresh, again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_training_that_has_ended_is_published_again_until_it_is_recorded(tmp_path):
    one = ended(tmp_path, "a", "the result")
    said = []
    delete_recorded(tmp_path, None)
    delete_recorded(tmp_path, md5("the result of another training"))
    assert read(one, FRESH, said.append).run_id == "run"
    assert said == ["this training has ended before, and its result was not recorded: writing it again"]
    delete_recorded(tmp_path, md5("the result"))
    assert not read(one, FRESH).resumed
    assert names(tmp_path) == set()


def test_an_unfinished_training_is_never_deleted_as_recorded(tmp_path):
    one = Checkpoint(tmp_path, "a")
    one.write(FRESH, lambda file: file.write_bytes(b"w"))
    delete_recorded(tmp_path, None)
    ended(tmp_path, "b", "x")
    assert {"a", "b"} == names(tmp_path)


def test_checkpoints_of_ended_trainings_and_their_locks_do_not_pile_up(tmp_path):
    for number in range(5):
        (tmp_path / f"killed-{number}.lock").touch()
        ended(tmp_path, f"{number}", f"result {number}")
        os.utime(tmp_path / f"{number}" / "published.json", (0, 0))
    assert names(tmp_path) == {"4"}


def test_what_was_interrupted_and_left_for_months_is_deleted(tmp_path):
    for name, days in (("old", 61), ("young", 59)):
        Checkpoint(tmp_path, name).write(State([np.zeros(3, np.float32)]), lambda file: file.write_bytes(b"w"))
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name / "state.json", (then, then))
    ended(tmp_path, "now", "{}")
    assert names(tmp_path) == {"young", "now"}


def test_a_training_that_ended_while_another_one_ran_is_kept_by_it(tmp_path):
    # it ended a moment ago, and DVC may not have recorded it yet
    slow = Checkpoint(tmp_path, "slow")
    ended(tmp_path, "quick", "x")
    with slow.alone(nothing):
        slow.write(FRESH, lambda file: file.write_bytes(b"w"))
        (tmp_path / "run.json").write_text("y")
        slow.published(tmp_path / "run.json")
    assert names(tmp_path) == {"slow", "quick"}


def test_a_checkpoint_in_use_is_not_deleted_by_others(tmp_path):
    one = ended(tmp_path, "a", "x")
    with one.alone(nothing):
        delete_recorded(tmp_path, md5("x"))
        assert read(one, FRESH).resumed


def test_a_second_training_of_the_same_settings_waits_and_finds_what_the_first_one_reached(tmp_path):
    program = """
import sys
import time
from pathlib import Path
import numpy as np
from svhn_denoiser.training.resuming import Checkpoint, State
checkpoint = Checkpoint(Path(sys.argv[1]), "a")
with checkpoint.alone(lambda text: print(text, flush=True)):
    state = checkpoint.read(State([np.ones(3)]), lambda file: None, print)
print(len(state.history))
"""
    one = Checkpoint(tmp_path, "a")
    with one.alone(nothing):
        other = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert other.stdout is not None
        assert "another training of the same settings is running: waiting for it" in other.stdout.readline()
        row = resuming.Epoch(1, 0.1, 30.0, 0.01)
        one.write(State([np.zeros(3, np.float32)], (row,), 30.0, 1), lambda file: file.write_bytes(b"w"))
    rest, _ = other.communicate()
    assert rest.splitlines()[-1] == "1"
    assert other.returncode == 0
    assert names(tmp_path) == {"a"}
