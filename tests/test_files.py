"""What is written is whole, and the same content is the same bytes."""

from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import (
    md5_of,
    read_csv,
    read_json,
    sha256_of,
    whole,
    whole_folder,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)


def test_a_folder_is_replaced_whole_or_stays(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    (tmp_path / ".unfinished-raw/left").mkdir(parents=True)
    with whole_folder(folder) as unfinished:
        (unfinished / "old").write_text("1")
    with pytest.raises(FileNotFoundError), whole_folder(folder) as unfinished:
        (unfinished / "none" / "half").write_text("1")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["raw", "raw/old"]
    with whole_folder(folder) as unfinished:
        (unfinished / "new").write_text("1")
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_sums_are_those_of_the_usual_tools(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert md5_of(tmp_path / "x") == "900150983cd24fb0d6963f7d28e17f72"
    assert sha256_of(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_json_is_sorted_whole_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "x.json"
    write_json(path, {"b": 1, "a": "ä"})
    assert path.read_text() == '{\n  "a": "ä",\n  "b": 1\n}\n'
    assert read_json(path) == {"a": "ä", "b": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]
    path.write_text("{")
    with pytest.raises(DenoiserError, match="is damaged"):
        read_json(path)
    with pytest.raises(DenoiserError, match="no such file"):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it holds no keys"),
        ("{}", "it has no value run_id"),
        ('{"run_id": 3, "noisy": {"psnr": 20}}', "it has no value run_id"),
        ('{"run_id": "a", "noisy": 20}', "it has no number noisy.psnr"),
        ('{"run_id": "a", "noisy": {"psnr": true}}', "it has no number noisy.psnr"),
        ('{"run_id": "a", "noisy": {"psnr": "20"}}', "it has no number noisy.psnr"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_json_without_what_is_needed_is_damaged(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"run_id": "a", "noisy": {"psnr": 20}}')
    assert read_json(path, {"run_id": str, "noisy.psnr": float, "noisy": object})["noisy"] == {"psnr": 20}
    path.write_text(text)
    with pytest.raises(DenoiserError, match=rf"^{path}: is damaged \(.*{why}.*Delete it and run `dvc repro`"):
        read_json(path, {"run_id": str, "noisy.psnr": float})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no rows"),
        (b"epoch,loss\n", "it has no rows"),
        (b"epoch,lots\n1,2\n", "line 2 has no number loss"),
        (b"epoch,loss\n1,2\n2\n", "line 3 has no number loss"),
        (b"epoch,loss\n1,2-3\n", "line 2 has no number loss"),
        (b"epoch,loss\n1,\xff\n", "utf-8"),
    ],
)
def test_a_table_without_what_is_needed_is_damaged(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DenoiserError, match=rf"^{path}: is damaged \(.*{why}.*Delete it and run `dvc repro`"):
        read_csv(path, ("epoch", "loss"), empty=False)


def test_a_table_has_six_digits_and_is_read_back_as_text(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "x.csv"
    write_csv(path, [{"epoch": 1, "loss": 0.123456789}, {"epoch": 2, "loss": 1.0}])
    assert path.read_bytes() == b"epoch,loss\n1,0.123457\n2,1\n"
    assert read_csv(path) == [{"epoch": "1", "loss": "0.123457"}, {"epoch": "2", "loss": "1"}]
    with pytest.raises(DenoiserError, match="no such file"):
        read_csv(tmp_path / "none.csv")


def test_a_table_without_rows_is_an_empty_file(tmp_path: Path) -> None:
    # `evaluate.noise_kinds: []` is allowed, and DVC expects its table
    path = tmp_path / "x.csv"
    path.write_text("of an earlier run")
    write_csv(path, [])
    assert read_csv(path) == []


def test_text_keeps_its_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "x.html", "ä\r\nb\n")
    assert (tmp_path / "x.html").read_bytes() == "ä\r\nb\n".encode()


def test_a_name_that_is_not_utf8_is_written_as_an_escape_that_json_reads_back(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"file": "h\udcffouse"})
    assert (tmp_path / "x.json").read_bytes() == b'{\n  "file": "h\\udcffouse"\n}\n'
    assert read_json(tmp_path / "x.json") == {"file": "h\udcffouse"}


def test_a_file_that_cannot_be_finished_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("before")

    def stopped() -> None:
        with whole(path) as unfinished:
            unfinished.write_text("half of i")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stopped()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_into_a_cache_is_replaced_and_what_it_points_at_stays(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_bytes(b"cached")
    path = tmp_path / "reports" / "x.png"
    path.parent.mkdir()
    path.symlink_to(cached)
    write_bytes(path, b"new")
    assert (path.read_bytes(), cached.read_bytes()) == (b"new", b"cached")


def test_what_is_unfinished_has_the_suffix_that_writers_go_by_and_is_hidden(tmp_path: Path) -> None:
    with whole(tmp_path / "models" / "x.keras") as unfinished:
        assert (unfinished.suffix, unfinished.name[0], unfinished.parent) == (".keras", ".", tmp_path / "models")
        unfinished.touch()


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "ü" * 125 + ".png", "n" * 240 + ".keras"])
def test_a_name_as_long_as_file_systems_take_is_written(name: str, tmp_path: Path) -> None:
    with whole(tmp_path / name) as unfinished:
        assert unfinished.suffix == Path(name).suffix
        unfinished.write_text("all of it")
    assert [path.name for path in tmp_path.iterdir()] == [name]
