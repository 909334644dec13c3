"""What a stage depends on, as DVC knows it: the files that dvc.yaml names, and the data on disk."""

import hashlib
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.files import sha256_of
from svhn_denoiser.paths import DVC_YAML


def code_hash(stage: str, graph: Path = DVC_YAML) -> str:
    """A hash of the files that a stage's deps in dvc.yaml name, what other stages make aside: 64 hex digits.

    Raises:
        DenoiserError: dvc.yaml is missing, damaged, or has no such stage.
    """
    try:
        stages = YAML(typ="safe", pure=True).load(graph.read_text(encoding="utf-8"))["stages"]
        deps = stages[stage]["deps"]
    except FileNotFoundError:
        raise DenoiserError(f"{graph}: no such file. Run this in the repository's own folder.") from None
    except (YAMLError, KeyError, TypeError):
        raise DenoiserError(f"{graph}: has no stage {stage} that can be read. Restore the file from git.") from None
    made = [Path(name) for other in stages.values() for name in _names(other, "outs") + _names(other, "metrics")]
    digest = hashlib.sha256()
    for dep in sorted(map(str, deps)):
        path = Path(dep)
        if not any(path.is_relative_to(out) for out in made):
            _add(digest, graph.parent / path, graph.parent)
    return digest.hexdigest()


def data_hash(folder: Path) -> str:
    """A hash of the files of an output as they are on disk now.

    DVC's own, where DVC knows the folder: not what `dvc.lock` says, which is old news after `dvc repro --single-item`
    or a stage that was run by hand, but what DVC finds on disk. It remembers each file's hash with its size and time,
    and reads only those that it has not seen. Elsewhere all bytes are read.
    """
    # one of DVC's own commands may have the state open; nothing here writes to the repository
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            (out,) = repo.find_outs_by_path(str(folder))
            found = out.get_hash()
            return f"{found.name}:{found.value}"
    except (DvcException, OSError, ValueError):
        digest = hashlib.sha256()
        _add(digest, folder, folder)
        return f"sha256:{digest.hexdigest()}"


def _names(stage: dict[str, list[str | dict[str, object]]], section: str) -> list[str]:
    # an entry is a path, or a path with options
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in stage.get(section, ())]


def _add(digest: "hashlib._Hash", path: Path, root: Path) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(root).as_posix()}\0{file.stat().st_size}\0".encode())
            digest.update(bytes.fromhex(sha256_of(file)))
