"""Export a model's file for another runtime, and let nothing through that answers otherwise than Keras."""

from pathlib import Path
from tempfile import TemporaryDirectory

from svhn_denoiser.denoising import conversion, formats, parity
from svhn_denoiser.denoising.formats import Format
from svhn_denoiser.denoising.twins import Twin
from svhn_denoiser.files import whole
from svhn_denoiser.networks import inference
from svhn_denoiser.networks.model_file import load_model


def export(model: Path, into: Format, output: Path) -> parity.Parity:
    """Write a .keras file in another format, after its answers were compared with Keras's.

    Args:
        model: the .keras file.
        into: the format.
        output: where to. For OpenVINO a .bin file with the weights goes beside it, and a .json file that says what the
            comparison showed; the fast runtime reads there whether bfloat16 is good enough.

    Returns:
        What the comparison showed.

    Raises:
        DenoiserError: a package that the format needs is missing, the output is named otherwise than the format's files
            are, the model cannot be loaded, or the answers differ. Nothing is written then.
    """
    formats.check_suffix(output, into)
    formats.check_tools(into)
    network = load_model(model)
    with TemporaryDirectory() as folder:
        made = Path(folder) / output.name
        conversion.write(network, into, made)
        exported, in_bfloat16 = parity.runners(into, made)
        found = parity.compare(
            lambda pictures: inference.denoise(network, pictures), exported, parity.sample(), in_bfloat16
        )
        if into == "openvino":
            Twin(made).describe(model, found)
        # the named file comes last: where it is, the others are
        for file in sorted(Path(folder).iterdir(), key=lambda file: file == made):
            with whole(output.with_name(file.name)) as unfinished:
                unfinished.write_bytes(file.read_bytes())
    return found
