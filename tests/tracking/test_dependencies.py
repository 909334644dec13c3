"""What a training depends on is what dvc.yaml names for it, and the data as it is on disk."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.tracking.dependencies import code_hash, data_hash
from svhn_denoiser.tracking.lineage import dvc_hash
from tests.example_settings import ROOT


@pytest.fixture
def checkout(tmp_path):
    """The code and the graph, free to be edited."""
    for name in ("svhn_denoiser", "stages", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("svhn_denoiser/noise.py", True),
        ("svhn_denoiser/networks/residual_unet.py", True),
        ("svhn_denoiser/training/fitting.py", True),
        ("stages/train.py", True),
        ("requirements/results.txt", True),
        ("svhn_denoiser/drift/words.py", False),
        ("svhn_denoiser/report/html.py", False),
        ("svhn_denoiser/training/progress_line.py", False),
        ("stages/evaluate.py", False),
    ],
)
def test_an_edit_counts_where_the_stage_names_the_file(checkout, file, counts):
    before = code_hash("train", checkout / "dvc.yaml")
    with (checkout / file).open("a") as code:
        code.write("# edited\n")
    assert (code_hash("train", checkout / "dvc.yaml") != before) is counts


def test_bytecode_and_what_other_stages_make_count_for_nothing(checkout):
    before = code_hash("train", checkout / "dvc.yaml")
    (checkout / "svhn_denoiser/networks/__pycache__").mkdir()
    (checkout / "svhn_denoiser/networks/__pycache__/dncnn.pyc").touch()
    (checkout / "data/noisy").mkdir(parents=True)
    (checkout / "data/noisy/x").touch()
    assert code_hash("train", checkout / "dvc.yaml") == before


def test_a_missing_or_damaged_graph_is_an_error_in_words(tmp_path):
    with pytest.raises(DenoiserError, match=r"dvc\.yaml: no such file\. Run this in"):
        code_hash("train", tmp_path / "dvc.yaml")
    for text in ("stages: {", "stages: {}", "[]", ""):
        (tmp_path / "dvc.yaml").write_text(text)
        with pytest.raises(DenoiserError, match=r"dvc\.yaml: has no stage train that can be read"):
            code_hash("train", tmp_path / "dvc.yaml")


@pytest.fixture
def tracked(tmp_path, monkeypatch):
    """A small project of DVC's that has run, as the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages:\n  make:\n    cmd: mkdir data && echo 12 > data/x\n    outs: [data]\n")
    for arguments in (["init", "--quiet", "--no-scm"], ["repro", "--quiet"]):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_the_data_has_the_hash_that_dvc_recorded(tracked):
    assert data_hash(Path("data")) == f"md5:{dvc_hash(Path('data'))}.dir"


def test_data_changed_by_hand_has_another_hash_although_dvc_lock_names_the_old_one(tracked):
    recorded, before = dvc_hash(Path("data")), data_hash(Path("data"))
    (tracked / "data/x").unlink()
    (tracked / "data/x").write_text("34\n")
    assert dvc_hash(Path("data")) == recorded
    assert data_hash(Path("data")) != before


def test_without_dvc_all_bytes_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/x").write_text("12\n")
    before = data_hash(Path("data"))
    assert before.startswith("sha256:")
    Path("data/x").write_text("34\n")
    assert data_hash(Path("data")) != before
