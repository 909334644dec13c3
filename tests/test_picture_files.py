"""Picture files: which are found, what is read of them, and what is never opened."""

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from svhn_denoiser import picture_files
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.picture_files import UnreadablePictureError, find, read
from tests.example_settings import ROOT
from tests.made_pictures import POSTSCRIPT, chunk, png, postscript

_RNG = np.random.default_rng(12)


def noise(*shape: int, kind: Any = np.uint8) -> NDArray[Any]:
    return _RNG.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


def why_not(path: Path) -> str:
    with pytest.raises(UnreadablePictureError) as failure:
        read(path)
    assert str(failure.value).startswith(f"{path}: this picture cannot be read: ")
    return failure.value.reason


class TestFind:
    def test_hidden_files_and_folders_are_left_out_and_the_rest_is_in_order(self, tmp_path: Path) -> None:
        for name in ("b/z.PNG", "b.png", "a.heic", "notes.txt", "._b.png", ".git/x.png", "b/.x.jpg", "B.jpeg"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        pictures, others = find(tmp_path)
        assert [path.relative_to(tmp_path).as_posix() for path in pictures] == ["B.jpeg", "b.png", "b/z.PNG"]
        assert [path.name for path in others] == ["a.heic", "notes.txt"]

    def test_a_hidden_folder_that_is_named_is_searched(self, tmp_path: Path) -> None:
        (tmp_path / ".mine").mkdir()
        (tmp_path / ".mine/x.png").touch()
        assert len(find(tmp_path / ".mine")[0]) == 1

    def test_a_link_to_nothing_is_found_and_named(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").symlink_to(tmp_path / "nowhere")
        assert find(tmp_path)[0] == [tmp_path / "x.png"]
        assert why_not(tmp_path / "x.png") == "No such file or directory"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
    def test_a_folder_that_cannot_be_looked_into_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "closed").mkdir(mode=0)
        with pytest.raises(DenoiserError, match="closed: cannot be looked into: Permission denied"):
            find(tmp_path)


class TestDepth:
    @pytest.mark.parametrize("interlaced", [False, True])
    @pytest.mark.parametrize("shape", [(13, 9), (13, 9, 2), (13, 9, 3), (13, 9, 4), (1, 1, 3)], ids=str)
    def test_png_of_16_bits_in_all_colours(self, shape: tuple[int, ...], interlaced: bool, tmp_path: Path) -> None:
        values = noise(*shape, kind=np.uint16)
        (tmp_path / "x.png").write_bytes(png(values, interlaced=interlaced))
        picture = read(tmp_path / "x.png")
        np.testing.assert_array_equal(picture.values, values)
        assert (picture.values.dtype, picture.bits, picture.format) == (np.uint16, 16, "PNG")
        assert (picture.grey, picture.has_alpha) == (len(shape) == 2 or shape[2] == 2, shape[-1] in {2, 4})

    @pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)], ids=str)
    def test_png_of_16_bits_with_a_transparent_colour(self, shape: tuple[int, ...], tmp_path: Path) -> None:
        values = noise(*shape, kind=np.uint16)
        transparent = np.array(values[2, 3], ">u2").tobytes()
        (tmp_path / "x.png").write_bytes(png(values, before=chunk(b"tRNS", transparent)))
        picture = read(tmp_path / "x.png")
        np.testing.assert_array_equal(picture.values[..., :-1].reshape(shape), values)
        assert np.argwhere(picture.values[..., -1] != 65535).tolist() == [[2, 3]]
        assert picture.values[2, 3, -1] == 0

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_png_of_few_bits_with_a_transparent_grey(self, bits: int, tmp_path: Path) -> None:
        values = np.arange(16).reshape(2, 8) % 2**bits
        (tmp_path / "x.png").write_bytes(png(values, bits=bits, before=chunk(b"tRNS", b"\0\1")))
        picture = read(tmp_path / "x.png")
        np.testing.assert_array_equal(picture.values[..., 0], values * (255 // (2**bits - 1)))
        np.testing.assert_array_equal(picture.values[..., 1], np.where(values == 1, 0, 255))

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("packed", [None, "zlib"])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_tiff_of_16_bits(self, channels: int, packed: Any, order: Any, tmp_path: Path) -> None:
        values = noise(21, 17, channels, kind=np.uint16)
        colours = "minisblack" if channels == 1 else "rgb"
        extra = ["unassalpha"] if channels == 4 else None
        tifffile.imwrite(
            *(tmp_path / "x.tif", values[..., 0] if channels == 1 else values),
            photometric=colours,
            compression=packed,
            byteorder=order,
            extrasamples=extra,
            predictor=2 if packed and channels > 1 else None,
            rowsperstrip=5,
        )
        picture = read(tmp_path / "x.tif")
        np.testing.assert_array_equal(picture.values.reshape(values.shape), values)
        assert (picture.format, picture.bits) == ("TIFF", 16)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("packed", [None, "zlib"])
    @pytest.mark.parametrize("tile", [None, (16, 16)])
    def test_tiff_of_16_bits_in_grey_with_alpha(self, order: Any, packed: Any, tile: Any, tmp_path: Path) -> None:
        values = noise(21, 17, 2, kind=np.uint16)
        how = {"photometric": "minisblack", "planarconfig": "contig", "byteorder": order, "tile": tile}
        kinds = {"unassalpha": values, "assocalpha": None, "unspecified": values[..., 0]}
        for kind, wanted in kinds.items():
            tifffile.imwrite(tmp_path / "x.tif", values, extrasamples=[kind], compression=packed, **how)
            picture = read(tmp_path / "x.tif")
            if wanted is None:
                grey, alpha = values.astype(float)[..., 0], values.astype(float)[..., 1]
                wanted = np.dstack([np.minimum(grey / alpha * 65535, 65535).astype(np.uint16), values[..., 1]])
            np.testing.assert_array_equal(picture.values, wanted, strict=True)
            assert (picture.format, picture.bits) == ("TIFF", 16)

    def test_a_large_layout_of_tiff_hands_on_what_it_says(self, tmp_path: Path) -> None:
        values = noise(5, 6, 3, kind=np.uint16)
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", bigtiff=True, software="a camera")
        picture = read(tmp_path / "x.tif")
        np.testing.assert_array_equal(picture.values, values)
        about = Image.Exif()
        about.load(picture.exif or b"")
        assert about[0x0131] == "a camera"

    def test_tiff_where_white_is_0(self, tmp_path: Path) -> None:
        values = noise(5, 6, kind=np.uint16)
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite")
        np.testing.assert_array_equal(read(tmp_path / "x.tif").values, 65535 - values)

    def test_tiff_with_alpha_multiplied_into_its_colours(self, tmp_path: Path) -> None:
        values = noise(5, 6, 4, kind=np.uint16)
        values[..., 3] |= 0x8000
        whole = values.astype(np.float64)
        values[..., :3] = np.rint(whole[..., :3] * whole[..., 3:] / 65535)
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", extrasamples=["assocalpha"])
        np.testing.assert_allclose(read(tmp_path / "x.tif").values, whole, atol=2)

    @pytest.mark.parametrize(
        ("values", "how", "reason"),
        [
            (noise(4, 4, kind=np.uint32), {}, "it holds 32-bit whole numbers, whose range is not known"),
            (noise(4, 4, kind=np.int32), {}, "it holds 32-bit whole numbers"),
            (noise(4, 4, kind=np.int16), {}, "it holds signed whole numbers"),
            (noise(4, 4).view(np.int8), {}, "it holds signed whole numbers"),
            (noise(3, 4, 4, kind=np.uint16), {"photometric": "rgb", "planarconfig": "separate"}, "band by band"),
            (noise(4, 4, 3, kind=np.uint32), {"photometric": "rgb"}, "its layout of TIFF is not read here"),
        ],
    )
    def test_tiff_that_would_be_read_wrongly_is_refused(
        self, values: NDArray[Any], how: dict[str, Any], reason: str, tmp_path: Path
    ) -> None:
        tifffile.imwrite(tmp_path / "x.tif", values, **how)
        assert reason in why_not(tmp_path / "x.tif")

    @pytest.mark.parametrize("highest", [65535, 1023])
    @pytest.mark.parametrize(("plain", "channels"), [(False, 3), (True, 3), (False, 1), (True, 1)])
    def test_netpbm_of_more_than_8_bits(self, plain: bool, channels: int, highest: int, tmp_path: Path) -> None:
        values = _RNG.integers(0, highest, (3, 4, channels), endpoint=True)
        kind = {(False, 1): 5, (False, 3): 6, (True, 1): 2, (True, 3): 3}[plain, channels]
        numbers = " ".join(map(str, values.ravel())).encode() if plain else values.astype(">u2").tobytes()
        (tmp_path / "x.pnm").write_bytes(f"P{kind}\n4 3\n{highest}\n".encode() + numbers)
        picture = read(tmp_path / "x.pnm")
        np.testing.assert_allclose(picture.values.reshape(values.shape), values * 65535 / highest, atol=0.51)

    @pytest.mark.parametrize("kept", [0.2, 0.9])
    @pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
    def test_a_deep_picture_that_is_cut_off_is_refused(self, suffix: str, kept: float, tmp_path: Path) -> None:
        values, path = noise(40, 40, 3, kind=np.uint16), tmp_path / f"x.{suffix}"
        if suffix == "tif":
            tifffile.imwrite(path, values, photometric="rgb", compression="zlib")
        else:
            path.write_bytes(png(values) if suffix == "png" else b"P6 40 40 65535\n" + values.astype(">u2").tobytes())
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
        assert why_not(path)


class TestKinds:
    @pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
    def test_an_animation_is_refused(self, suffix: str, tmp_path: Path) -> None:
        frames = [Image.fromarray(noise(8, 8, 3)) for _ in range(3)]
        frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
        assert why_not(tmp_path / f"x.{suffix}") == "it holds 3 pictures; save them as files of their own"
        with pytest.raises(UnreadablePictureError, match="holds 3 pictures"):
            picture_files.size(tmp_path / f"x.{suffix}")

    def test_a_small_copy_within_a_file_is_none_of_its_own(self, tmp_path: Path) -> None:
        picture, small = (Image.fromarray(noise(side, side, 3)) for side in (8, 4))
        picture.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[small])
        assert (read(tmp_path / "x.jpg").format, read(tmp_path / "x.jpg").values.shape) == ("JPEG", (8, 8, 3))
        with tifffile.TiffWriter(tmp_path / "x.tif") as file:
            file.write(np.asarray(picture), photometric="rgb")
            file.write(np.asarray(small), photometric="rgb", subfiletype=1)
        np.testing.assert_array_equal(read(tmp_path / "x.tif").values, np.asarray(picture))

    @pytest.mark.parametrize("name", ["x.png", "x.eps", "x.jpg", "x"])
    def test_postscript_is_never_run(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran = tmp_path / "ran"
        (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {ran}\n")
        (tmp_path / "gs").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        postscript(tmp_path / name, ran)
        assert "is not run" in why_not(tmp_path / name)
        with pytest.raises(UnreadablePictureError):
            picture_files.size(tmp_path / name)
        assert not ran.exists()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (POSTSCRIPT, "PostScript"),
            (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
            (b"8BPS\0\1" + bytes(30), "no picture of a known format"),
            (b"words", "no picture of a known format"),
            (b"", "no picture of a known format"),
        ],
        ids=["PostScript", "HEIC", "Photoshop", "words", "empty"],
    )
    def test_only_formats_of_the_list_are_opened(self, content: bytes, reason: str, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_bytes(content)
        assert reason in why_not(tmp_path / "x.png")

    def test_what_is_no_file_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "x.png")
        assert why_not(tmp_path / "x.png") == "it is no file"
        assert why_not(tmp_path) == "it is no file"

    def test_pictures_are_opened_nowhere_without_a_list_of_formats(self) -> None:
        calls = subprocess.run(
            ["grep", "-rnE", r"Image\.open\(|imread\(", "svhn_denoiser", "stages", "--include=*.py"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert calls
        assert [call for call in calls if "formats=" not in call and "BytesIO" not in call] == []

    def test_a_large_picture_is_no_bomb(self, tmp_path: Path) -> None:
        Image.new("1", (14000, 13000)).save(tmp_path / "x.png")
        assert picture_files.size(tmp_path / "x.png") == (13000, 14000)
        assert read(tmp_path / "x.png").values.shape == (13000, 14000)

    def test_a_picture_that_does_not_fit_into_memory_is_refused_in_time(self, tmp_path: Path) -> None:
        content = bytearray(png(noise(4, 4, 3, kind=np.uint16)))
        content[16:24] = struct.pack(">II", 2_000_000, 1_000_000)
        content[12:33] = chunk(b"IHDR", bytes(content[16:29]))[4:]
        (tmp_path / "x.png").write_bytes(content)
        assert "its 2,000,000x1,000,000 pixels need about" in why_not(tmp_path / "x.png")


class TestNotes:
    @pytest.mark.parametrize("turn", range(1, 9))
    @pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
    def test_a_turned_photograph_stands_upright_and_says_so(self, suffix: str, turn: int, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = turn, "a maker"
        how = {"quality": 95} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
        stored = Image.fromarray(np.kron(noise(3, 5, 3), np.ones((8, 8, 1), np.uint8)))
        stored.save(tmp_path / f"x.{suffix}", exif=exif, **how)
        picture = read(tmp_path / f"x.{suffix}")
        assert picture.exif is not None
        Image.fromarray(picture.values).save(tmp_path / "again.png", exif=picture.exif)
        assert read(tmp_path / "again.png").values.tolist() == picture.values.tolist()
        again = Image.open(tmp_path / "again.png").getexif()
        assert (again.get(0x0112, 1), again[0x010F]) == (1, "a maker")
        turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
        upright = stored.transpose(Image.Transpose(turns[turn])) if turn > 1 else stored
        assert picture.values.shape == np.asarray(upright).shape
        assert np.abs(picture.values.astype(int) - np.asarray(upright)).mean() < 12

    def test_a_deep_picture_is_turned_too(self, tmp_path: Path) -> None:
        values = noise(4, 7, 3, kind=np.uint16)
        exif = Image.Exif()
        exif[0x0112] = 6
        (tmp_path / "x.png").write_bytes(png(values, before=chunk(b"eXIf", exif.tobytes()[6:])))
        np.testing.assert_array_equal(read(tmp_path / "x.png").values, np.rot90(values, -1))
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", extratags=[(0x0112, 3, 1, 6, True)])
        np.testing.assert_array_equal(read(tmp_path / "x.tif").values, np.rot90(values, -1))

    def test_what_exif_says_besides_is_kept_to_the_byte(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 8
        exif.get_ifd(0x8769)[0x927C] = b"the maker's own"
        before = exif.tobytes()
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.jpg", exif=before)
        after = read(tmp_path / "x.jpg").exif
        assert after is not None
        assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [(8, 1)]

    def test_profile_resolution_and_xmp_are_kept(self, tmp_path: Path) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        for suffix in ("jpg", "png", "tif", "webp"):
            Image.fromarray(noise(8, 8, 3)).save(
                tmp_path / f"x.{suffix}", icc_profile=profile, dpi=(300, 200), xmp=xmp, pnginfo=text
            )
            picture = read(tmp_path / f"x.{suffix}")
            assert picture.icc == profile
            if suffix != "webp":
                assert picture.dpi == pytest.approx((300, 200), rel=0.001)
            if suffix != "tif":
                assert picture.xmp == xmp.replace(b'"6"', b'"1"')

    def test_a_profile_of_print_colours_does_not_describe_rgb(self, tmp_path: Path) -> None:
        Image.new("CMYK", (8, 8)).save(tmp_path / "x.jpg", icc_profile=b"of print colours")
        picture = read(tmp_path / "x.jpg")
        assert (picture.mode, picture.values.shape, picture.icc) == ("CMYK", (8, 8, 3), None)

    def test_a_tiff_file_without_a_resolution_has_none(self, tmp_path: Path) -> None:
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.tif")
        assert read(tmp_path / "x.tif").dpi is None


def test_reading_needs_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(png(noise(4, 4, 3, kind=np.uint16)))
    code = f"from svhn_denoiser.picture_files import *; read(Path({str(tmp_path / 'x.png')!r})); import sys; "
    code += "sys.exit(bool({'tensorflow', 'keras', 'mlflow', 'scipy', 'skimage'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
