"""Where a network runs: every GPU of this host, or the CPU."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.networks.backend import keras
from svhn_denoiser.params import TrainSettings


@dataclass(frozen=True)
class Device:
    """The device that a training uses. Made by `choose`."""

    kind: str
    names: tuple[str, ...]
    strategy: Any = None

    @property
    def description(self) -> str:
        """For people, tags, and the key of a training's state: "2 x NVIDIA L4" or "CPU"."""
        return f"{len(self.names)} x {self.names[0]}" if self.kind == "gpu" else "CPU"

    @property
    def replicas(self) -> int:
        """How many copies of the network share a batch."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def jit_compile(self) -> bool | str:
        """XLA makes these networks 1.4 to 5 times slower on a CPU, so Keras decides on a GPU only."""
        return "auto" if self.kind == "gpu" else False

    def precision(self, settings: TrainSettings) -> str:
        """Keras's dtype policy for `train.precision`."""
        if settings.precision != "auto":
            return settings.precision
        if self.kind == "gpu":
            return "mixed_float16"
        return "mixed_bfloat16" if _cpu_has_bfloat16() else "float32"

    def scope(self) -> AbstractContextManager[Any]:
        """Variables made in here are mirrored over the GPUs, if there are several."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def configure(self, settings: TrainSettings) -> None:
        """Set precision and determinism for all that is built from now on."""
        keras.config.set_dtype_policy(self.precision(settings))
        if settings.deterministic and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()

    @contextmanager
    def float32(self) -> Iterator[None]:
        """What is built in here is float32."""
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)


def choose(settings: TrainSettings) -> Device:
    """The device for `train.device`.

    Raises:
        DenoiserError: `gpu` is asked for and TensorFlow sees none.
    """
    if keras.backend.backend() != "tensorflow":
        # JAX and PyTorch place their arrays themselves
        return Device("cpu", (keras.backend.backend(),))
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if settings.device == "gpu" and not gpus:
        raise DenoiserError(
            "train.device = gpu: TensorFlow sees no GPU here. Install its CUDA libraries with `make gpu` "
            "(Linux, an NVIDIA driver that `nvidia-smi` can talk to), or set train.device to auto or cpu."
        )
    if settings.precision == "mixed_float16" and not gpus:
        raise DenoiserError(
            "train.precision = mixed_float16: half precision needs a GPU, and TensorFlow sees none here. "
            "Use auto, float32 or mixed_bfloat16."
        )
    if settings.device == "cpu" or not gpus:
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        return Device("cpu", ("CPU",))
    names = tuple(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus)
    return Device("gpu", names, tf.distribute.MirroredStrategy() if len(gpus) > 1 else None)


def _cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    # with these instructions a step takes 0.6 to 0.7 of its time and ends at the same score (docs/network.md);
    # without them it would be emulated, and slower
    try:
        flags = cpuinfo.read_text().split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
