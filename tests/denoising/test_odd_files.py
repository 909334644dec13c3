"""Sixty odd files: each is kept as it is but for its noise, or refused in one line, and stops no other."""

import io
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from svhn_denoiser.denoising.flow import Result, Settings, denoise_files
from svhn_denoiser.denoising.jobs import plan
from svhn_denoiser.denoising.tiff import write as write_tiff
from svhn_denoiser.picture_files import FORMATS, Picture, read
from svhn_denoiser.picture_notes import upright
from tests.made_pictures import chunk, png, postscript

_RNG = np.random.default_rng(11)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>dc:title</rdf:RDF></x:xmpmeta>'
GREY, COLOUR = (6, 9), (6, 9, 3)


def darker(values: NDArray[Any]) -> NDArray[Any]:
    """Stands in for a network: halves all values, so that one sees what went through it."""
    assert values.ndim == 2 or values.shape[-1] == 3
    return (values // 2).astype(values.dtype) if values.dtype.kind == "u" else values / 2


def noise(*shape: int, kind: Any = np.uint8) -> NDArray[Any]:
    return _RNG.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


def run(folder: Path, *names: str, **settings: Any) -> dict[str, Result]:
    """Denoise files of a folder into `out` beside them."""
    asked = Settings(**settings)
    made = plan([str(folder / name) for name in names], folder / "out", into=asked.into, overwrite=asked.overwrite)
    results = [Result(failure.source, reason=failure.reason) for failure in made.failures]
    results += denoise_files(made.jobs, darker, asked)
    return {result.source.name: result for result in results}


def halved(picture: Picture) -> NDArray[Any]:
    values = picture.values.copy()
    colours = values[..., :-1] if picture.has_alpha else values
    colours[:] = darker(colours[..., 0] if colours.shape[2:] == (1,) else colours).reshape(colours.shape)
    return values


def described(turn: int = 1) -> Image.Exif:
    """EXIF as a phone writes it: which way is up, who made it, when, and where."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", turn
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (52.0, 31.0, 12.0)
    return exif


def image(values: NDArray[Any], mode: str | None = None, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        picture = Image.fromarray(values)
        (picture.convert(mode) if mode else picture).save(path, **options)

    return make


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def tiff(values: NDArray[Any], **options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, values, **options)


def encoded(kind: str, size: tuple[int, ...] = (40, 40, 3), **options: Any) -> bytes:
    made = io.BytesIO()
    Image.fromarray(noise(*size)).save(made, kind, **options)
    return made.getvalue()


def frames(*options: Any, kind: str, count: int = 3) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        first, *others = (Image.fromarray(noise(*COLOUR)) for _ in range(count))
        first.save(path, kind, save_all=True, append_images=others)

    return make


def bomb(kind: bytes = b"\2") -> bytes:
    """A PNG that says it has ten thousand million pixels, in a hundred bytes."""
    header = struct.pack(">II", 100_000, 100_000) + b"\x08" + kind + b"\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# name, how it is made, and what is written: format, shape, type
KEPT: list[tuple[str, Callable[[Path], None], str, tuple[int, ...], Any]] = [
    ("grey.png", image(noise(*GREY)), "PNG", GREY, np.uint8),
    ("grey-alpha.png", image(noise(6, 9, 2)), "PNG", (6, 9, 2), np.uint8),
    ("colour.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("alpha.png", image(noise(6, 9, 4)), "PNG", (6, 9, 4), np.uint8),
    ("palette.png", image(noise(*COLOUR), "P"), "PNG", COLOUR, np.uint8),
    ("palette-transparent.png", image(noise(*COLOUR), "P", transparency=0), "PNG", (6, 9, 4), np.uint8),
    ("1-bit.png", image(noise(*GREY), "1"), "PNG", GREY, np.uint8),
    ("4-bit.png", raw(png(noise(6, 8) >> 4, bits=4)), "PNG", (6, 8), np.uint8),
    ("16-bit.png", raw(png(noise(*GREY, kind=np.uint16))), "PNG", GREY, np.uint16),
    ("16-bit-alpha.png", raw(png(noise(6, 9, 2, kind=np.uint16))), "PNG", (6, 9, 2), np.uint16),
    ("16-bit-colour.png", raw(png(noise(6, 9, 3, kind=np.uint16))), "PNG", COLOUR, np.uint16),
    ("16-bit-rgba.png", raw(png(noise(6, 9, 4, kind=np.uint16))), "PNG", (6, 9, 4), np.uint16),
    ("interlaced.png", raw(png(noise(6, 9, 3, kind=np.uint16), interlaced=True)), "PNG", COLOUR, np.uint16),
    ("tall.png", raw(png(noise(300, 2, 3, kind=np.uint16))), "PNG", (300, 2, 3), np.uint16),
    ("one-pixel.png", image(noise(1, 1, 3)), "PNG", (1, 1, 3), np.uint8),
    ("line.png", image(noise(1, 500, 3)), "PNG", (1, 500, 3), np.uint8),
    ("apng.apng", image(noise(*COLOUR), format="PNG"), "PNG", COLOUR, np.uint8),
    ("shouting.PNG", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("photo.jpg", image(noise(*COLOUR)), "JPEG", COLOUR, np.uint8),
    ("photo.JPEG", image(noise(*COLOUR)), "JPEG", COLOUR, np.uint8),
    ("grey.jpg", image(noise(*GREY)), "JPEG", GREY, np.uint8),
    ("cmyk.jpg", image(noise(*COLOUR), "CMYK"), "JPEG", COLOUR, np.uint8),
    ("progressive.jpg", image(noise(*COLOUR), progressive=True), "JPEG", COLOUR, np.uint8),
    ("phone.jpg", frames(kind="MPO", count=2), "JPEG", COLOUR, np.uint8),
    ("lossy.webp", image(noise(*COLOUR), quality=80), "WEBP", COLOUR, np.uint8),
    ("exact.webp", image(noise(*COLOUR), lossless=True), "WEBP", COLOUR, np.uint8),
    ("alpha.webp", image(noise(6, 9, 4), lossless=True), "WEBP", (6, 9, 4), np.uint8),
    ("colour.tif", image(noise(*COLOUR)), "TIFF", COLOUR, np.uint8),
    ("lzw.tiff", image(noise(*COLOUR), compression="tiff_lzw"), "TIFF", COLOUR, np.uint8),
    ("1-bit.tif", image(noise(*GREY), "1", compression="group4"), "TIFF", GREY, np.uint8),
    ("cmyk.tif", image(noise(*COLOUR), "CMYK"), "TIFF", COLOUR, np.uint8),
    ("16-bit.tif", tiff(noise(*GREY, kind=np.uint16)), "TIFF", GREY, np.uint16),
    ("16-bit-colour.tif", tiff(noise(*COLOUR, kind=np.uint16), photometric="rgb"), "TIFF", COLOUR, np.uint16),
    (
        "big-endian.tif",
        tiff(noise(*COLOUR, kind=np.uint16), photometric="rgb", byteorder=">"),
        "TIFF",
        COLOUR,
        np.uint16,
    ),
    (
        "16-bit-alpha.tif",
        tiff(noise(6, 9, 4, kind=np.uint16), photometric="rgb", extrasamples=["unassalpha"]),
        "TIFF",
        (6, 9, 4),
        np.uint16,
    ),
    ("float.tif", tiff(_RNG.random(GREY, np.float32)), "TIFF", GREY, np.float32),
    ("picture.bmp", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("still.gif", image(noise(*COLOUR), "P"), "PNG", COLOUR, np.uint8),
    ("scan.ppm", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("game.tga", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("film.jp2", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("new.avif", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("no-ending", image(noise(*COLOUR), format="JPEG"), "JPEG", COLOUR, np.uint8),
    ("photo.jpg.001", image(noise(*COLOUR), format="JPEG"), "JPEG", COLOUR, np.uint8),
    ("png-inside.jpg", image(noise(*COLOUR), format="PNG"), "PNG", COLOUR, np.uint8),
    ("-o.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("it's 100% [a] *?.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("Straße 東京 🏠.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    ("line\nbreak.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    (os.fsdecode(b"latin-\xe9.png"), image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    (f"{'n' * 251}.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
    (f"{'ü' * 125}x.png", image(noise(*COLOUR)), "PNG", COLOUR, np.uint8),
]

REFUSED: list[tuple[str, Callable[[Path], Any], str]] = [
    ("empty.png", raw(b""), "its bytes are no picture of a known format"),
    ("text.jpg", raw(b"no picture"), "its bytes are no picture of a known format"),
    ("cut.png", raw(encoded("PNG")[:700]), "(?i)truncated|incomplete"),
    ("cut.jpg", raw(encoded("JPEG")[:900]), "truncated"),
    ("cut.webp", raw(encoded("WEBP")[:300]), "."),
    ("cut.tif", raw(encoded("TIFF")[:900]), "."),
    ("12-bit.jpg", raw(encoded("JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")), "rare kind .12 bits"),
    ("bad-header.png", raw(encoded("PNG")[:30] + bytes(3)), "it is a damaged PNG"),
    ("pointer.png", raw(b"version https://git-lfs.github.com/spec/v1\n"), "it is a pointer of Git LFS"),
    ("new.jxl", raw(b"\xff\x0a" + bytes(40)), "it is JPEG XL, which is not read here"),
    ("bomb.png", raw(bomb()), "100,000x100,000 pixels need about .* GB of memory"),
    ("animated.gif", frames(kind="GIF"), "it holds 3 pictures; save them as files of their own"),
    ("animated.webp", frames(kind="WEBP"), "it holds 3 pictures"),
    ("animated.png", frames(kind="PNG"), "it holds 3 pictures"),
    ("pages.tif", frames(kind="TIFF"), "it holds 3 pictures"),
    ("phone.heic", raw(b"\0\0\0\x18ftypheic" + bytes(50)), "it is HEIC, which is not read here"),
    ("camera.nef", tiff(noise(*COLOUR)), "it is a camera's raw file"),
    ("program.png", lambda path: postscript(path, path.with_name("ran")), "PostScript or PDF"),
    ("beyond.tif", tiff(np.full(GREY, 1.5, np.float32)), "floats from 1.5 to 1.5; expected 0 .* to 1"),
    ("nan.tif", tiff(np.full(GREY, np.nan, np.float32)), "floats from nan to nan"),
    ("signed.tif", tiff(np.full(GREY, -5, np.int16)), "signed whole numbers"),
    ("32-bit.tif", tiff(np.full(GREY, 5, np.uint32)), "whole numbers"),
    ("folder.png", lambda path: path.mkdir(), "holds no picture"),
    ("pipe.png", os.mkfifo, "it is no file"),
    ("nowhere.png", lambda path: path.symlink_to("gone.png"), "(?i)no such file"),
    ("missing.png", lambda _: None, "no such file or folder"),
]


@pytest.mark.parametrize(("name", "make", "kind", "shape", "depth"), KEPT, ids=[case[0] for case in KEPT])
def test_an_odd_file_keeps_its_format_depth_and_all_but_its_noise(
    name: str, make: Callable[[Path], None], kind: str, shape: tuple[int, ...], depth: Any, tmp_path: Path
) -> None:
    make(tmp_path / name)
    os.utime(tmp_path / name, (1e9, 1e9))
    before = read(tmp_path / name)
    (result,) = run(tmp_path, name).values()
    assert result.reason is None
    assert result.target is not None
    after = read(result.target)
    assert (after.format, after.values.shape, after.values.dtype) == (kind, shape, depth)
    assert result.target.stat().st_mtime == 1e9
    assert result.target.suffix.lower() in FORMATS[kind]
    assert result.target.name.startswith(name.split(".")[0])
    if kind == "TIFF":
        np.testing.assert_array_equal(tifffile.imread(result.target), after.values)
    exact = kind in {"PNG", "TIFF"} or name == "exact.webp"
    if exact:
        np.testing.assert_array_equal(after.values, halved(before))
    else:
        assert np.abs(after.values.astype(float) - halved(before)).mean() < 20
    assert [path.name for path in (tmp_path / "out").iterdir()] == [result.target.name]


@pytest.mark.parametrize(("name", "make", "why"), REFUSED, ids=[case[0] for case in REFUSED])
def test_an_odd_file_is_refused_in_a_line_and_the_next_is_done(
    name: str, make: Callable[[Path], Any], why: str, tmp_path: Path
) -> None:
    make(tmp_path / name)
    image(noise(*COLOUR))(tmp_path / "good.png")
    results = run(tmp_path, name, "good.png")
    refused = results[name]
    assert refused.target is None
    assert refused.reason is not None
    assert "\n" not in refused.reason
    assert re.search(why, refused.reason), refused.reason
    assert results["good.png"].reason is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    assert not (tmp_path / "ran").exists()


class TestWhatAFileSays:
    @pytest.mark.parametrize("turn", range(1, 9))
    def test_a_picture_stands_upright_and_says_so(self, turn: int, tmp_path: Path) -> None:
        ramp = np.linspace(0, 250, 6 * 9 * 3).reshape(COLOUR).astype(np.uint8)
        image(ramp, exif=described(turn), quality=100, subsampling=0)(tmp_path / "a.jpg")
        upright = read(tmp_path / "a.jpg")
        (result,) = run(tmp_path, "a.jpg").values()
        written = Image.open(result.target)
        assert written.getexif().get(0x0112, 1) == 1
        assert written.size == ((6, 9) if turn > 4 else (9, 6))
        assert np.abs(np.asarray(written, float) - halved(upright)).mean() < 3

    @pytest.mark.parametrize("turn", range(1, 9))
    def test_so_does_a_tiff_however_it_is_stored(self, turn: int, tmp_path: Path) -> None:
        alpha = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
        kinds: list[tuple[NDArray[Any], dict[str, Any]]] = [
            (noise(6, 9), {}),
            (noise(6, 9, kind=np.uint16), {}),
            (noise(6, 9, kind=np.uint16), {"compression": "zlib"}),
            (noise(6, 9, 4), alpha),
            (noise(6, 9, 2, kind=np.uint16), {**alpha, "photometric": "minisblack"}),
            (_RNG.random((6, 9), np.float32), {}),
        ]
        for values, options in kinds:
            tiff(values, extratags=[(274, 3, 1, turn, True)], **options)(tmp_path / "a.tif")
            np.testing.assert_array_equal(read(tmp_path / "a.tif").values, upright(values, turn))

    def test_an_orientation_that_is_no_number_is_none(self, tmp_path: Path) -> None:
        values = noise(6, 9, 3)
        for told in (b"\x02\0\x04\0\0\0abc\0", b"\x03\0\x01\0\0\0\x09\0\0\0", b"\x03\0\xff\xff\xff\xff\0\0\0\0"):
            exif = b"II*\0\x08\0\0\0\x01\0\x12\x01" + told + bytes(4)
            (tmp_path / "a.png").write_bytes(png(values.astype(np.uint16), before=chunk(b"eXIf", exif)))
            np.testing.assert_array_equal(read(tmp_path / "a.png").values, values)

    @pytest.mark.parametrize("deep", [False, True])
    def test_a_png_keeps_what_its_numbers_mean(self, deep: bool, tmp_path: Path) -> None:
        about = {b"cHRM": bytes(range(32)), b"gAMA": (100_000).to_bytes(4, "big"), b"sRGB": b"\2"}
        values = noise(6, 9, 3, kind=np.uint16)
        content = png(values, before=b"".join(chunk(*each) for each in about.items()))
        if not deep:
            made = io.BytesIO()
            Image.fromarray(noise(*COLOUR)).save(made, "PNG")
            whole, said = made.getvalue(), b"".join(chunk(*each) for each in about.items())
            content = whole[:33] + said + whole[33:]
        (tmp_path / "a.png").write_bytes(content)
        (result,) = run(tmp_path, "a.png").values()
        assert result.target is not None
        written = result.target.read_bytes()
        assert all(chunk(*each) in written for each in about.items())
        (tmp_path / "a.png").write_bytes(content.replace(chunk(b"sRGB", b"\2"), b""))
        (result,) = run(tmp_path, "a.png", into="webp").values()
        assert result.notes[-1] == "its gamma of 1 was left out: WEBP has no place for it"

    @pytest.mark.parametrize("strip", [False, True])
    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "deep.png", "deep.tif"])
    def test_metadata_is_kept_and_left_out_if_asked(self, name: str, strip: bool, tmp_path: Path) -> None:
        about = {"exif": described(), "icc_profile": PROFILE, "dpi": (300, 300)}
        if name == "deep.png":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", XMP.decode())
            made = io.BytesIO()
            Image.new("L", (1, 1)).save(made, "PNG", pnginfo=info, **about)
            content = made.getvalue()
            said = content[content.index(b"IHDR") + 21 : content.index(b"IDAT") - 4]
            (tmp_path / name).write_bytes(png(noise(6, 9, 3, kind=np.uint16), before=said))
        elif name.endswith(".tif"):  # Pillow leaves out what EXIF says of place and time
            values = noise(6, 9, 3, kind=np.uint16 if name == "deep.tif" else np.uint8)
            write_tiff(tmp_path / name, values, **about | {"exif": described().tobytes()}, xmp=XMP)
            with tifffile.TiffFile(tmp_path / name) as other_reader:
                tags = other_reader.pages[0].tags
                assert tags["ExifTag"].value["DateTimeOriginal"] == "2024:05:06 07:08:09"
                assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
                assert (tags["InterColorProfile"].value, tags["XMP"].value) == (PROFILE, XMP)
        else:
            kind = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[Path(name).suffix]
            more: dict[str, Any] = {"xmp": XMP} if kind in {"JPEG", "WEBP"} else {}
            if kind == "PNG":
                more["pnginfo"] = PngImagePlugin.PngInfo()
                more["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
            image(noise(*COLOUR), **about, **more)(tmp_path / name)
        before = read(tmp_path / name)
        assert before.exif
        assert before.xmp == XMP
        (result,) = run(tmp_path, name, strip=strip).values()
        assert (result.reason, result.notes) == (None, ())
        after = read(result.target)
        assert after.icc == PROFILE
        if not name.endswith(".webp"):
            assert after.dpi == pytest.approx((300, 300), rel=1e-3)
        now: Any = Image.open(result.target)
        said = now.getexif()
        place, taken = said.get_ifd(0x8825), said.get_ifd(0x8769)
        if strip:
            assert (after.xmp, place, taken, said.get(0x010F)) == (None, {}, {}, None)
            assert b"Maker" not in result.target.read_bytes()
        else:
            assert after.xmp == XMP
            assert (place[1], tuple(map(float, place[2]))) == ("N", (52, 31, 12))
            assert (taken[0x9003], said[0x010F]) == ("2024:05:06 07:08:09", "Maker")

    @pytest.mark.parametrize("name", ["a.png", "deep.png", "a.jpg"])
    def test_comments_captions_and_colours_by_numbers_stay_where_the_format_does(
        self, name: str, tmp_path: Path
    ) -> None:
        caption = b"tEXtTitle\0A house with a number"
        colours = chunk(b"cICP", bytes([9, 16, 0, 1]))
        said = [chunk(caption[:4], caption[4:]), colours]
        if name == "a.jpg":
            said = [b"\xff\xed\0\x1bPhotoshop 3.0\x008BIM\4\4" + bytes(5), b"\xff\xfe\0\x09a house"]
            (tmp_path / name).write_bytes(b"\xff\xd8" + b"".join(said) + encoded("JPEG")[2:])
        else:
            content = encoded("PNG") if name == "a.png" else png(noise(6, 9, 3, kind=np.uint16))
            # what editors add comes behind the pixels, too, and what follows the end belongs to nobody
            (tmp_path / name).write_bytes(content[:33] + colours + content[33:-12] + said[0] + content[-12:] + said[0])
        (result,) = run(tmp_path, name).values()
        written = result.target.read_bytes() if result.target else b""
        assert (result.notes, [written.count(each) for each in said]) == ((), [1, 1])
        (result,) = run(tmp_path, name, strip=True, overwrite=True).values()
        written = result.target.read_bytes() if result.target else b""
        assert [each in written for each in said] == [False, name != "a.jpg"]
        (result,) = run(tmp_path, name, into="tiff").values()
        assert "its comments and captions were left out: they are not written into TIFF" in result.notes
        assert any("(cICP)" in note for note in result.notes) == (name != "a.jpg")

    def test_damaged_exif_harms_no_picture(self, tmp_path: Path) -> None:
        # Pillow looks at it twice where the file names no dots an inch, and gives in the first time
        for number, exif in enumerate([b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"]):
            image(noise(*COLOUR), exif=exif, dpi=(72, 72))(tmp_path / f"{number}.jpg")
        for result in run(tmp_path, "0.jpg", "1.jpg", "2.jpg").values():
            assert result.target is not None
            assert read(result.target).values.shape == COLOUR
        results = run(tmp_path, "0.jpg", "1.jpg", "2.jpg", into="tiff")
        assert results["0.jpg"].notes == ("its EXIF is damaged and was left out",)
        assert all(result.target is not None for result in results.values())

    def test_a_turn_in_four_bytes_is_made_once(self, tmp_path: Path) -> None:
        exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\4\0\1\0\0\0\6\0\0\0" + bytes(4)
        image(noise(*COLOUR), exif=b"Exif\0\0" + exif)(tmp_path / "a.jpg")
        (result,) = run(tmp_path, "a.jpg").values()
        assert Image.open(result.target).size == (6, 9)
        assert Image.open(result.target).getexif()[0x0112] == 1

    def test_exif_that_a_png_holds_as_text_is_kept(self, tmp_path: Path) -> None:
        held = b"Exif\0\0" + described(6).tobytes()[6:]
        text = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(held), held.hex().encode())
        (tmp_path / "a.png").write_bytes(png(noise(6, 9, 3, kind=np.uint16), before=chunk(b"tEXt", text)))
        (result,) = run(tmp_path, "a.png").values()
        now = Image.open(result.target)
        assert (now.size, now.getexif()[0x0112], now.getexif()[0x010F]) == ((6, 9), 1, "Maker")

    def test_webp_without_loss_stays_so_behind_a_long_profile(self, tmp_path: Path) -> None:
        image(noise(*COLOUR), lossless=True, icc_profile=PROFILE + bytes(_RNG.bytes(90_001)))(tmp_path / "a.webp")
        before = read(tmp_path / "a.webp")
        (result,) = run(tmp_path, "a.webp").values()
        np.testing.assert_array_equal(read(result.target).values, halved(before))

    def test_two_calls_that_write_one_file_at_once_leave_it_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image(noise(*COLOUR))(tmp_path / "a.tif")
        once = iter([True])

        def beside_another(file: Path, *values: Any, **about: Any) -> None:
            write_tiff(file, *values, **about)
            if next(once, False):
                assert run(tmp_path, "a.tif", overwrite=True)["a.tif"].reason is None

        monkeypatch.setattr("svhn_denoiser.denoising.tiff.write", beside_another)
        (result,) = run(tmp_path, "a.tif").values()
        assert result.reason is None
        np.testing.assert_array_equal(read(result.target).values, halved(read(tmp_path / "a.tif")))
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.tif"]

    def test_what_is_lost_on_the_way_is_said(self, tmp_path: Path) -> None:
        raw(png(noise(6, 9, 3, kind=np.uint16)))(tmp_path / "deep.png")
        image(noise(*COLOUR), "CMYK")(tmp_path / "ink.jpg")
        image(noise(*COLOUR), exif=b"Exif\0\0" + described().tobytes()[6:] + bytes(70_000))(tmp_path / "long.png")
        image(noise(*COLOUR))(tmp_path / "old.bmp")
        results = run(tmp_path, "deep.png", "ink.jpg", "long.png", into="jpeg")
        assert results["deep.png"].notes == ("its 16 bits a channel became 8: JPEG has no more",)
        assert results["ink.jpg"].notes == ("its CMYK colours became RGB, without a profile",)
        assert "too long for JPEG" in results["long.png"].notes[0]
        frames(kind="MPO", count=2)(tmp_path / "both eyes.jpg")
        tiff(noise(6, 9, 5), photometric="rgb")(tmp_path / "infrared.tif")
        results = run(tmp_path, "both eyes.jpg", "infrared.tif")
        assert results["both eyes.jpg"].notes == ("all but the first of its 2 pictures was left out",)
        assert results["infrared.tif"].notes == ("what its 5 channels hold besides colours and alpha was left out",)
        (old,) = run(tmp_path, "old.bmp").values()
        assert old.notes == ("BMP is not written here: it became PNG",)

    def test_a_format_that_cannot_hold_a_picture_is_refused(self, tmp_path: Path) -> None:
        image(noise(6, 9, 4))(tmp_path / "a.png")
        image(noise(1, 17_000, 3))(tmp_path / "long.png")
        (result,) = run(tmp_path, "a.png", into="jpeg").values()
        assert result.reason == "JPEG has no transparency; --format png keeps it"
        (result,) = run(tmp_path, "long.png", into="webp").values()
        assert "17,000 pixels a side are more than WEBP can hold" in (result.reason or "")
        assert list(tmp_path.rglob("out/*")) == []
