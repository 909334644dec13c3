"""Pictures of any kind are denoised as they are, broken ones are named, and nobody's file is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from svhn_denoiser.denoising.picture_files import denoise_files, denoise_picture, plan
from svhn_denoiser.errors import DenoiserError

Floats = NDArray[np.float32]
_RNG = np.random.default_rng(4)


def darker(picture: Floats) -> Floats:
    """Stands in for a network: halves all values, so that one sees what went through it."""
    assert picture.dtype == np.float32
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert 0 <= picture.min() <= picture.max() <= 1
    return picture / np.float32(2)


def noise(*shape: int, kind: Any = np.uint8, high: int = 256) -> NDArray[Any]:
    return _RNG.integers(0, high, shape).astype(kind)


def run(paths: list[Path], output: Path, overwrite: bool = False) -> list[str | None]:
    results = denoise_files(plan(paths, output), darker, overwrite=overwrite)
    return [result and f"{result.source.name}: {result.reason}" for result in results]


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "becomes"),
        [
            ("RGB", "RGB"),
            ("RGBA", "RGBA"),
            ("L", "L"),
            ("LA", "LA"),
            ("1", "L"),
            ("P", "RGB"),
            ("PA", "RGBA"),
            ("CMYK", "RGB"),
            ("YCbCr", "RGB"),
            ("HSV", "RGB"),
            ("I", "I;16"),
            ("I;16", "I;16"),
        ],
    )
    def test_every_mode_keeps_what_it_is(self, mode: str, becomes: str) -> None:
        picture = Image.fromarray(noise(7, 13, 3))
        picture = picture.convert("L").convert(mode) if mode.startswith("I") else picture.convert(mode)
        result = denoise_picture(picture, darker)
        assert (result.mode, result.size) == (becomes, (13, 7))

    def test_values_go_through_the_network(self) -> None:
        colours = noise(5, 6, 3)
        result = np.asarray(denoise_picture(Image.fromarray(colours), darker))
        np.testing.assert_allclose(result, colours / 2, atol=0.51)

    def test_grey_goes_through_as_three_equal_colours(self) -> None:
        seen = []

        def look(picture: Floats) -> Floats:
            seen.append(picture)
            return picture * np.array([0.0, 0.5, 1.0], np.float32)

        grey = noise(5, 6)
        result = np.asarray(denoise_picture(Image.fromarray(grey), look))
        np.testing.assert_array_equal(seen[0][..., 0], seen[0][..., 2])
        np.testing.assert_allclose(result, grey / 2, atol=0.51)

    def test_16_bits_stay_16_bits(self) -> None:
        deep = noise(5, 6, kind=np.uint16, high=65536)
        result = np.asarray(denoise_picture(Image.fromarray(deep), darker))
        np.testing.assert_allclose(result, deep / 2, atol=1)

    def test_floats_are_taken_for_brightness_from_0_to_1(self) -> None:
        result = np.asarray(denoise_picture(Image.fromarray(np.full((4, 4), 0.5, np.float32)), darker))
        assert result.dtype == np.uint16
        np.testing.assert_allclose(result, 65535 / 4, atol=1)
        for beyond in (1.5, -0.1, np.nan):
            with pytest.raises(DenoiserError, match="expected 0 to 1"):
                denoise_picture(Image.fromarray(np.full((4, 4), beyond, np.float32)), darker)

    def test_alpha_is_kept_and_not_denoised(self) -> None:
        colours, alpha = noise(5, 6, 3), noise(5, 6)
        result = denoise_picture(Image.fromarray(np.dstack([colours, alpha])), darker)
        np.testing.assert_array_equal(result.getchannel("A"), alpha)
        np.testing.assert_allclose(np.asarray(result)[..., :3], colours / 2, atol=0.51)

    def test_a_transparent_colour_of_a_palette_stays_transparent(self, tmp_path: Path) -> None:
        palette = Image.fromarray(noise(8, 8, high=4)).convert("L").quantize(4)
        palette.save(tmp_path / "p.png", transparency=0)
        assert run([tmp_path / "p.png"], tmp_path / "out") == [None]
        result = Image.open(tmp_path / "out/p.png")
        assert result.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(result.getchannel("A")) == 0, np.asarray(palette) == 0)


class TestFiles:
    def test_files_and_folders_keep_their_names_and_become_png(self, tmp_path: Path) -> None:
        (tmp_path / "in/street").mkdir(parents=True)
        for name in ("a.jpg", "street/b.TIFF", "street/c.bmp"):
            Image.fromarray(noise(9, 5, 3)).save(tmp_path / "in" / name)
        (tmp_path / "in/notes.txt").write_text("no picture")
        Image.fromarray(noise(9, 5, 3)).save(tmp_path / "alone.webp", lossless=True)
        assert run([tmp_path / "in", tmp_path / "alone.webp"], tmp_path / "out") == [None] * 4
        found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
        assert found == ["a.png", "alone.png", "street/b.png", "street/c.png"]
        assert all(Image.open(tmp_path / "out" / name).format == "PNG" for name in found)

    def test_a_broken_picture_is_named_and_the_others_are_done(self, tmp_path: Path) -> None:
        for name in ("a.png", "cut.png", "cut.jpg", "z.png"):
            Image.fromarray(noise(40, 40, 3)).save(tmp_path / name)
        for name in ("cut.png", "cut.jpg"):
            (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:700])
        (tmp_path / "text.png").write_text("no picture")
        (tmp_path / "empty.png").touch()
        names = ["a.png", "cut.png", "text.png", "empty.png", "z.png"]
        first, cut, text, empty, last = run([tmp_path / name for name in names], tmp_path / "out")
        assert (first, last) == (None, None)
        assert cut is not None
        assert cut.startswith("cut.png: ")
        for name, reason in (("text", text), ("empty", empty)):
            assert reason is not None
            assert reason.startswith(f"{name}.png: its bytes are no picture of a known format")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "z.png"]
        (jpeg,) = run([tmp_path / "cut.jpg"], tmp_path / "out")
        assert jpeg is not None
        assert "truncated" in jpeg

    def test_nothing_that_exists_is_replaced_unless_asked(self, tmp_path: Path) -> None:
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.png")
        assert run([tmp_path / "a.png"], tmp_path / "out") == [None]
        (tmp_path / "out/a.png").write_text("mine")
        (refused,) = run([tmp_path / "a.png"], tmp_path / "out")
        assert refused == f"a.png: {tmp_path}/out/a.png exists; --overwrite replaces it"
        assert (tmp_path / "out/a.png").read_text() == "mine"
        assert run([tmp_path / "a.png"], tmp_path / "out", overwrite=True) == [None]
        assert Image.open(tmp_path / "out/a.png").size == (8, 8)

    def test_a_picture_to_denoise_is_never_overwritten_whatever_is_asked(self, tmp_path: Path) -> None:
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.png")
        before = (tmp_path / "a.png").read_bytes()
        (tmp_path / "link").symlink_to(tmp_path)
        for output in (tmp_path, tmp_path / "link"):
            (refused,) = run([tmp_path / "a.png"], output, overwrite=True)
            assert refused is not None
            assert "is one of the pictures to denoise" in refused
        assert (tmp_path / "a.png").read_bytes() == before

    def test_what_was_denoised_into_a_folder_below_is_not_denoised_again(self, tmp_path: Path) -> None:
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.jpg")
        assert run([tmp_path], tmp_path / "clean") == [None]
        assert run([tmp_path], tmp_path / "clean", overwrite=True) == [None]
        assert [path.name for path in (tmp_path / "clean").rglob("*")] == ["a.png"]

    def test_a_folder_inside_the_output_folder_is_denoised(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / "in/a.jpg")
        assert run([tmp_path / "in"], tmp_path) == [None]
        assert (tmp_path / "a.png").exists()

    def test_two_pictures_of_one_name_are_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        for name in ("a.png", "a.jpg"):
            Image.fromarray(noise(8, 8, 3)).save(tmp_path / name)
        with pytest.raises(DenoiserError, match=r"a\.png and .*a\.jpg would both become .*out/a\.png"):
            run([tmp_path / "a.png", tmp_path / "a.jpg"], tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert run([tmp_path / "a.png", tmp_path / "a.png"], tmp_path / "out") == [None]

    def test_what_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(DenoiserError, match="none: no such file or folder"):
            plan([tmp_path / "none"], tmp_path / "out")
        (tmp_path / "empty").mkdir()
        with pytest.raises(DenoiserError, match="empty: holds no picture"):
            plan([tmp_path / "empty"], tmp_path / "out")

    def test_an_animation_is_not_cut_down_to_its_first_picture(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(noise(8, 8, 3)) for _ in range(3)]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        assert run([tmp_path / "a.gif"], tmp_path / "out") == [
            "a.gif: it holds 3 pictures; save them as files of their own"
        ]

    def test_a_phones_picture_is_upright_and_keeps_its_colours(self, tmp_path: Path) -> None:
        picture = Image.fromarray(noise(8, 16, 3))
        exif = picture.getexif()
        exif[0x0112] = 6  # the camera was held upright
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        small = Image.fromarray(noise(4, 8, 3))
        picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[small], exif=exif, icc_profile=profile)
        assert run([tmp_path / "a.jpg"], tmp_path / "out") == [None]
        result = Image.open(tmp_path / "out/a.png")
        assert result.size == (8, 16)
        assert result.info["icc_profile"] == profile
