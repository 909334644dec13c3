"""Optimisers: which weights take Muon's step, and that the short way to it is Keras's."""

import numpy as np
import pytest

from svhn_denoiser.networks import architectures
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.training import optimizers
from svhn_denoiser.training.optimizers import ConvolutionMuon
from tests.example_settings import changed

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(288, 32), (64, 64), (32, 256)])
def test_the_orthogonal_matrix_is_the_one_that_keras_makes(shape):
    # directions of very different sizes, as gradients have
    left, _, right = np.linalg.svd(RNG.normal(size=shape), full_matrices=False)
    matrix = (left * np.logspace(0, -3, min(shape)) @ right).astype(np.float32)
    ours = np.asarray(ConvolutionMuon().zeropower_via_newtonschulz5(matrix, 5))
    theirs = np.asarray(keras.optimizers.Muon().zeropower_via_newtonschulz5(matrix, 5))
    # squaring costs some of float32: a thousandth of the entries, which are about 0.1
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
    sizes = np.linalg.svd(ours, compute_uv=False)
    assert 0.6 < sizes[len(sizes) // 2] < sizes[0] < 1.3


def test_hidden_kernels_take_muons_step_and_all_else_adamws(settings):
    network = architectures.build(changed(settings, train__network="autoencoder-2021").train)
    optimizer = ConvolutionMuon()
    optimizer.build(network.trainable_variables)
    by_adamw = [v.path for v in network.trainable_variables if optimizer._should_use_adamw(v)]
    kernels = [v.path for v in network.trainable_variables if len(v.shape) == 4]
    biases = [v.path for v in network.trainable_variables if len(v.shape) == 1]
    assert len(kernels) == len(biases) == 7
    assert set(by_adamw) == {kernels[0], kernels[-1], *biases}


def test_a_step_moves_all_directions_of_a_kernel_alike():
    kernel = keras.Variable(np.zeros((3, 3, 8, 16), np.float32))
    optimizer = ConvolutionMuon(0.01, weight_decay=None, adam_weight_decay=None)
    gradient = (RNG.normal(size=kernel.shape) * np.logspace(0, -2, 16)).astype(np.float32)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    step = -np.asarray(kernel).reshape(72, 16)
    assert np.sum(step * gradient.reshape(72, 16)) > 0, "not downhill"
    sizes = np.linalg.svd(step, compute_uv=False)
    # 0.2 sqrt(72) times the learning rate is what makes AdamW's rates fit
    assert sizes / (0.01 * 0.2 * np.sqrt(72)) == pytest.approx(np.ones(16), abs=0.45)


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_each_has_the_settings_that_were_asked_for(name, settings):
    train = changed(settings, train__optimizer=name, train__weight_decay=0.03, train__gradient_clip=0.7).train
    optimizer = optimizers.build(train, 0.004, 0.9)
    assert optimizer.weight_decay == 0.03
    assert optimizer.global_clipnorm == 0.7
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    assert float(optimizer.learning_rate) == pytest.approx(0.004)
    assert isinstance(optimizer, keras.optimizers.AdamW) == (name == "adamw")
    assert getattr(optimizer, "adam_weight_decay", 0.03) == 0.03
