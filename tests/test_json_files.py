"""What a stage writes is whole, and the same content is the same bytes."""

from pathlib import Path

import pytest

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import read_json, write_json


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
