"""The four sources behind one door: what lies in the target folder afterwards, whatever happened."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svhn_denoiser import mat_format
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.sources import fetch, scenes

NAMES = ["test_32x32.mat", "train_32x32.mat"]


def write(path, seed, n):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    mat_format.write(path, rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A working folder with SVHN-format files in `mats` and pictures in `photos`."""
    folder = tmp_path / "clone"
    write(folder / "mats/train_32x32.mat", 1, 7)
    write(folder / "mats/test_32x32.mat", 2, 3)
    (folder / "photos").mkdir()
    for i in range(5):
        Image.fromarray(np.full((40, 80, 3), 40 * i, np.uint8)).save(folder / f"photos/{i}.png")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def download(settings):
    """`fetch.fetch` into data/raw with the repository's settings, but for those given."""

    def download(**changes):
        changed = settings.download.model_copy(update=changes)
        fetch.fetch(changed, 2021, Path("data/raw"))
        return json.loads(Path("data/raw/source.json").read_text())

    return download


def listed(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))


def test_files_of_the_user_arrive_with_a_record_of_what_they_are(workspace, download):
    record = download(source="mat", path="mats")

    assert listed("data") == ["raw", "raw/source.json", *[f"raw/{name}" for name in NAMES]]
    assert record == {
        "source": "mat",
        "from": "mats",
        "licence": "as the files came; SVHN's own pictures are for non-commercial use only",
        "files": {
            f"{split}_32x32.mat": {
                "pictures": count,
                "sha256": hashlib.sha256(Path(f"mats/{split}_32x32.mat").read_bytes()).hexdigest(),
            }
            for split, count in (("train", 7), ("test", 3))
        },
    }


def test_pictures_of_the_user_arrive_as_crops_of_which_no_digit_is_known(workspace, download):
    record = download(source="images", path="photos")

    made_of = record["cut_from"]
    assert sum(made_of.values()) == 5
    assert {name: file["pictures"] for name, file in record["files"].items()} == {
        name: 2 * count for name, count in made_of.items()
    }
    assert record["labels"] == "no digit is known: every crop is labelled 0 (10 in the file)"
    assert (record["seed"], record["stride"], record["test_fraction"]) == (2021, 32, 0.2)
    assert set(mat_format.read_digits(Path("data/raw/train_32x32.mat"))) == {0}


def test_drawn_numbers_arrive_with_their_digits(workspace, download, settings):
    small = settings.download.synthetic.model_copy(update={"train": 30, "test": 20})

    record = download(source="synthetic", synthetic=small)

    assert {name: file["pictures"] for name, file in record["files"].items()} == {
        "train_32x32.mat": 30,
        "test_32x32.mat": 20,
    }
    assert record["seed"] == 2021
    train, digits = mat_format.read(Path("data/raw/train_32x32.mat"))
    assert len(set(digits)) > 3
    assert not np.array_equal(train[:20], mat_format.read(Path("data/raw/test_32x32.mat"))[0])


def test_drawn_pictures_of_everything_arrive_with_the_terms_of_the_photographs_in_them(workspace, download, settings):
    small = settings.download.synthetic.model_copy(update={"scenes": "everything", "train": 30, "test": 20})

    record = download(source="synthetic", synthetic=small)

    assert record["from"] == "drawn by svhn_denoiser.sources.scenes"
    assert any("china.jpg: CC BY 2.0, danielbuechele" in line for line in record["photographs"])
    train, _ = mat_format.read(Path("data/raw/train_32x32.mat"))
    np.testing.assert_array_equal(train, scenes.draw(30, 2021, "train")[0])


@pytest.fixture
def official_cache(server, workspace, tmp_path, monkeypatch):
    """A mirror of small files under the official names; returns the environment that leads to it."""
    monkeypatch.setenv("SVHN_DENOISER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SVHN_DENOISER_MIRROR", server.address)
    return server


def test_a_mirror_with_other_files_than_the_official_leaves_nothing(official_cache, workspace, download, settings):
    impatient = settings.download.svhn.model_copy(update={"mirrors": [official_cache.address], "retries": 1})

    with pytest.raises(DenoiserError, match="no address gave this file"):
        download(source="svhn", svhn=impatient)

    assert listed("data") == []


@pytest.mark.parametrize("source", ["mat", "images", "synthetic"])
def test_the_same_source_makes_the_same_bytes(workspace, download, settings, source):
    small = settings.download.synthetic.model_copy(update={"train": 12, "test": 10})
    path = {"mat": "mats", "images": "photos"}.get(source, "unused")

    def made():
        shutil.rmtree("data", ignore_errors=True)
        download(source=source, path=path, synthetic=small)
        return {path.name: path.read_bytes() for path in Path("data/raw").iterdir()}

    assert made() == made()


# --- nothing half-written ------------------------------------------------------------------------------------------


def test_a_failure_leaves_what_was_there(workspace, download):
    download(source="mat", path="mats")
    before = {path: path.read_bytes() for path in Path("data/raw").iterdir()}
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save("photos/cut.png")
    Path("photos/cut.png").write_bytes(Path("photos/cut.png").read_bytes()[:60])

    with pytest.raises(DenoiserError, match=r"cut\.png: this picture cannot be read"):
        download(source="images", path="photos")

    assert {path: path.read_bytes() for path in Path("data/raw").iterdir()} == before
    assert listed("data") == ["raw", "raw/source.json", *[f"raw/{name}" for name in NAMES]]


def test_another_source_replaces_all_of_the_one_before(workspace, download):
    download(source="mat", path="mats")
    write(Path("data/raw/extra_32x32.mat"), 3, 4)  # as if the source before had been svhn with its extra file

    record = download(source="images", path="photos")

    assert record["source"] == "images"
    assert listed("data/raw") == ["source.json", *NAMES]
    for name in NAMES:
        digest = hashlib.sha256(Path("data/raw", name).read_bytes()).hexdigest()
        assert record["files"][name]["sha256"] == digest


def test_what_a_killed_run_left_is_swept_away(workspace, download):
    write(Path("data/.unfinished-raw/extra_32x32.mat"), 3, 4)

    download(source="mat", path="mats")

    assert listed("data") == ["raw", "raw/source.json", *[f"raw/{name}" for name in NAMES]]


def test_a_disk_error_is_told_in_a_sentence(workspace, download):
    Path("data").write_text("a file where a folder should be")

    with pytest.raises(DenoiserError, match=r"data.*: (Not a directory|File exists)"):
        download(source="mat", path="mats")


# --- download.path -------------------------------------------------------------------------------------------------


def test_a_path_is_not_looked_up_anywhere_else_where_dvc_would_not_see_its_files_change(
    workspace, download, tmp_path, monkeypatch
):
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(workspace))

    with pytest.raises(DenoiserError, match=r"^mats: no such folder"):
        download(source="mat", path="mats")
    assert download(source="mat", path=str(workspace / "mats"))["files"]["train_32x32.mat"]["pictures"] == 7
