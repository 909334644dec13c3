"""Register the model of this checkout where the store does not know it: trained elsewhere, and restored by DVC."""

import contextlib
from typing import Any

from svhn_denoiser import pairs, params
from svhn_denoiser.files import md5_of, sha256_of
from svhn_denoiser.paths import METRICS, MODEL, NOISY, REPORTS, RUN, SOURCE
from svhn_denoiser.registry import versions
from svhn_denoiser.registry.trained import read_trained
from svhn_denoiser.tracking.lineage import dvc_hash
from svhn_denoiser.tracking.location import repository_root
from svhn_denoiser.tracking.store import Store, explained

_NEEDED = (MODEL, RUN, METRICS, SOURCE, NOISY / "test")


def catch_up(store: Store) -> tuple[dict[str, Any] | None, str]:
    """Register the model of this checkout, as the stage `register` does, unless the store has it.

    No file of the checkout changes, so DVC and git see none.

    Returns:
        What was decided, as `registration.register` returns it, or None; and what was done, for people. The text is
        empty where there is nothing to say.

    Raises:
        DenoiserError: a file of the pipeline or of the store is damaged, or the store refuses.
    """
    with contextlib.chdir(repository_root()):
        if not MODEL.exists():
            return None, ""
        missing = [path.as_posix() for path in _NEEDED if not path.exists()]
        if missing:
            return None, f"{MODEL}: is not registered, as {', '.join(missing)} is missing: `dvc repro` makes it"
        sha256 = sha256_of(MODEL)
        with explained(store):
            known = [version for version in versions.versions(store) if version.tags.get("sha256") == sha256]
        if known:
            return None, f"{MODEL}: is version {known[-1].number}"
        if dvc_hash(MODEL, seen_by="evaluate") != md5_of(MODEL):
            return None, f"{MODEL}: is not registered, as {METRICS} is of another model: `dvc repro` scores it"
        settings = params.load()
        # imports TensorFlow, which is not needed where there is nothing to do
        from svhn_denoiser.registry.registration import in_words, register

        result = register(settings, read_trained(), pairs.read(NOISY, "test"), REPORTS)
        return result, in_words(result)
