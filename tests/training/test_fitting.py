"""Training: it learns, it is deterministic, and it says when it cannot."""

import io
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import save
from svhn_denoiser.pairs import Pairs, as_float
from svhn_denoiser.training import device
from svhn_denoiser.training.batches import Batches
from svhn_denoiser.training.fitting import Training, samples, validation_psnr
from svhn_denoiser.training.losses import LOSSES
from svhn_denoiser.training.progress_line import ProgressLine
from svhn_denoiser.training.resuming import Epoch, State
from tests.example_settings import changed


def nothing(*_: object) -> None:
    """Is told, and does nothing."""


def training(settings, pairs) -> Training:
    train, validation = pairs
    return Training(settings, train, validation, device.choose(settings.train))


def trained(one: Training, on_epoch=nothing):
    return one.run(one.begin(), on_epoch, nothing)


def model_of(one: Training):
    return one.published(trained(one))


def trained_bytes(settings, pairs, file) -> bytes:
    save(model_of(training(settings, pairs)), file)
    return file.read_bytes()


def test_it_learns_to_denoise(small, pairs):
    model = model_of(training(changed(small, train__epochs=10), pairs))
    _, validation = pairs
    noisy, clean = as_float(validation.noisy), as_float(validation.clean)
    assert psnr(clean, denoise(model, noisy)).mean() > psnr(clean, noisy).mean() + 2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(small, pairs, tmp_path):
    short = changed(small, train__epochs=2)
    first = trained_bytes(short, pairs, tmp_path / "1.keras")
    assert trained_bytes(short, pairs, tmp_path / "2.keras") == first
    assert trained_bytes(changed(short, seed=5), pairs, tmp_path / "3.keras") != first


def test_the_best_epoch_is_kept_not_the_last(small, pairs):
    one = training(changed(small, train__epochs=6), pairs)

    def spoil(state: State, speed: float) -> None:
        if state.history[-1].epoch == 3:
            one.model.set_weights([weight * 1.3 for weight in one.model.get_weights()])

    state = trained(one, spoil)
    scores = [row.validation_psnr for row in state.history]
    assert state.best_psnr == max(scores)
    assert state.best_epoch == 1 + int(np.argmax(scores)) < 6
    assert validation_psnr(one.published(state), pairs[1]).mean() == pytest.approx(max(scores), abs=1e-3)


def test_early_stopping_ends_a_training_that_no_longer_improves(small, pairs):
    # a rate of almost nothing: the first epoch stays the best, or close to it
    idle = changed(small, train__epochs=30, train__learning_rate=1e-12, train__early_stopping=2)
    state = trained(training(idle, pairs))
    assert len(state.history) == state.best_epoch + 2 < 30


def test_a_loss_that_is_not_finite_stops_with_advice(small, pairs):
    one = training(small, pairs)
    one.model.set_weights([np.full_like(weight, np.nan) for weight in one.model.get_weights()])
    with pytest.raises(DenoiserError, match=r"loss is nan in epoch 1, batch 1.*Lower train\.learning_rate"):
        trained(one)


def test_mixed_precision_trains_and_publishes_float32(small, pairs):
    mixed = changed(small, train__epochs=1, train__precision="mixed_bfloat16")
    try:
        model = model_of(training(mixed, pairs))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {weight.dtype.name for weight in map(np.asarray, model.get_weights())} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert model.predict_on_batch(as_float(pairs[1].noisy[:2])).dtype == np.float32


def test_asking_for_a_gpu_where_there_is_none_fails_at_once(settings):
    if device.choose(settings.train).kind == "gpu":
        pytest.skip("there is a GPU here")
    with pytest.raises(DenoiserError, match=r"train\.device = gpu: TensorFlow sees no GPU.*make gpu"):
        device.choose(changed(settings, train__device="gpu").train)


def test_several_devices_share_the_work(small, pairs, tmp_path):
    # two logical CPUs stand for two GPUs: they have to be made before TensorFlow starts, so in a process of their own
    program = """
import sys
from pathlib import Path
import numpy as np
from svhn_denoiser.networks.backend import keras
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from svhn_denoiser.training.device import Device
from svhn_denoiser.pairs import Pairs
from svhn_denoiser.params import Params
from svhn_denoiser.training.fitting import Training
from svhn_denoiser.training.resuming import Checkpoint
params = Params.model_validate_json(sys.argv[1])
data = np.load(sys.argv[2])
train = Pairs(data["noisy"], data["clean"], data["digits"])
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
device = Device("cpu", ("CPU", "CPU"), strategy)
training = Training(params, train, train, device)
checkpoint = Checkpoint(Path(sys.argv[3]), "key")
def on_epoch(state, speed):
    print(state.history[-1].validation_psnr)
    checkpoint.write(state, training.save)
training.run(training.begin(), on_epoch, lambda batch: None)
resumed = Training(params, train, train, device)
assert checkpoint.read(resumed.begin(), resumed.load, lambda text: None).resumed
for one, other in zip(training.model.optimizer.variables, resumed.model.optimizer.variables, strict=True):
    np.testing.assert_array_equal(one, other)
"""
    train, _ = pairs
    np.savez(tmp_path / "pairs.npz", noisy=train.noisy, clean=train.clean, digits=train.digits)
    arguments = [small.model_dump_json(by_alias=True), str(tmp_path / "pairs.npz"), str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    scores = [float(line) for line in done.stdout.split()]
    assert len(scores) == 4
    assert scores[-1] > scores[0]


def test_samples_show_clean_above_noisy_above_denoised(settings, pairs):
    keras.utils.set_random_seed(1)
    from svhn_denoiser.networks import architectures

    untrained = architectures.build(changed(settings, train__width=8).train)  # returns its input
    sheet = samples(untrained, pairs[1], count=5, zoom=2)
    assert sheet.shape == (3 * 32 * 2, 5 * 32 * 2, 3)
    clean, noisy, denoised = (sheet[row * 64 : (row + 1) * 64 : 2, 32 * 2 : 64 * 2 : 2] for row in range(3))
    np.testing.assert_array_equal(clean, pairs[1].clean[1])
    np.testing.assert_array_equal(noisy, pairs[1].noisy[1])
    np.testing.assert_array_equal(denoised, noisy)


class TestBatches:
    def test_each_epoch_sees_every_picture_once_in_another_order(self, small, pairs):
        batches = Batches(pairs[0], changed(small, train__flips=False))
        seen = []
        for epoch in (1, 2):
            batches.epoch = epoch
            seen.append(np.concatenate([batches[i][1] for i in range(len(batches))]))
        assert not np.array_equal(*seen)
        for one in seen:
            assert {p.tobytes() for p in one} == {p.tobytes() for p in as_float(pairs[0].clean)}

    def test_fresh_noise_differs_from_epoch_to_epoch_and_fixed_noise_does_not(self, small, pairs):
        for fresh in (True, False):
            batches = Batches(pairs[0], changed(small, train__flips=False, train__fresh_noise=fresh))
            noise_of_first_picture = []
            for epoch in (1, 2):
                batches.epoch = epoch
                noisy, clean = (np.concatenate(part) for part in zip(*(batches[i] for i in range(10)), strict=True))
                position = next(i for i, p in enumerate(clean) if np.array_equal(p, as_float(pairs[0].clean[0])))
                noise_of_first_picture.append(noisy[position])
            assert np.array_equal(*noise_of_first_picture) is not fresh

    def test_mirroring_turns_noisy_and_clean_together(self, small, pairs):
        batches = Batches(pairs[0], changed(small, train__fresh_noise=False))
        known = {p.tobytes(): n for p, n in zip(as_float(pairs[0].clean), as_float(pairs[0].noisy), strict=True)}
        mirrored = 0
        for i in range(len(batches)):
            for noisy, clean in zip(*batches[i], strict=True):
                turned = clean.tobytes() not in known
                mirrored += turned
                key = clean[:, ::-1].tobytes() if turned else clean.tobytes()
                np.testing.assert_array_equal(noisy[:, ::-1] if turned else noisy, known[key])
        assert 60 < mirrored < 140

    def test_a_batch_is_shared_evenly_and_never_by_more_devices_than_pictures(self, small, pairs):
        assert Batches(pairs[0], small, replicas=3).size == 18
        with pytest.raises(DenoiserError, match="batch_size = 20: with 2 pictures"):
            Batches(pairs[0][:2], small, replicas=3)

    def test_fewer_pictures_than_a_batch_make_one_smaller_batch(self, small, pairs):
        few = Pairs(pairs[0].noisy[:5], pairs[0].clean[:5], pairs[0].digits[:5])
        batches = Batches(few, small)
        assert len(batches) == 1
        assert len(batches[0][0]) == 5


class TestLosses:
    clean = np.full((2, 8, 8, 3), 0.5, np.float32)
    off = clean + np.array([0.1, 0.01], np.float32)[:, None, None, None]

    def test_the_psnr_loss_is_the_negative_psnr(self):
        np.testing.assert_allclose(LOSSES["psnr"](self.clean, self.off), [-20, -40], atol=0.1)

    def test_charbonnier_is_l1_away_from_zero(self):
        np.testing.assert_allclose(LOSSES["charbonnier"](self.clean, self.off), [0.1, 0.01], rtol=0.01)

    @pytest.mark.parametrize("name", LOSSES)
    def test_every_loss_has_a_finite_gradient_at_a_perfect_answer(self, name):
        import tensorflow as tf

        guess = tf.Variable(self.clean)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.get(LOSSES[name])(self.clean, guess))
        assert np.isfinite(tape.gradient(loss, guess).numpy()).all()


def test_the_progress_line_says_epoch_loss_psnr_speed_and_time_left():
    written = io.StringIO()
    with ProgressLine(20, 100, Console(file=written, width=200)) as line:
        line.batch(100)
        line.epoch(Epoch(3, 0.00123, 31.25, 0.001), best=True, speed=412.3)
    assert (
        written.getvalue()
        .strip()
        .startswith("epoch  3/20  loss 0.00123  validation 31.25 dB*  412 pictures/s  0:00 left")
    )
