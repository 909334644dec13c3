"""Which pictures are meant and where each goes: nobody's file is lost, and what cannot be done is known at once."""

import sys
from pathlib import Path

import pytest

from svhn_denoiser.denoising.jobs import Plan, as_path, check_output, plan
from svhn_denoiser.errors import DenoiserError
from tests.example_settings import ROOT
from tests.privileges import without_privileges


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def planned(folder: Path, *arguments: str, **options: object) -> Plan:
    return plan([str(folder / argument) for argument in arguments], folder / "out", **options)


def written(made: Plan, folder: Path) -> list[str]:
    return [job.target.relative_to(folder / "out").as_posix() for job in made.jobs]


def test_files_and_folders_keep_their_names_and_endings(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.jpg", "in/street/b.TIFF", "in/street/c.bmp", "in/notes.txt", "alone.webp")
    made = planned(tmp_path, "in", "alone.webp")
    assert written(made, tmp_path) == ["a.jpg", "street/b.TIFF", "street/c.png", "alone.webp"]
    assert made.failures == []


def test_another_format_changes_the_ending_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.JPEG", "c.d.png")
    assert written(planned(tmp_path, ".", into="jpeg"), tmp_path) == ["a.jpg", "b.JPEG", "c.d.jpg"]
    assert written(planned(tmp_path, ".", into="tiff"), tmp_path) == ["a.tif", "b.tif", "c.d.tif"]


def test_hidden_files_are_left_out_and_pictures_that_are_not_read_are_tried(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/._a.png", "in/.thumbs/a.png", "in/notes.txt")
    (tmp_path / "in/b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    made = planned(tmp_path, "in")
    assert [job.source.name for job in made.jobs] == ["a.png", "b.heic"]


def test_a_pattern_matches_pictures_and_keeps_the_folders_below_its_root(tmp_path: Path) -> None:
    touch(tmp_path, "in/2023/a.jpg", "in/2024/a.jpg", "in/2024/b.png", "in/2024/notes.txt", "in/2024/.a.jpg")
    assert written(planned(tmp_path, "in/**/*.jpg"), tmp_path) == ["2023/a.jpg", "2024/a.jpg"]
    assert written(planned(tmp_path, "in/202[4]/*"), tmp_path) == ["2024/a.jpg", "2024/b.png"]
    assert written(planned(tmp_path, "in/*"), tmp_path) == ["2023/a.jpg", "2024/a.jpg", "2024/b.png"]
    (failure,) = planned(tmp_path, "in/*.gif").failures
    assert failure.reason == "this pattern matches no picture"


@pytest.mark.parametrize("pattern", ["**", "**/*", "**/*.jpg", "*/**/*.jpg", "**/**/*.jpg", "street/**"])
def test_a_pattern_of_folders_follows_no_link_that_leads_back(pattern: str, tmp_path: Path) -> None:
    touch(tmp_path, "street/a.jpg", "street/[x]/b.jpg", "street/.hidden/c.jpg")
    for name in ("up", "back", "[x]/home"):  # with two, there are a million ways down
        (tmp_path / "street" / name).symlink_to(tmp_path)
    below = "" if pattern == "street/**" else "street/"
    assert written(planned(tmp_path, pattern), tmp_path) == [f"{below}[x]/b.jpg", f"{below}a.jpg"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].png", "a1.png")
    assert written(planned(tmp_path, "a[1].png"), tmp_path) == ["a[1].png"]


def test_the_home_folder_is_known_in_a_quoted_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path, "pictures/a.png")
    for argument in ("~/pictures/a.png", "~/pictures", "~/pictures/*.png"):
        assert [job.target for job in plan([argument], tmp_path / "out").jobs] == [tmp_path / "out/a.png"]


def test_an_output_below_the_home_folder_is_there_and_no_folder_called_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert as_path("~/clean") == tmp_path / "clean"  # as a shell leaves it in --output=~/clean
    assert as_path("~no-such-user/clean") == Path("~no-such-user/clean")
    (tmp_path / "~").mkdir()
    assert as_path("~") == Path("~")


def test_an_empty_name_is_not_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.png")
    made = plan([""], tmp_path / "out")
    assert (made.jobs, made.failures[0].reason) == ([], "an empty name; `.` is this folder")


def test_twins_are_refused_all_at_once_and_the_others_are_done(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.jpg", "b.png", "b.jpg", "c.png")
    assert len(planned(tmp_path, ".").jobs) == 5
    made = planned(tmp_path, ".", into="png")
    assert written(made, tmp_path) == ["c.png"]
    assert sorted(failure.source.name for failure in made.failures) == ["a.jpg", "a.png", "b.jpg", "b.png"]
    assert all("would all become" in failure.reason for failure in made.failures)
    assert written(planned(tmp_path, "a.png", "a.png"), tmp_path) == ["a.png"]


def test_what_is_not_there_stops_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "empty").mkdir()
    made = planned(tmp_path, "none", "empty", "a.png")
    assert written(made, tmp_path) == ["a.png"]
    assert [failure.reason for failure in made.failures] == ["no such file or folder", "holds no picture"]


@pytest.mark.parametrize("argument", [".", "*", "loop.png"])
def test_a_link_to_itself_stops_nothing_else(argument: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert sorted(written(planned(tmp_path, argument, "a.png"), tmp_path)) == ["a.png", "loop.png"]


def test_nothing_that_exists_is_replaced_unless_asked(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "out/a.png")
    (failure,) = planned(tmp_path, "a.png").failures
    assert failure.reason == f"{tmp_path}/out/a.png exists; --overwrite replaces it"
    assert written(planned(tmp_path, "a.png", overwrite=True), tmp_path) == ["a.png"]


@pytest.mark.parametrize("output", [".", "link"])
def test_a_picture_to_denoise_is_never_overwritten_whatever_is_asked(output: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "link").symlink_to(tmp_path)
    made = plan([str(tmp_path / "a.png")], tmp_path / output, overwrite=True)
    assert made.jobs == []
    assert "is one of the pictures to denoise" in made.failures[0].reason


def test_what_was_denoised_into_a_folder_below_is_not_denoised_again(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "out/a.jpg")
    for argument in (".", "*", "**/*.jpg"):
        made = planned(tmp_path, argument, overwrite=True)
        assert [job.source.name for job in made.jobs] == ["a.jpg"]
        assert "out" not in made.jobs[0].source.parts


def test_a_folder_inside_the_output_folder_is_denoised(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.jpg")
    (job,) = plan([str(tmp_path / "in")], tmp_path).jobs
    assert job.target == tmp_path / "a.jpg"


def test_an_output_that_cannot_be_written_is_refused_and_none_is_made(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    for output in ("file", "file/below"):
        with pytest.raises(DenoiserError, match="file: is no folder"):
            check_output(tmp_path / output)
    check_output(tmp_path / "new/below")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="rights are taken from root by Linux's prctl")
def test_a_folder_without_the_right_to_write_is_refused_once_before_the_work(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o500)
    command = [sys.executable, "-m", "svhn_denoiser", "denoise", "a.png", "b.png", "--output", "locked/out"]
    done = without_privileges(command, tmp_path, PYTHONPATH=str(ROOT), COLUMNS="120")
    assert done.returncode == 1
    assert done.stderr == "error: locked: cannot be written into: Permission denied. Name another --output.\n"
    assert list((tmp_path / "locked").iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="rights are taken from root by Linux's prctl")
def test_a_folder_that_may_not_be_entered_stops_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/lost+found/b.png")
    (tmp_path / "in/lost+found").chmod(0)
    code = (
        "from pathlib import Path; from svhn_denoiser.denoising.jobs import plan\n"
        "made = plan(['in', 'in/lost+found/b.png', 'in/lost+found'], Path('out'))\n"
        "failures = [f'{each.source}: {each.reason}' for each in made.failures]\n"
        "print(*[job.source for job in made.jobs], *failures, sep='|')"
    )
    done = without_privileges([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(ROOT))
    (tmp_path / "in/lost+found").chmod(0o700)
    closed = "in/lost+found: cannot be looked into: Permission denied"
    assert done.stdout.strip().split("|") == ["in/a.png", closed, "in/lost+found/b.png: Permission denied", closed]
