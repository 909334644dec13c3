"""What a copy of a store lacks of the original, in words."""

from collections.abc import Iterator, Mapping

from svhn_denoiser.moving.inventory import Inventory, Recorded


def in_common(held: Inventory, there: Inventory) -> Inventory:
    """The part of `there` that `held` has, too: what was added on the target since does not count."""
    runs = {
        key: Recorded(
            run.run,
            {name: points & held.runs[key].points.get(name, frozenset()) for name, points in run.points.items()},
            {path: size for path, size in run.files.items() if path in held.runs[key].files},
        )
        for key, run in there.runs.items()
        if key in held.runs
    }
    models = {key: model for key, model in there.models.items() if key in held.models}
    versions = {number: version for number, version in there.versions.items() if number in held.versions}
    return Inventory(runs, models, versions, there.registered)


def differences(held: Inventory, there: Inventory) -> list[str]:
    """A sentence for each thing that the copy lacks, or has otherwise."""
    return [*_of_runs(held, there), *_of_models(held, there), *_of_registry(held, there)]


def _of_runs(held: Inventory, there: Inventory) -> Iterator[str]:
    for key, recorded in held.runs.items():
        name = f"run {recorded.run.info.run_name} ({key[:8]})"
        copy = there.runs.get(key)
        if copy is None:
            yield f"{name}: is missing"
            continue
        points = sum(len(known - copy.points.get(metric, frozenset())) for metric, known in recorded.points.items())
        if points:
            yield f"{name}: {points} points of curves are missing"
        yield from _of_files(name, recorded.files, copy.files)
        for kind, wanted, known in (
            ("param", recorded.run.data.params, copy.run.data.params),
            ("tag", recorded.run.data.tags, copy.run.data.tags),
        ):
            if missing := wanted.keys() - known.keys():
                yield f"{name}: {kind} {', '.join(sorted(missing))} is missing"
        if recorded.run.info.status != copy.run.info.status:
            yield f"{name}: is {copy.run.info.status}, not {recorded.run.info.status}"


def _of_models(held: Inventory, there: Inventory) -> Iterator[str]:
    for key, model in held.models.items():
        name = f"model {key}"
        copy = there.models.get(key)
        if copy is None or copy.model.status != "READY":
            yield f"{name}: is missing"
        else:
            yield from _of_files(name, model.files, copy.files)


def _of_files(name: str, held: Mapping[str, int], there: Mapping[str, int]) -> Iterator[str]:
    for path, size in held.items():
        if path not in there:
            yield f"{name}: {path} is missing"
        elif there[path] != size:
            yield f"{name}: {path} has {there[path]:,} bytes, not {size:,}"


def _of_registry(held: Inventory, there: Inventory) -> Iterator[str]:
    for number, version in held.versions.items():
        copy = there.versions.get(number)
        if copy is None:
            yield f"version {number}: is missing"
        elif missing := version.tags.keys() - copy.tags.keys():
            yield f"version {number}: tag {', '.join(sorted(missing))} is missing"
    for alias, number in held.aliases.items():
        if there.aliases.get(alias) != number:
            now = there.aliases.get(alias)
            yield f"alias {alias}: is {'missing' if now is None else f'version {now}'}, not version {number}"
