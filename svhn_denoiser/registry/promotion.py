"""Move the champion alias: promotion and rollback.

MLflow's aliases keep no history, so each promotion and rollback is recorded in a tag of the version.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.registry import events
from svhn_denoiser.registry.description import describe
from svhn_denoiser.registry.events import GATE, NOBODY, PASSED, PROMOTED, ROLLED_BACK
from svhn_denoiser.registry.turns import Claims, turn
from svhn_denoiser.registry.versions import (
    CHAMPION,
    MODEL,
    Version,
    came_after_another,
    champion,
    find,
    registered_model,
    tag,
    versions,
)
from svhn_denoiser.tracking.store import Store

# a tag of the model, with the number of the version that wants to be champion: on a server with accounts, EDIT deletes
# those, and not the tags of versions
_CLAIM = "promotion_claim."


class ChampionChangedError(Exception):
    """Another version became champion while this one was being compared."""


def promote(store: Store, version: Version, *, over: Version | None, by: str, reason: str) -> None:
    """Make a version champion, and record which one it replaced, so that it can be rolled back.

    Args:
        store: where.
        version: the new champion. If it was rolled back before, that is forgotten.
        over: the champion it was compared with.
        by: who decided: `gate`, or a person.
        reason: why.

    Raises:
        ChampionChangedError: the champion is another one by now.
    """
    number = str(version.number)
    with _alone(store, version) as still_alone:
        now = champion(store)
        if (now and now.number) != (over and over.number):
            raise ChampionChangedError
        if now is not None and now.number == version.number:
            return
        # tags first: whatever is champion knows the way back, even if this is interrupted here
        event = events.now(by, over.number if over else None, reason)
        tag(store, version.number, events.as_tag(PROMOTED, event))
        # emptied: on a server with accounts, not everybody who may promote may delete a tag
        tag(store, version.number, {key: "" for key in (ROLLED_BACK, f"{ROLLED_BACK}_at") if version.tags.get(key)})
        if version.waiting:
            tag(store, version.number, {GATE: PASSED})
        if not still_alone():
            raise ChampionChangedError
        store.client.set_registered_model_alias(MODEL, CHAMPION, number)
    describe(store, version.number)


def the_waiting(store: Store) -> Version:
    """The one version that passed the gate and waits for a person.

    Raises:
        DenoiserError: none does, or several do; the message says what to do.
    """
    waiting = [version for version in versions(store) if version.waiting]
    if len(waiting) != 1:
        which = ", ".join(str(version.number) for version in waiting)
        found = f"the versions {which} wait to be promoted" if waiting else "no version waits to be promoted"
        raise DenoiserError(f"{store.name}: {found}. Name one: `svhn-denoiser registry promote VERSION`.")
    return waiting[0]


def rollback(store: Store, *, by: str, reason: str) -> tuple[Version, Version]:
    """Restore the version that the champion replaced.

    The version that is rolled back does not become champion again unless a person promotes it. Two rollbacks undo two
    promotions.

    Returns:
        The version that was left, and the new champion.

    Raises:
        DenoiserError: there is no champion, it replaced none, or the one it replaced is gone or was itself left.
    """
    choose = "Choose one of `svhn-denoiser registry list` and promote it: `svhn-denoiser registry promote VERSION`."
    with _alone(store, find(store, CHAMPION)):
        left = find(store, CHAMPION)
        if left.promotion is None:
            raise DenoiserError(
                f"version {left.number} was made champion by other means, so what it replaced is not known. {choose}"
            )
        number = left.promotion.other
        there = {version.number: version for version in versions(store)}
        if number == NOBODY:
            if came_after_another(left, there):
                raise DenoiserError(
                    f"version {left.number} replaced none: the alias or the version of the champion before it was "
                    f"deleted. {choose}"
                )
            raise DenoiserError(f"version {left.number} is the first champion: there is none to go back to.")
        back = there.get(int(number))
        if back is None:
            raise DenoiserError(f"version {number}, which version {left.number} replaced, was deleted. {choose}")
        if back.rollback is not None:
            raise DenoiserError(
                f"version {number}, which version {left.number} replaced, was itself rolled back on "
                f"{back.rollback.at}. {choose}"
            )
        tag(store, left.number, events.as_tag(ROLLED_BACK, events.now(by, back.number, reason)))
        store.client.set_registered_model_alias(MODEL, CHAMPION, number)
    describe(store, left.number)
    return find(store, str(left.number)), find(store, number)


@contextmanager
def _alone(store: Store, version: Version) -> Iterator[Callable[[], bool]]:
    # nobody else changes the champion in this block: on this machine by a lock, on a server by turns
    with store.lock():
        if store.is_local:
            yield lambda: True
            return

        def read() -> dict[int, str]:
            tags = registered_model(store).tags
            return {int(key.removeprefix(_CLAIM)): claim for key, claim in tags.items() if key.startswith(_CLAIM)}

        def write(number: int, claim: str | None) -> None:
            if claim is None:
                store.client.delete_registered_model_tag(MODEL, f"{_CLAIM}{number}")
            else:
                store.client.set_registered_model_tag(MODEL, f"{_CLAIM}{number}", claim)

        with turn(Claims(read, write), version.number) as still_ours:
            yield still_ours
