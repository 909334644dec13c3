"""Picture files of people's own: which there are in a folder, and what one holds.

The only place that opens picture files. Only the formats listed here are opened, whatever a file is called: Pillow
knows others, and some of them are programs (it hands PostScript to Ghostscript).
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from svhn_denoiser import picture_depth, picture_notes
from svhn_denoiser.errors import DenoiserError

# what Pillow calls each format, and the endings of its files
FORMATS: dict[str, tuple[str, ...]] = {
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "PNG": (".png", ".apng"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "TGA": (".tga",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

# pictures, too, but none that are read here; Pillow would take the small preview in a raw file for the picture
RAW = frozenset(
    [".3fr", ".arw", ".cr2", ".cr3", ".dng", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"]
)
UNREAD = RAW | frozenset([".eps", ".heic", ".heics", ".heif", ".hif", ".jxl", ".pdf", ".psd", ".svg", ".xcf"])
UNDEVELOPED = "it is a camera's raw file, which is not read here; develop it into TIFF or PNG"

# Pillow would refuse what is larger than 179 megapixels; here memory is what limits a picture's size
Image.MAX_IMAGE_PIXELS = None
# some editors write long histories, packed; Pillow refuses a picture with a text of more than a megabyte
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
# of odd metadata, as lines of code on the terminal: what can be read of it is kept
warnings.filterwarnings("ignore", module=r"PIL\.")
# of memory while a picture is read: Pillow's pixels, up to twice, and the array's
_BYTES_A_PIXEL = {"1": 4, "L": 4, "P": 12, "I;16": 6}
_MOST_BYTES_A_PIXEL = 24

_SAMPLES = 277  # the tag of TIFF with the number of channels

# a profile describes the values that it came with: those of other modes are converted
_MODES_OF_PROFILES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F", "P", "PA", "RGB", "RGBA", "RGBa"}


class UnreadablePictureError(DenoiserError):
    """A picture that cannot be read.

    Attributes:
        path: its file.
        reason: why, without the file's name.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: this picture cannot be read: {reason}. Mend it, or leave it out.")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """What a picture file holds, upright.

    Attributes:
        values: (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha. uint8 for up to 8 bits
            a channel, uint16 from 0 to 65,535 for more, float32 as it is in the file. Alpha is straight, never
            multiplied into the colours, and opaque at the highest value.
        format: a key of `FORMATS`.
        mode: how Pillow calls what the file holds: "P" with a palette, "1" black and white, "CMYK", ...; such values
            have become RGB or grey here.
        bits: of a channel in the file. More than `values` holds where a format cannot be read as deep as it is.
        icc: colour profile of `values`; None also where they were converted from other colours.
        exif: EXIF as it is in the file, from "Exif" on or from its TIFF header on, but that it says: upright.
        xmp: XMP packet, likewise.
        dpi: dots an inch, across and down.
        colours: what a PNG says of its colours besides a profile, such as its gamma: chunks by their names.
        left_out: what else its file holds, in words; empty where there is nothing.
        halved_colours: whether its colours have a lower resolution than its brightness.
        words: what only a file of the same format can say, as `picture_notes.words` finds it.
    """

    values: NDArray[Any]
    format: str
    mode: str
    bits: int
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colours: Mapping[bytes, bytes] = field(default_factory=dict)
    left_out: str = ""
    halved_colours: bool = False
    words: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def grey(self) -> bool:
        """Whether it has no colours."""
        return self.values.ndim == 2 or self.values.shape[2] == 2

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel says how opaque each pixel is."""
        return self.values.ndim == 3 and self.values.shape[2] in {2, 4}


def _refuse(error: OSError) -> None:
    raise DenoiserError(f"{error.filename}: cannot be looked into: {error.strerror}.") from None


def find(folder: Path, refused: Callable[[OSError], None] = _refuse) -> tuple[list[Path], list[Path]]:
    """The files in a folder and below: pictures by their ending, and others; each in order of their names.

    Hidden files and folders are left out: those whose names begin with a dot, such as the `._x.jpg` that macOS puts
    beside x.jpg. Links to folders are not followed. A link to nothing counts as the file that it is called.

    Args:
        folder: where to look.
        refused: is called with the error where a folder cannot be looked into.

    Raises:
        DenoiserError: a folder cannot be looked into, and nothing else was said about that.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in names if not name.startswith("."))
        found += [path for path in paths if path.is_file() or not path.exists()]
    found.sort(key=lambda path: path.relative_to(folder).as_posix())
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    return pictures, [path for path in found if path.suffix.lower() not in SUFFIXES]


def real(path: Path) -> Path:
    """What a path leads to, whatever names and links it goes through; of links in a circle, one of them."""
    return Path(os.path.realpath(path))  # `Path.resolve` raises for a circle, before Python 3.13


def size(path: Path) -> tuple[int, int]:
    """Height and width of a picture, upright or on its side as it is stored, without reading its pixels.

    Raises:
        UnreadablePictureError: as `read`, as far as that shows without reading the pixels.
    """
    with opened(path) as image:
        return image.height, image.width


def read(path: Path) -> Picture:
    """Read a picture of any format on the list, size and depth, with what else its file says of it.

    Raises:
        UnreadablePictureError: it is not there, is of a format that is not on the list, is damaged, holds several
            pictures, or is too large for the free memory.
    """
    with opened(path) as image:
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        mode, bits = image.mode, picture_depth.bits(image, path)
        deep = picture_depth.deep_values(image, path, bits)
        image.load()  # some formats hold what they say of a picture behind it
        turn = picture_notes.orientation(image)
        values = _plain_values(image, bits) if deep is None else deep
        return Picture(
            values=picture_notes.upright(values, turn),
            format=kind,
            mode=mode,
            bits=bits,
            icc=image.info.get("icc_profile") if mode in _MODES_OF_PROFILES else None,
            exif=picture_notes.exif(image),
            xmp=picture_notes.xmp(image),
            dpi=picture_notes.dpi(image),
            colours=picture_notes.colours_of_png(image),
            left_out=_left_out(image, mode, values),
            halved_colours=picture_notes.halved_colours(image, path),
            words=picture_notes.words(image, path),
        )


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """A picture file as Pillow opens it, its pixels still unread; errors in the block are said in words, too.

    Raises:
        UnreadablePictureError: as `read`.
    """
    try:
        if path.exists() and not path.is_file():
            raise UnreadablePictureError(path, "it is no file")
        if path.suffix.lower() in RAW:
            raise UnreadablePictureError(path, UNDEVELOPED)
        Image.init()
        # Pillow may have been built without one
        known = [name for name in FORMATS if name in Image.OPEN]
        with Image.open(path, formats=known) as image:
            # Pillow 13 maps a TIFF file that it knows by its name into memory, and where the picture has to be turned
            # on its side, it takes its width for its height
            image.filename = ""
            _check_one(path, image)
            _check_memory(path, image)
            yield image
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError:
        raise UnreadablePictureError(path, _what_instead(path)) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadablePictureError(path, reason.rstrip(".") or type(error).__name__) from error


def _what_instead(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith((b"%!", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "it is PostScript or PDF, which is a program and is not run; save it as PNG"
    if start[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"}:
        return "it is HEIC, which is not read here; save it as JPEG or PNG"
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "it is JPEG XL, which is not read here; save it as JPEG or PNG"
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "its layout of TIFF is not read here; save it with 8 or 16 bits a channel, as grey or RGB"
    if start.startswith(b"\xff\xd8\xff"):
        return "it is a damaged JPEG, or one of a rare kind (12 bits, lossless); save it anew as JPEG or PNG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "it is a damaged PNG; mend it with an editor, or fetch it anew"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, and not the picture; `git lfs pull` fetches that"
    return f"its bytes are no picture of a known format ({', '.join(FORMATS)}); save it as one of these"


def _check_one(path: Path, image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if image.format == "TIFF" and frames > 1:
        # small copies of the picture are none of their own
        frames = sum(not _reduced(image, frame) for frame in range(frames))
        image.seek(0)
    # phones put a small copy into their JPEG files, which Pillow then calls MPO
    if frames > 1 and image.format != "MPO":
        raise UnreadablePictureError(path, f"it holds {frames} pictures; save them as files of their own")


def _reduced(image: Any, frame: int) -> bool:
    image.seek(frame)
    return bool(frame and int(image.tag_v2.get(254, 0)) & 1)


def _left_out(image: Any, mode: str, values: NDArray[Any]) -> str:
    if image.format == "MPO":
        return f"all but the first of its {image.n_frames} pictures"
    kept = 1 if values.ndim == 2 else values.shape[2]
    samples = image.tag_v2.get(_SAMPLES, 1) if image.format == "TIFF" and mode != "CMYK" else kept
    return f"what its {samples} channels hold besides colours and alpha" if samples > kept else ""


def _check_memory(path: Path, image: Image.Image) -> None:
    needed = image.width * image.height * _BYTES_A_PIXEL.get(image.mode, _MOST_BYTES_A_PIXEL)
    free = psutil.virtual_memory().available
    if needed > free:
        raise UnreadablePictureError(
            path,
            f"its {image.width:,}x{image.height:,} pixels need about {needed / 1e9:.1f} GB of memory, and "
            f"{free / 1e9:.1f} GB are free",
        )


def _plain_values(image: Image.Image, bits: int) -> NDArray[Any]:
    """What Pillow reads with 8 bits a channel, or as floating-point numbers."""
    if image.mode == "F":
        return np.asarray(image, np.float32)
    if image.mode.startswith("I"):  # Pillow would cut such numbers off at 255
        raise ValueError("its whole numbers have no known range; save it with 8 or 16 bits")
    transparent = image.info.get("transparency")
    if image.mode in {"1", "L", "RGB"} and isinstance(transparent, int | tuple):
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
        # PNG names the transparent colour in units of its own depth
        unit = 255 // (2**bits - 1) if image.format == "PNG" and 1 < bits < 8 else 1
        return picture_depth.with_transparent(values, np.multiply(transparent, unit).astype(values.dtype))
    if image.mode in {"1", "L"}:
        return np.asarray(image.convert("L"))
    if image.mode in {"LA", "La"}:
        return np.asarray(image.convert("LA"))
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
