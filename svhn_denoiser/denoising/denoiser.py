"""Denoise arrays from Python: `from svhn_denoiser import Denoiser`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from svhn_denoiser.denoising import models
from svhn_denoiser.denoising.tiles import in_tiles
from svhn_denoiser.errors import DenoiserError

_Value = TypeVar("_Value", bound=np.generic)

# Pixels of small pictures that go through the network at once: 256 crops of 32x32. More is no faster, and takes more
# memory.
_AT_ONCE = 256 * 32 * 32

_SHAPES = "(H, W), (H, W, 1), (H, W, 3) or (N, H, W, 3)"


class Denoiser:
    """A trained network for arrays of pictures.

        from svhn_denoiser import Denoiser

        denoiser = Denoiser.load("shipped")
        clean = denoiser(noisy)

    Memory beside the result stays the same however many pictures there are and however large they are.

    Attributes:
        name: what the model is, such as "the champion, version 3".
        runtime: what runs it, such as "OpenVINO, bfloat16" or "Keras, float32".
        trained_noise: the noise that it was trained for; None where that is not known.
        shipped: whether it is the model that comes with the package.
    """

    def __init__(self, model: models.LoadedModel) -> None:
        self.name = model.name
        self.runtime = model.runtime
        self.trained_noise = model.noise
        self.shipped = model.shipped
        self._network = model.network

    @classmethod
    def load(cls, name: str | Path | None = "shipped", *, say: Callable[[str], None] = lambda _: None) -> "Denoiser":
        """Load a model.

        Args:
            name: `shipped`, the model that comes with the package; `champion`, that of the MLflow store; an address of
                MLflow's such as models:/svhn-denoiser/3; or a file, .keras or an exported .xml. None for the champion
                where there is one, else the shipped one.
            say: is called with a sentence where something takes long, such as preparing a model for the first time.

        Raises:
            DenoiserError: there is no such model, or it cannot be loaded here.
        """
        return cls(models.load(None if name is None else str(name), say))

    @property
    def about(self) -> str:
        """What the model is, what it was trained for, and what runs it."""
        noise = self.trained_noise or "noise that is not known here"
        return f"{self.name}, trained for {noise} ({self.runtime})"

    def __call__(self, pictures: NDArray[_Value]) -> NDArray[_Value]:
        """Denoise a picture, or several of one size.

        Args:
            pictures: (H, W) or (H, W, 1) in grey, (H, W, 3) in colour, or (N, H, W, 3); uint8, uint16, or a float type
                with values in [0, 1].

        Returns:
            The same shape and type. The argument stays as it is.

        Raises:
            DenoiserError: the array is of another shape or type, or holds NaN or values beyond [0, 1]; or the model
                answers with NaN or far beyond.
        """
        given = np.asarray(pictures)
        _check(given)
        if given.size == 0:
            return given.copy()
        if given.ndim == 4:
            return self._several(given)
        colours = given if given.ndim == 3 else given[..., None]
        return in_tiles(colours, lambda piece: self._together(piece[None])[0]).reshape(given.shape)

    def _several(self, pictures: NDArray[Any]) -> NDArray[Any]:
        result = np.empty_like(pictures)
        step = max(1, _AT_ONCE // (pictures.shape[1] * pictures.shape[2]))
        for start in range(0, len(pictures), step):
            if step == 1:
                result[start] = in_tiles(pictures[start], lambda piece: self._together(piece[None])[0])
            else:
                result[start : start + step] = self._together(pictures[start : start + step])
        return result

    def _together(self, pictures: NDArray[Any]) -> NDArray[Any]:
        """(N, H, W, 1 or 3) of any type that is taken, small enough to go through the network at once."""
        kind = pictures.dtype
        white = np.iinfo(kind).max if kind.kind == "u" else 1
        values = pictures.astype(np.float32)
        if kind.kind == "u":
            values /= np.float32(white)
        elif not (values.min() >= 0 and values.max() <= 1):  # so written, it also catches NaN
            raise _out_of_range(values)
        grey = values.shape[-1] == 1
        # the network knows colours only
        result = self._network(np.repeat(values, 3, axis=-1) if grey else values)
        if not np.isfinite(result).all():
            raise DenoiserError(
                f"{self.name}: answers with numbers that are no brightness (NaN, or far beyond 0 to 1). Take another "
                "model."
            )
        if grey:
            result = result.mean(axis=-1, keepdims=True, dtype=np.float32)
        return np.rint(result * np.float32(white)).astype(kind) if kind.kind == "u" else result.astype(kind)


def _check(pictures: NDArray[Any]) -> None:
    shape = pictures.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3)) or (len(shape) == 4 and shape[-1] == 3)):
        hint = ""
        if len(shape) in (3, 4) and shape[-1] in (2, 4):
            hint = " Take the alpha channel off, and put it back afterwards."
        elif len(shape) in (3, 4) and shape[-3] in (1, 3):
            hint = " The channels come last here: np.moveaxis(array, -3, -1) puts them there."
        raise DenoiserError(f"an array of shape {shape}: expected {_SHAPES}.{hint}")
    kind = pictures.dtype
    if kind.kind != "f" and not (kind.kind == "u" and kind.itemsize <= 2):
        raise DenoiserError(
            f"an array of {kind}: expected uint8, uint16, or floats in [0, 1]. "
            "array.astype('uint8') is right where the values go from 0 to 255."
        )


def _out_of_range(values: NDArray[np.float32]) -> DenoiserError:
    if not np.isfinite(values).all():
        count = values.size - int(np.isfinite(values).sum())
        return DenoiserError(f"the array holds {count} values that are NaN or infinite: expected floats in [0, 1].")
    hint = " Divide by 255 first." if 1 < values.max() <= 255 and values.min() >= 0 else ""
    return DenoiserError(
        f"the array holds values from {values.min():g} to {values.max():g}: expected floats in [0, 1].{hint}"
    )
