"""Copy registered versions with their numbers, and the aliases."""

import json
import re

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.moving.copying import Copy
from svhn_denoiser.moving.inventory import Inventory
from svhn_denoiser.registry.versions import MODEL, registered_model
from svhn_denoiser.tracking.store import Store

# isort: split
from mlflow.entities.model_registry import ModelVersion

# of the registered model: the aliases as they were copied last, to know whether somebody moved one since
_COPIED_ALIASES = "copied_aliases"

_SOURCE = re.compile(r"models:/m-[0-9a-f]{32}")


def refusal(target: Store, held: Inventory, there: Inventory) -> str | None:
    """Why the versions cannot be copied: numbers that would not agree; None where they can."""
    odd = [number for number, version in held.versions.items() if not _SOURCE.fullmatch(version.source)]
    if odd:
        version = held.versions[odd[0]]
        return (
            f"version {version.version} was registered by hand from {version.source}: only what `dvc repro` registered "
            f"can be copied. Delete that version, or register it on the new server by hand."
        )
    others = [number for number in there.versions if not _same(held.versions.get(number), there.versions[number])]
    missing = sorted(held.versions.keys() - there.versions.keys())
    # more versions are no obstacle where all of these are there: the team has gone on
    clash = [number for number in others if number in held.versions] or (others if missing else [])
    if not clash and not (missing and there.versions and missing[0] < max(there.versions)):
        return None
    known = ", ".join(str(number) for number in sorted(there.versions))
    return (
        f"{target.name}: has versions of {MODEL} that are not copies of these ({known}), so the numbers would not "
        f"agree. Copy to a server without versions of {MODEL}."
    )


def copy_versions(copy: Copy, held: Inventory, there: Inventory) -> None:
    """Copy the versions that are missing, with their numbers, tags, descriptions, and then the aliases.

    Runs and models must be there already. An alias that somebody moved on the target since the last copy stays.

    Raises:
        DenoiserError: somebody else registers there at the same time.
    """
    client = copy.target.client
    if held.registered is None:
        return
    if there.registered is None:
        tags = {name: value for name, value in held.registered.tags.items() if name != _COPIED_ALIASES}
        client.create_registered_model(MODEL, tags, held.registered.description)
    for number, version in sorted(held.versions.items()):
        if number not in there.versions:
            _create(copy, version)
        known = there.versions[number].tags if number in there.versions else {}
        for name, value in version.tags.items():
            if name not in known:
                client.set_model_version_tag(MODEL, str(number), name, copy.translated(value))
    before = json.loads(registered_model(copy.target).tags.get(_COPIED_ALIASES, "{}"))
    for alias, number in held.aliases.items():
        if there.aliases.get(alias) in {None, number, before.get(alias)}:
            client.set_registered_model_alias(MODEL, alias, str(number))
            before[alias] = number
    client.set_registered_model_tag(MODEL, _COPIED_ALIASES, json.dumps(before, sort_keys=True))


def _create(copy: Copy, version: ModelVersion) -> None:
    client = copy.target.client
    source = copy.translated(version.source)
    number = 0
    # MLflow gives no number twice: versions that were deleted are made, and deleted
    while number < int(version.version):
        if number:
            client.delete_model_version(MODEL, str(number))
        created = client.create_model_version(
            MODEL,
            source,
            copy.ids.get(version.run_id or ""),
            description=copy.translated(version.description or "") or None,
            model_id=source.removeprefix("models:/"),
        )
        number = int(created.version)
    if number > int(version.version):
        client.delete_model_version(MODEL, str(number))
        raise DenoiserError(
            f"{copy.target.name}: gave version {version.version} the number {number}, as others are registered there, "
            f"or were and are deleted. Copy to a server on which {MODEL} was never registered."
        )


def _same(held: ModelVersion | None, there: ModelVersion) -> bool:
    return held is not None and held.tags.get("sha256") == there.tags.get("sha256")
