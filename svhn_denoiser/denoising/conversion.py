"""A trained network in the formats of other runtimes, for pictures of any height and width.

Keras writes each format. Before that, the network is put into words that every runtime has, and that it runs fast:

- Padding to multiples of 8 by symmetric reflection, and the cut back, become part of the network: indices and a gather,
  since ONNX has no symmetric padding, and none that reaches further than the picture is wide.
- An average over a large square, as blind networks take it of the noise, becomes one over columns and one over rows:
  the same but for the last digit, at a sixteenth of the work. OpenVINO took a quarter of its time for it.
- Enlarging by repetition becomes a resize, after which LiteRT still knows the number of channels: else it cannot
  convert the next convolution.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from svhn_denoiser.denoising import openvino_network
from svhn_denoiser.denoising.formats import Format
from svhn_denoiser.denoising.runtime import import_openvino
from svhn_denoiser.networks.backend import keras

# ONNX's operations as of 2023; tf2onnx's default is older
_OPSET = 18
# the deepest network halves three times
_MULTIPLE = 8


def write(model: keras.Model, into: Format, file: Path) -> None:
    """Write a network for another runtime: float32 (N, H, W, 3) in [0, 1] to the same, any N, H and W.

    Args:
        model: maps float32 (N, H, W, 3) in [0, 1] to the same, for H and W that are multiples of 8.
        into: the format.
        file: where to; for OpenVINO, the weights go beside it into a .bin file.
    """
    if into == "openvino":
        import_openvino()
        _mend_openvino()
    network = _AnySize(_portable(model))
    network(keras.ops.zeros((1, _MULTIPLE, _MULTIPLE, 3)))
    signature = [keras.InputSpec(shape=(None, None, None, 3), dtype="float32", name="noisy")]
    options: dict[Format, dict[str, Any]] = {"onnx": {"opset_version": _OPSET}, "openvino": {}, "litert": {}}
    if into == "litert":
        # no operation that needs TensorFlow: light runtimes lack it
        import tensorflow as tf

        options["litert"] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    with TemporaryDirectory() as folder:
        plain = Path(folder) / file.name if into == "openvino" else file
        network.export(str(plain), format=into, input_signature=signature, verbose=False, **options[into])
        if into == "openvino":
            openvino_network.rewrite(plain, file)


def _mend_openvino() -> None:
    # since Python 3.13 `exec` in a function leaves no name behind, and OpenVINO 2026.2 goes on to delete one; what it
    # executes imports TensorFlow, which is imported here
    from openvino.frontend.tensorflow import utils

    utils.exec = lambda _: None


class _AnySize(keras.Model):  # type: ignore[misc]
    """A network with its padding and cutting inside; not for training."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name=network.name)
        self.network = network

    def call(self, noisy: Any) -> Any:
        import tensorflow as tf

        size = tf.shape(noisy)
        padded = noisy
        for axis in (1, 2):
            length = size[axis]
            # no remainder of a negative number, which tf2onnx gets wrong
            whole = (length + _MULTIPLE - 1) // _MULTIPLE * _MULTIPLE
            index = tf.range(whole) % (2 * length)
            padded = tf.gather(padded, tf.minimum(index, 2 * length - 1 - index), axis=axis)
        return self.network(padded, training=False)[:, : size[1], : size[2], :]


class _Enlarged(keras.layers.Layer):  # type: ignore[misc]
    """Repeats each pixel, as UpSampling2D does, and keeps the number of channels known."""

    def __init__(self, factors: tuple[int, int], name: str) -> None:
        super().__init__(name=name)
        self.factors = factors

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.image.resize(x, tf.shape(x)[1:3] * self.factors, method="nearest")


def _portable(model: keras.Model) -> keras.Model:
    """The same network, with its weights shared, in layers that every runtime has and runs fast."""

    def call(layer: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest":
            return _Enlarged(layer.size, f"{layer.name}_nearest")(*args)
        if isinstance(layer, pooling) and layer.strides == (1, 1) and layer.padding == "same":
            rows, columns = layer.pool_size
            # "same" counts only what lies inside, rows times columns of it: the mean of means is the mean
            x = pooling((rows, 1), 1, "same", dtype="float32", name=f"{layer.name}_rows")(*args)
            return pooling((1, columns), 1, "same", dtype="float32", name=f"{layer.name}_columns")(x)
        return layer(*args, **kwargs)

    pooling = keras.layers.AveragePooling2D
    if isinstance(model, keras.Sequential):  # which Keras clones as a list of layers
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
