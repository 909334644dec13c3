"""The networks: their shapes, their sizes, and the file that is published."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks import architectures, noise_tuning
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.networks.inference import denoise
from svhn_denoiser.networks.model_file import export, load_model, save
from tests.example_settings import changed

NAMES = ["residual-unet", "dncnn", "autoencoder-2021"]


def build(settings, name: str, width: int = 8) -> keras.Model:
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    return architectures.build(changed(settings, train__network=name, train__width=width).train)


@pytest.fixture(params=NAMES)
def network(request, settings):
    return build(settings, request.param)


def test_every_network_keeps_the_size_of_its_pictures(network):
    for height, width in ((32, 32), (48, 16)):
        assert network.predict_on_batch(np.zeros((2, height, width, 3), np.float32)).shape == (2, height, width, 3)


def test_the_2021_network_has_its_layers_and_8163_parameters(settings):
    network = build(settings, "autoencoder-2021")
    assert network.count_params() == 8163
    kinds = [type(layer).__name__ for layer in network.layers[1:]]
    assert kinds == ["Conv2D", "MaxPooling2D"] * 3 + ["Conv2D", "UpSampling2D"] * 3 + ["Conv2D"]
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 8, 8, 8, 8, 32, 3]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.activation.__name__ for layer in convolutions} == {"relu"}


def test_dncnn_is_as_published(settings):
    network = build(settings, "dncnn")
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64] * 16 + [3]
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers) == 15


def test_blocks_make_the_residual_network_deeper(settings):
    def rectifiers(blocks: int) -> int:
        network = architectures.build(changed(settings, train__width=8, train__blocks=blocks).train)
        return sum(isinstance(layer, keras.layers.ReLU) for layer in network.layers)

    # one in each block: at half resolution on both ways, and twice as many at a quarter
    assert [rectifiers(blocks) for blocks in (1, 2, 3)] == [4, 8, 12]


class TestNoiseMap:
    @pytest.fixture
    def network(self, settings):
        return architectures.build(changed(settings, train__width=8, train__noise_map=True).train)

    def test_it_is_the_strength_of_the_noise_around_each_pixel(self, network):
        rng = np.random.default_rng(0)
        slope = np.linspace(0.2, 0.8, 96)[:, None, None] * np.ones((96, 96, 3))
        noisy = slope + rng.normal(0, 1, slope.shape) * np.where(np.arange(96) < 48, 0.02, 0.1)[None, :, None]
        seen = keras.Model(network.input, network.get_layer("noise").output)
        around = seen.predict_on_batch(noisy[None].astype(np.float32))[0, ..., 0]
        np.testing.assert_allclose(around[:, :32], 0.02, rtol=0.15)
        np.testing.assert_allclose(around[:, 64:], 0.1, rtol=0.15)

    @pytest.mark.parametrize("scale", [1, 2, 4])
    def test_channels_are_tuned_to_it(self, scale):
        noisy, layer = keras.Input((None, None, 3)), keras.Input((None, None, 4))
        network = keras.Model([noisy, layer], noise_tuning.tuner(noise_tuning.noise_around(noisy))(layer, scale))
        rng = np.random.default_rng(0)
        noise = rng.normal(0, 1, (1, 32, 32, 3))
        pictures = [(0.5 + strength * noise).astype(np.float32) for strength in (0.02, 0.2)]
        values = np.full((1, 32 // scale, 32 // scale, 4), 2, np.float32)
        np.testing.assert_array_equal(network.predict_on_batch([pictures[0], values]), values)  # untrained
        for weight in network.trainable_weights:
            weight.assign(rng.normal(0, 1, weight.shape))
        weak, strong = (network.predict_on_batch([picture, values]) for picture in pictures)
        assert weak.shape == values.shape
        assert np.abs(weak - strong).mean() > 0.5
        assert weak.std(axis=(1, 2)).max() < 0.5, "the noise is the same everywhere"

    def test_the_first_layer_sees_it_and_all_others_are_tuned_to_it(self, network, pictures):
        rng = np.random.default_rng(0)
        network.set_weights([rng.normal(0, 0.05, weight.shape) for weight in network.get_weights()])
        noisy = pictures[:4].astype(np.float32) / 255
        before = network.predict_on_batch(noisy)
        first = [layer for layer in network.layers if getattr(layer, "kernel_size", None) == (3, 3)][1]
        assert first.kernel.shape == (3, 3, 4, 8)
        first.kernel.assign(first.kernel * np.array([1, 1, 1, 0])[:, None])
        blind = network.predict_on_batch(noisy)
        assert np.abs(blind - before).max() > 1e-4
        tuning = [layer for layer in network.layers if getattr(layer, "kernel_size", None) == (1, 1)]
        # a factor and an offset: four blocks, two skips, the way in and the way out
        assert len(tuning) == 2 * (4 + 4)
        for layer in tuning:
            layer.kernel.assign(0 * layer.kernel)
        assert np.abs(network.predict_on_batch(noisy) - blind).max() > 1e-4

    def test_pictures_without_noise_are_taken_for_those_with_the_weakest(self):
        around = keras.Input((None, None, 1))
        closeness = keras.Model(around, noise_tuning._closeness(around))
        near = closeness.predict_on_batch(np.array([0, 0.01, 0.3, 0.9], np.float32)[:, None, None, None])[:, 0, 0]
        np.testing.assert_allclose(near[[0, 3]], near[[1, 2]])
        assert near[1:3].argmax(axis=1).tolist() == [0, 7]
        np.testing.assert_allclose(near[1:3].max(axis=1), 1, rtol=1e-5)

    def test_training_leaves_its_mask_alone(self, network):
        assert [weight.path.split("/")[0] for weight in network.non_trainable_weights] == ["grain"]

    def test_a_saved_network_loads_without_this_package(self, network, tmp_path):
        network.save(tmp_path / "network.keras")
        code = "import sys, keras; keras.saving.load_model(sys.argv[1]); assert 'svhn_denoiser' not in sys.modules"
        subprocess.run([sys.executable, "-I", "-c", code, tmp_path / "network.keras"], check=True)


def test_the_untrained_residual_network_returns_its_input(settings, pictures):
    noisy = pictures[:4].astype(np.float32) / 255
    np.testing.assert_allclose(build(settings, "residual-unet").predict_on_batch(noisy), noisy, atol=1e-6)


def test_the_residual_network_is_bias_free_so_scaling_its_input_scales_its_output(settings, pictures):
    network = build(settings, "residual-unet")
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.05, weight.shape) for weight in network.get_weights()])
    noisy = pictures[:4].astype(np.float32) / 255
    once, half = network.predict_on_batch(noisy), network.predict_on_batch(noisy / 2)
    assert np.abs(once - noisy).max() > 0.01  # the weights do something
    np.testing.assert_allclose(half, once / 2, atol=1e-5)


class TestModelFile:
    @pytest.fixture
    def file(self, network, tmp_path):
        save(export(network), tmp_path / "denoiser.keras")
        return tmp_path / "denoiser.keras"

    def test_what_it_gives_is_float32_and_clipped(self, file):
        model = load_model(file)
        wild = np.random.default_rng(0).normal(0.5, 2, (2, 32, 32, 3)).astype(np.float32)
        out = model.predict_on_batch(wild)
        assert out.dtype == np.float32
        assert out.min() >= 0
        assert out.max() <= 1

    def test_plain_keras_loads_it_in_safe_mode_without_this_package(self, file, tmp_path):
        program = f"""
import sys
sys.modules["svhn_denoiser"] = None  # importing it would fail
import keras, numpy as np
model = keras.saving.load_model({str(file)!r}, safe_mode=True)
print(model.predict_on_batch(np.zeros((1, 40, 24, 3), np.float32)).shape)
"""
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "(1, 40, 24, 3)"

    def test_it_carries_no_date(self, file):
        with zipfile.ZipFile(file) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert b"date" not in archive.read("metadata.json")

    def test_nothing_else_is_left_in_its_folder(self, file):
        assert [path.name for path in file.parent.iterdir()] == ["denoiser.keras"]


@pytest.fixture(scope="module")
def model(settings):
    model = build(settings, "residual-unet")
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.05, weight.shape) for weight in model.get_weights()])
    return model


class TestInference:
    @pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1), (3, 100)])
    def test_any_size_comes_back_as_it_was(self, model, size):
        pictures = np.random.default_rng(1).random((3, *size, 3), np.float32)
        denoised = denoise(model, pictures)
        assert denoised.shape == pictures.shape
        assert np.isfinite(denoised).all()

    def test_the_size_of_batches_changes_nothing(self, model, pictures):
        noisy = pictures[:50].astype(np.float32) / 255
        np.testing.assert_allclose(denoise(model, noisy, 7), denoise(model, noisy, 256), atol=1e-5)

    def test_a_shape_that_is_no_set_of_colour_pictures_is_refused(self, model):
        with pytest.raises(ValueError, match=r"\(N, H, W, 3\)"):
            denoise(model, np.zeros((32, 32, 3), np.float32))

    def test_a_missing_model_is_named(self, tmp_path):
        with pytest.raises(DenoiserError, match=r"denoiser\.keras: no such file"):
            load_model(tmp_path / "denoiser.keras")

    def test_a_file_that_is_no_model_is_named(self, tmp_path):
        (tmp_path / "denoiser.keras").write_text("<html>404</html>")
        with pytest.raises(DenoiserError, match=r"denoiser\.keras: is no model"):
            load_model(tmp_path / "denoiser.keras")

    def test_a_model_for_something_else_is_refused(self, tmp_path):
        keras.Sequential([keras.Input((10,)), keras.layers.Dense(2)]).save(tmp_path / "classifier.keras")
        with pytest.raises(DenoiserError, match="not colour pictures of any size"):
            load_model(tmp_path / "classifier.keras")

    @pytest.mark.parametrize("layer", ["UpSampling2D", "AveragePooling2D", "ZeroPadding2D"])
    def test_a_model_that_changes_the_size_of_pictures_is_refused(self, layer, tmp_path):
        changing = getattr(keras.layers, layer)(2)
        keras.Sequential([keras.Input((None, None, 3)), changing]).save(tmp_path / "resizing.keras")
        with pytest.raises(DenoiserError, match=r"resizing\.keras: answers \(1, 16, 24, 3\) with"):
            load_model(tmp_path / "resizing.keras")

    def test_a_model_for_multiples_of_32_is_refused_in_words(self, tmp_path):
        pixels = x = keras.Input((None, None, 3))
        for layer in [keras.layers.MaxPooling2D] * 5 + [keras.layers.UpSampling2D] * 5:
            x = layer()(x)
        keras.Model(pixels, keras.layers.Add()([pixels, x])).save(tmp_path / "deep.keras")
        with pytest.raises(DenoiserError, match=r"deep\.keras: cannot take every size that is a multiple of 8"):
            load_model(tmp_path / "deep.keras")

    @pytest.mark.parametrize(("takes", "gives"), [("uint8", "float32"), ("float32", "uint8"), ("float32", "complex64")])
    def test_a_model_of_other_numbers_than_brightness_is_refused(self, takes, gives, tmp_path):
        pixels = keras.Input((None, None, 3), dtype=takes)
        keras.Model(pixels, keras.ops.cast(pixels, gives)).save(tmp_path / "other.keras")
        with pytest.raises(DenoiserError, match=rf"other\.keras: maps {takes} to {gives}, not floats"):
            load_model(tmp_path / "other.keras")

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_a_model_with_a_broken_weight_is_refused_though_its_last_layer_hides_it(self, number, tmp_path):
        pixels = keras.Input((None, None, 3))
        coloured = keras.layers.Conv2D(3, 1)
        network = export(keras.Model(pixels, coloured(pixels)))
        kernel, bias = coloured.get_weights()
        bias[1] = number
        coloured.set_weights([kernel, bias])
        network.save(tmp_path / "broken.keras")
        with pytest.raises(DenoiserError, match=r"broken\.keras: its weights .*bias are NaN or infinite"):
            load_model(tmp_path / "broken.keras")

    def test_what_lies_far_beyond_is_not_taken_for_white_where_that_is_asked(self):
        pixels = keras.Input((None, None, 3))
        model = keras.Model(pixels, keras.layers.Rescaling([255, -255, 1.5])(pixels))
        (pixel,) = denoise(model, np.ones((1, 1, 1, 3), np.float32), far=4).reshape(-1, 3)
        np.testing.assert_array_equal(pixel, [np.nan, np.nan, 1])
        assert denoise(model, np.ones((1, 1, 1, 3), np.float32)).tolist() == [[[[1, 0, 1]]]]

    def test_infinity_is_not_taken_for_white(self):
        pixels = keras.Input((None, None, 3))
        overflowing = keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.Constant(3e38))
        answer = denoise(keras.Model(pixels, overflowing(pixels)), np.ones((1, 4, 4, 3), np.float32))
        assert np.isnan(answer).all()
