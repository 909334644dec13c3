"""A hundred hostile pictures: each is read as what it is, or refused by its name; none runs a program."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser import picture_files
from svhn_denoiser.picture_files import UnreadablePictureError
from tests.made_pictures import chunk, png, postscript


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def bomb() -> bytes:
    """A few bytes that say they are 60,000 by 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def hostile() -> list[tuple[str, bytes]]:
    """Names and contents, the same ones each time."""
    rng = random.Random(100)
    values = np.random.default_rng(1).integers(0, 256, (24, 33, 4), np.uint8)
    colour, alpha = Image.fromarray(values[..., :3]), Image.fromarray(values)
    whole = {
        "x.png": saved(colour, "PNG"),
        "x.jpg": saved(colour, "JPEG"),
        "x.bmp": saved(colour, "BMP"),
        "x.gif": saved(colour, "GIF"),
        "x.tif": saved(colour, "TIFF"),
        "x.webp": saved(colour, "WEBP"),
        "x.ppm": saved(colour, "PPM"),
        "x.tga": saved(alpha, "TGA"),
        "deep.png": png(values[..., :3].astype(np.uint16) * 257),
    }
    cases = []
    for name, content in whole.items():
        cases += [(f"cut{number}{name}", content[: rng.randrange(len(content))]) for number in range(4)]
        for number in range(5):
            fuzzed = bytearray(content)
            for _ in range(1 + number * 3):
                fuzzed[rng.randrange(len(fuzzed))] = rng.randrange(256)
            cases.append((f"fuzzed{number}{name}", bytes(fuzzed)))
    odd = {
        "cmyk.jpg": saved(colour.convert("CMYK"), "JPEG"),
        "palette.png": saved(colour.quantize(7), "PNG"),
        "bits.png": saved(colour.convert("1"), "PNG"),
        "grey-alpha.png": saved(alpha.convert("LA"), "PNG"),
        "float.tif": saved(Image.fromarray(values[..., 0].astype(np.float32)), "TIFF"),
        "whole-numbers.tif": saved(Image.fromarray(values[..., 0].astype(np.int32) * 10**7), "TIFF"),
        "lab.tif": saved(Image.new("LAB", (8, 8)), "TIFF"),
        "animated.gif": saved(colour, "GIF", save_all=True, append_images=[colour.rotate(90)]),
        "animated.png": saved(colour, "PNG", save_all=True, append_images=[colour.rotate(90)]),
        "pages.tif": saved(colour, "TIFF", save_all=True, append_images=[colour]),
        "bomb.png": bomb(),
        "empty.png": b"",
        "zeros.jpg": bytes(5000),
        "text.png": b"not a picture\n",
        "html.png": b"<!DOCTYPE html><html><body>404</body></html>",
        "zip.png": b"PK\x03\x04" + bytes(100),
        "pdf.png": b"%PDF-1.4\n%%EOF\n",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "no-rows.png": png(values[..., :3].astype(np.uint16)).replace(struct.pack(">II", 33, 24), bytes(8), 1),
    }
    # no two of one name, whatever their ending
    return [(f"{number:03}-{name}", content) for number, (name, content) in enumerate([*cases, *odd.items()])]


def test_each_is_read_or_refused_by_its_name(tallying, tmp_path):
    row = tallying("hostile pictures, read")
    mark = tmp_path / "mark"
    postscript(tmp_path / "postscript.png", mark)
    for name, content in hostile():
        (tmp_path / name).write_bytes(content)
    paths = [path for path in sorted(tmp_path.iterdir()) if path.suffix]
    assert len(paths) >= 100
    for path in paths:
        try:
            picture = picture_files.read(path)
            values = picture.values
            right, said = values.size > 0 and values.dtype in (np.uint8, np.uint16, np.float32), str(values.dtype)
            row.count(path.name, right=right, said=said)
        except UnreadablePictureError as error:
            row.count(path.name, right=str(path) in str(error) and len(error.reason) > 3, said=str(error))
        except Exception as error:
            row.count(path.name, right=False, traceback=True, said=f"{type(error).__name__}: {error}")
    assert not mark.exists()


@pytest.mark.faults
def test_the_good_ones_among_them_are_denoised(tallying, workplace, tmp_path):
    row = tallying("hostile pictures, `denoise`")
    for name, content in hostile():
        (tmp_path / name).write_bytes(content)
    workplace.put_back("finished")
    output = tmp_path / "output"
    model = str(workplace.folder / "models/denoiser.keras")
    done = workplace.command("denoise", str(tmp_path), "--output", str(output), "--model", model)
    written = {path.stem for path in output.rglob("*")}
    assert done.code == 1, done.output
    for name, _ in hostile():
        # written, or told of; never neither
        right = name in done.output or name.rpartition(".")[0] in written
        row.count(name, right=right, traceback=done.traceback, said=done.output[-1500:])
