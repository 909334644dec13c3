"""A denoiser for pictures of house numbers: data, network, scores and registry."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from svhn_denoiser.denoising.denoiser import Denoiser

__all__ = ["Denoiser"]


def __getattr__(name: str) -> Any:
    # so that `import svhn_denoiser`, which every program here begins with, imports nothing else
    if name == "Denoiser":
        from svhn_denoiser.denoising.denoiser import Denoiser

        return Denoiser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
