"""`svhn-denoiser export`."""

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from svhn_denoiser.terminal import AsJson, print_json


class _Format(StrEnum):
    ONNX = "onnx"
    OPENVINO = "openvino"
    LITERT = "litert"


def export(
    into: Annotated[_Format, typer.Option("--format", help="ONNX, OpenVINO's IR, or LiteRT (TensorFlow Lite).")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="Ends in .onnx, .xml or .tflite."),
    ],
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", help="`champion`, `shipped`, an address of MLflow's, or a .keras file."),
    ] = "champion",
    as_json: AsJson = False,
) -> None:
    """Write a model for another runtime: float32 (N, H, W, 3) in [0, 1] to the same, any height and width.

    What was written is run and compared with Keras on crops of data/raw, or on drawn numbers where there are none.
    Where the answers differ nothing is written, and the exit code is 1.
    """
    from svhn_denoiser.denoising import formats, models

    # said before a model is fetched and Keras imported, which takes seconds
    formats.check_suffix(output, into.value)
    formats.check_tools(into.value)
    with TemporaryDirectory() as folder:
        file, name = models.file_of(model, Path(folder))
        from svhn_denoiser.denoising.exporting import export as write

        parity = write(file, into.value, output)
    if as_json:
        print_json({"model": name, "format": into.value, "output": str(output), "parity": parity.as_dict()})
    else:
        typer.echo(f"{output}: {name}, for any height and width\n{parity.line()}")
