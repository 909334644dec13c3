"""A folder of the user's pictures as source: how they are found, read, cut and split."""

import os

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params import ImagesSettings
from svhn_denoiser.sources import images
from tests.made_pictures import chunk, png, postscript

SETTINGS = ImagesSettings(test_fraction=0.25, stride=32)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(folder, name, picture=None, **how):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if picture is None:
        picture = noise(32, 32, seed=sum(name.encode()))
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **how)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def target(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def cut_all(folder, target, settings=SETTINGS, seed=1):
    """Cut, and read back: all crops of the train and of the test file."""
    counts = images.cut_all(folder, settings, seed, target)
    sets = [mat_format.read(target / name) for name in ("train_32x32.mat", "test_32x32.mat")]
    return counts, *sets


# --- reading -------------------------------------------------------------------------------------------------------

GRADIENT = np.arange(32 * 40, dtype=np.uint16).reshape(32, 40) * 51  # 0 to 65,229
COLOURS = noise(32, 40)
LIGHT = COLOURS[..., 0] > 127


def with_alpha(mode):
    alpha = Image.fromarray(np.tile(np.uint8([0, 255]), (32, 20)))
    picture = Image.fromarray(COLOURS).convert(mode.removesuffix("A"))
    picture.putalpha(alpha)
    assert picture.mode == mode
    return picture


def over_white(colours):
    visible = np.tile([False, True], (32, 20))[..., None]
    return np.where(visible, colours, 255)


GREY = np.asarray(Image.fromarray(COLOURS).convert("L").convert("RGB"))


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("rgb.png", Image.fromarray(COLOURS), COLOURS),
        ("grey.png", Image.fromarray(COLOURS).convert("L"), GREY),
        ("black and white.png", Image.fromarray(LIGHT), np.repeat(LIGHT[..., None] * 255, 3, 2)),
        ("transparent grey.png", with_alpha("LA"), over_white(GREY)),
        ("transparent.png", with_alpha("RGBA"), over_white(COLOURS)),
        ("deep.png", Image.fromarray(GRADIENT), np.repeat(GRADIENT[..., None] / 257, 3, 2)),
        ("deep.tiff", Image.fromarray(GRADIENT.astype(">u2")), np.repeat(GRADIENT[..., None] / 257, 3, 2)),
        ("deep.pgm", Image.fromarray(GRADIENT), np.repeat(GRADIENT[..., None] / 257, 3, 2)),
        ("colours.bmp", Image.fromarray(COLOURS), COLOURS),
        ("lossless.WEBP", Image.fromarray(COLOURS), COLOURS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pictures_of_every_mode_become_rgb(folder, name, picture, expected):
    path = save(folder, name, picture, **({"lossless": True} if name.endswith("WEBP") else {}))

    read = images.open_picture(path)

    assert read.dtype == np.uint8
    np.testing.assert_allclose(read, expected, atol=0.5001)


def test_a_palette_with_a_transparent_colour_is_read_over_white(folder):
    picture = Image.fromarray(np.tile(np.uint8([0, 1, 2, 1]), (32, 10)), mode="P")
    picture.putpalette([10, 20, 30, 200, 100, 0, 0, 0, 255])
    read = images.open_picture(save(folder, "palette.png", picture, transparency=1))

    np.testing.assert_array_equal(read[0, :4], [[10, 20, 30], [255, 255, 255], [0, 0, 255], [255, 255, 255]])


def test_half_transparent_pixels_are_mixed_with_white(folder):
    read = images.open_picture(save(folder, "half.png", Image.new("RGBA", (32, 32), (200, 100, 0, 128))))

    np.testing.assert_allclose(read[0, 0], [227, 177, 127], atol=1)


def test_print_colours_become_rgb(folder):
    read = images.open_picture(save(folder, "print.jpg", Image.new("CMYK", (32, 32), (0, 255, 255, 0)), quality=100))

    np.testing.assert_allclose(read[0, 0], [255, 0, 0], atol=4)


def test_a_photograph_taken_on_its_side_stands_upright(folder):
    upright = noise(32, 64)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)

    np.testing.assert_array_equal(images.open_picture(save(folder, "side.png", stored, exif=exif)), upright)


def test_deep_colours_become_the_nearest_8_bits(folder):
    values = np.random.default_rng(3).integers(0, 65536, (32, 40, 3), dtype=np.uint16)
    (folder / "deep.png").write_bytes(png(values))

    np.testing.assert_allclose(images.open_picture(folder / "deep.png"), values / 257, atol=0.5001)


def test_deep_grey_with_a_transparent_value_is_white_there_alone(folder):
    values = GRADIENT.copy()
    (folder / "deep.png").write_bytes(png(values, before=chunk(b"tRNS", values[1, 2].tobytes()[::-1])))

    read = images.open_picture(folder / "deep.png")

    expected = np.repeat(values[..., None] / 257, 3, 2)
    expected[1, 2] = 255
    np.testing.assert_allclose(read, expected, atol=0.5001)


# --- cutting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "stride", "corners"),
    [
        ((32, 32), 32, [(0, 0)]),
        ((70, 100), 32, [(0, 0), (0, 32), (0, 64), (32, 0), (32, 32), (32, 64)]),
        ((63, 63), 32, [(0, 0)]),
        ((48, 40), 8, [(0, 0), (0, 8), (8, 0), (8, 8), (16, 0), (16, 8)]),
        ((40, 140), 100, [(0, 0), (0, 100)]),
    ],
)
def test_crops_lie_on_a_grid_row_by_row(size, stride, corners):
    picture = noise(*size)

    crops = np.concatenate(list(images.cut(picture, stride)))

    np.testing.assert_array_equal(crops, [picture[y : y + 32, x : x + 32] for y, x in corners])


@pytest.mark.parametrize(
    ("size", "crops"), [((30, 13), 2), ((13, 30), 2), ((1, 1), 1), ((31, 200), 6), ((20, 33), 1), ((32, 64), 2)]
)
def test_small_pictures_are_enlarged_until_they_hold_a_crop(folder, target, size, crops):
    save(folder, "small.png", noise(*size))
    save(folder, "another.png", noise(*size, seed=9))

    _, (train, _), (test, _) = cut_all(folder, target)

    assert [len(train), len(test)] == [crops, crops]


def test_enlarging_keeps_the_picture():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = 240

    (crop,) = np.concatenate(list(images.cut(picture, 32)))

    assert crop[:, :12].max() < 25
    assert crop[:, 20:].min() > 215


# --- the folder ----------------------------------------------------------------------------------------------------


def test_pictures_are_found_in_all_folders_and_ordered_by_name(folder, target):
    names = ["b/z.png", "b.png", "a/deep/down/1.JPG", "a/2.png", "c.gif", "B.png"]
    for name in names:
        save(folder, name)
    (folder / "notes.txt").write_text("no picture")
    (folder / "README.md").write_text("no picture")
    save(folder, "._hidden.png")
    save(folder, ".thumbnails/1.png")

    counts, (train, _), (test, _) = cut_all(folder, target)

    assert sum(counts.values()) == 6
    in_order = [images.open_picture(folder / name) for name in sorted(names)]
    positions = [[i for i, picture in enumerate(in_order) if (picture == crop).all()] for crop in [*train, *test]]
    assert [len(found) for found in positions] == [1] * 6
    of_train = [found[0] for found in positions[: len(train)]]
    assert of_train == sorted(of_train)


def test_no_digit_is_known_so_all_are_zero(folder, target):
    for i in range(4):
        save(folder, f"{i}.png")

    _, (_, train_digits), (_, test_digits) = cut_all(folder, target)

    assert set(train_digits) == set(test_digits) == {0}


def test_crops_of_one_picture_are_never_in_both_files(folder, target):
    for i in range(12):
        save(folder, f"{i}.png", np.full((96, 96, 3), i, np.uint8))

    counts, (train, _), (test, _) = cut_all(folder, target)

    trained, tested = set(train[:, 0, 0, 0]), set(test[:, 0, 0, 0])
    assert trained | tested == set(range(12))
    assert not trained & tested
    assert counts == {"train_32x32.mat": len(trained), "test_32x32.mat": len(tested)}


def test_copies_of_a_picture_are_never_in_both_files(folder, target):
    for i in range(12):
        save(folder, f"{i}.png", np.full((32, 32, 3), i, np.uint8))
        save(folder, f"copies/of {i}.png", np.full((32, 32, 3), i, np.uint8))

    _, (train, _), (test, _) = cut_all(folder, target)

    assert len(train) + len(test) == 24
    assert not set(train[:, 0, 0, 0]) & set(test[:, 0, 0, 0])


def test_the_same_seed_splits_the_same_way_and_another_seed_another(folder, target):
    for i in range(30):
        save(folder, f"{i}.png", np.full((32, 32, 3), i, np.uint8))

    def tested(seed):
        return set(cut_all(folder, target, seed=seed)[2][0][:, 0, 0, 0])

    assert tested(1) == tested(1)
    assert tested(1) != tested(2)


def test_more_pictures_move_none_from_one_file_to_the_other(folder, target):
    contents = {bytes([i]) * 32 for i in range(200)}
    few = images.choose_test(set(sorted(contents)[:100]), 0.25, seed=3)

    assert images.choose_test(contents, 0.25, seed=3) & set(sorted(contents)[:100]) == few


@pytest.mark.parametrize("fraction", [0.001, 0.2, 0.5, 0.999])
def test_the_share_of_test_pictures_is_about_the_one_asked_for_and_neither_side_is_empty(fraction):
    contents = {i.to_bytes(4, "big") for i in range(1000)}

    chosen = len(images.choose_test(contents, fraction, seed=1))

    assert 1 <= chosen <= 999
    assert abs(chosen / 1000 - fraction) < 0.05
    for pair in ({b"a", b"b"}, {b"c", b"d"}, {b"e", b"f"}):
        assert len(images.choose_test(pair, fraction, seed=1)) == 1


def test_the_same_folder_makes_the_same_bytes(folder, target):
    for i in range(5):
        save(folder, f"{i}.png", noise(40, 70, seed=i))

    def made():
        images.cut_all(folder, SETTINGS, 1, target)
        return [path.read_bytes() for path in sorted(target.iterdir())]

    assert made() == made()


# --- what is refused -----------------------------------------------------------------------------------------------


def refused(folder, target, *words, settings=SETTINGS):
    with pytest.raises(DenoiserError) as failure:
        images.cut_all(folder, settings, 1, target)
    for word in words:
        assert word in str(failure.value)


def test_a_missing_folder_is_named(folder, target):
    refused(folder / "nowhere", target, f"{folder}/nowhere: no such folder", "download.path")


def test_an_empty_folder_is_named(folder, target):
    refused(folder, target, f"{folder}: holds no pictures. Put some there", ".png")


def test_a_folder_of_other_files_is_named_with_what_is_there(folder, target):
    (folder / "photo.heic").write_bytes(b"?")

    refused(folder, target, f"{folder}: holds no pictures; found photo.heic")


def test_formats_that_are_not_read_are_named_and_left_out(folder, target, capsys):
    for name in ("1.png", "2.png"):
        save(folder, name)
    for number in range(8):
        save(folder, f"{number}.tif").rename(folder / f"{number}.dng")
    (folder / "notes.txt").touch()

    assert sum(images.cut_all(folder, SETTINGS, 1, target).values()) == 2
    said = capsys.readouterr().err
    assert said == "left out, as their formats are not read: 0.dng, 1.dng, 2.dng, 3.dng, 4.dng and 3 more\n"


def test_a_single_picture_is_not_enough(folder, target):
    save(folder, "1.png")

    refused(folder, target, f"{folder}: holds one picture", "at least two")


def test_copies_of_a_single_picture_are_not_enough(folder, target):
    for name in ("1.png", "2.png", "3.png"):
        save(folder, name, noise(32, 32))

    refused(folder, target, "holds 3 copies of one picture")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no picture at all", "its bytes are no picture"), (b"", "its bytes are no picture")]
)
def test_a_file_that_is_no_picture_is_named(folder, target, content, reason):
    save(folder, "1.png")
    (folder / "broken.png").write_bytes(content)

    refused(folder, target, f"{folder}/broken.png: this picture cannot be read: {reason}")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_a_picture_that_is_cut_off_is_named(folder, target, suffix):
    save(folder, "1.png")
    path = save(folder, f"cut.{suffix}", noise(200, 200))
    path.write_bytes(path.read_bytes()[:-5000])

    refused(folder, target, f"{path}: this picture cannot be read: ")


def test_an_animation_is_not_cut_down_to_its_first_picture(folder, target):
    save(folder, "1.png")
    save(folder, "2.gif", save_all=True, append_images=[Image.fromarray(noise(32, 32, seed=i)) for i in (7, 8)])

    refused(folder, target, "2.gif: this picture cannot be read: it holds 3 pictures")


def test_whole_numbers_without_a_known_range_are_refused(folder, target):
    save(folder, "1.png")
    save(folder, "2.tiff", Image.fromarray(np.full((32, 32), 100_000, np.int32)))

    refused(folder, target, "2.tiff: this picture cannot be read: it holds 32-bit whole numbers")


def test_a_program_that_is_called_a_picture_is_not_run(folder, target, monkeypatch):
    (folder.parent / "gs").write_text(f"#!/bin/sh\ntouch {folder.parent}/ran\n")
    (folder.parent / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder.parent}:{os.environ['PATH']}")
    save(folder, "1.png")
    postscript(folder / "2.png", folder.parent / "ran")

    refused(folder, target, "2.png: this picture cannot be read: it is PostScript")
    assert not (folder.parent / "ran").exists()


def test_pixels_without_a_known_range_are_refused(folder, target):
    save(folder, "1.png")
    save(folder, "float.tiff", Image.fromarray(np.ones((40, 40), np.float32)))

    refused(folder, target, "float.tiff: this picture cannot be read: floating-point pixels have no known range")


def test_too_many_crops_are_refused_before_any_is_cut(folder, target):
    save(folder, "1.png", Image.new("L", (2000, 2000)))
    save(folder, "2.png", Image.new("L", (2000, 2001)))

    settings = ImagesSettings(test_fraction=0.5, stride=1)
    refused(folder, target, "3,876,961 crops", "which can hold 699,050", "download.images.stride", settings=settings)
    assert list(target.iterdir()) == []


def test_the_real_photographs_are_cut(real_svhn, target):
    counts, (train, _), (test, _) = cut_all(real_svhn / "full", target)

    assert sum(counts.values()) == 40
    assert min(counts.values()) >= 3
    assert train.std() > 20
    assert test.std() > 20
