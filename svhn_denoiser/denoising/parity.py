"""Does an exported network answer as Keras does? Measured on pictures before anything is kept."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.denoising.formats import Format
from svhn_denoiser.denoising.runtime import FastNetwork, computes_in_bfloat16
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.metrics import psnr
from svhn_denoiser.paths import RAW

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]

# a tenth of one step of 8 bits
MOST_DIFFERENCE = 0.1 / 255
# dB of PSNR that the exported network may lose to Keras
MOST_LOSS = 0.001
# dB of PSNR that bfloat16 may cost at any of the strengths
MOST_LOSS_OF_BFLOAT16 = 0.02

_STRENGTHS = (0.0, 0.02, 0.1, 0.3)
_CROPS = 64
_SEED = 2021


@dataclass(frozen=True)
class Sample:
    """Pictures to compare on.

    Attributes:
        source: where the crops are from, in words.
        clean: float32 (N, 32, 32, 3) in [0, 1].
        noisy: by strength, the same shape.
        odd: pictures of other sizes, float32 (1, H, W, 3): smaller than the padding, and no multiple of 8.
    """

    source: str
    clean: Floats
    noisy: dict[float, Floats]
    odd: tuple[Floats, ...]


@dataclass(frozen=True)
class Parity:
    """How an exported network's answers differ from Keras's.

    Attributes:
        pictures: how many were compared.
        source: where they are from, in words.
        largest_difference: of any value, in [0, 1].
        loss: dB of PSNR against the clean pictures, at the strength where it is largest; below 0 where nothing is lost.
        bfloat16_losses: dB that bfloat16 loses to float32, by the strength of the noise; None for a format or a CPU
            without it.
    """

    pictures: int
    source: str
    largest_difference: float
    loss: float
    bfloat16_losses: dict[str, float] | None = None

    @property
    def bfloat16(self) -> bool:
        """Whether bfloat16 was measured, and costs next to nothing."""
        return self.bfloat16_losses is not None and max(self.bfloat16_losses.values()) < MOST_LOSS_OF_BFLOAT16

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def difference(self) -> str:
        """How far it is from Keras, for people."""
        return (
            f"{self.pictures} {self.source}: differs from Keras by {self.largest_difference * 255:.5f} of 255 at most, "
            f"PSNR by {abs(self.loss):.5f} dB"
        )

    def line(self) -> str:
        """All of it, for people."""
        if self.bfloat16_losses is None:
            return self.difference()
        used = "good enough" if self.bfloat16 else f"too much, as {MOST_LOSS_OF_BFLOAT16} dB are the limit"
        return f"{self.difference()}; bfloat16 costs up to {max(self.bfloat16_losses.values()):.4f} dB: {used}"


def sample(raw: Path = RAW) -> Sample:
    """Pictures of the test file where there is one, else drawn numbers, with noise of several strengths.

    The first crops are also laid side by side into pictures of odd sizes.
    """
    file = raw / "test_32x32.mat"
    if file.is_file():
        from svhn_denoiser import mat_format

        crops, source = next(mat_format.blocks(file, _CROPS)), f"crops of {file}"
    else:
        from svhn_denoiser.sources import synthetic

        crops, source = synthetic.draw(_CROPS, _SEED, "parity")[0], "drawn numbers"
    clean = crops.astype(np.float32) / np.float32(255)
    rng = np.random.default_rng(_SEED)
    noisy = {s: _with_noise(clean, s, rng) for s in _STRENGTHS}
    wide = np.concatenate(list(noisy[0.1][:4]), axis=1)
    return Sample(source, clean, noisy, (wide[None, :29, :101], wide[None, :1, :3], wide[None, :32, :70]))


def compare(reference: Run, exported: Run, pictures: Sample, in_bfloat16: Run | None = None) -> Parity:
    """Hold an exported network against Keras.

    Args:
        reference: float32 (N, H, W, 3) in [0, 1] to the same, by Keras.
        exported: the same by the other runtime, in float32.
        pictures: what to compare on.
        in_bfloat16: the same in bfloat16, where that can be measured.

    Raises:
        DenoiserError: they differ by more than the last digits.
    """
    differences, losses = [], []
    costs: dict[str, float] = {}
    for strength, noisy in pictures.noisy.items():
        expected, found = reference(noisy), exported(noisy)
        differences.append(_largest_difference(expected, found))
        losses.append(_psnr(expected, pictures.clean) - _psnr(found, pictures.clean))
        if in_bfloat16:
            costs[str(strength)] = _psnr(found, pictures.clean) - _psnr(in_bfloat16(noisy), pictures.clean)
    differences += [_largest_difference(reference(odd), exported(odd)) for odd in pictures.odd]
    count = sum(len(noisy) for noisy in pictures.noisy.values()) + len(pictures.odd)
    parity = Parity(count, pictures.source, max(differences), max(losses, key=abs), costs or None)
    # written so that it also refuses what is no number
    if not (parity.largest_difference <= MOST_DIFFERENCE and abs(parity.loss) <= MOST_LOSS):
        raise DenoiserError(
            f"the exported network does not answer as Keras does: {parity.difference()}. "
            f"At most {MOST_DIFFERENCE * 255:g} of 255 and {MOST_LOSS:g} dB are let through; nothing was written."
        )
    return parity


def runners(into: Format, file: Path) -> tuple[Run, Run | None]:
    """An exported file as a function, in float32, and in bfloat16 where format and CPU have it."""
    match into:
        case "openvino":
            return FastNetwork(file, bfloat16=False), (
                FastNetwork(file, bfloat16=True) if computes_in_bfloat16() else None
            )
        case "onnx":
            return _onnx(file), None
        case "litert":
            return _litert(file), None


def _onnx(file: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda pictures: np.asarray(session.run(None, {session.get_inputs()[0].name: pictures})[0], np.float32)


def _litert(file: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    def run(pictures: Floats) -> Floats:
        interpreter = Interpreter(str(file))
        noisy, denoised = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
        interpreter.resize_tensor_input(noisy, pictures.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(noisy, pictures)
        interpreter.invoke()
        result: Floats = interpreter.get_tensor(denoised)
        return result

    return run


def _with_noise(clean: Floats, strength: float, rng: np.random.Generator) -> Floats:
    noise = np.float32(strength) * rng.standard_normal(clean.shape, dtype=np.float32)
    return np.clip(clean + noise, 0, 1)


def _largest_difference(expected: Floats, found: Floats) -> float:
    return float(np.abs(expected - found).max()) if found.shape == expected.shape else float("inf")


def _psnr(estimate: Floats, clean: Floats) -> float:
    return float(psnr(clean, estimate).mean())
