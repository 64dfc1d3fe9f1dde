"""What the rest of Berth may expect of a watch. Each test passes word for word on the real API server and in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from clusters import names
from clusters.api import NAMESPACE, RESOURCE_QUOTA, ROLE_BINDING, Conflict, Forbidden, Kind, WatchEvent
from tests.contract.hands import PATIENCE_SECONDS, Hands, binding, quota

CHANGES = ("ADDED", "MODIFIED", "DELETED")


def version(hands: Hands, kind: Kind) -> str:
    """Return how far the cluster is."""
    return next(hands.worker.list_pages(kind, limit=1)).resource_version


@contextlib.contextmanager
def watching(hands: Hands, kind: Kind, place: str) -> Iterator[Callable[[], WatchEvent]]:
    """Watch from now on; what is yielded returns the next change in this namespace."""
    watch = hands.worker.watch(kind, version(hands, kind), seconds=PATIENCE_SECONDS)

    def following() -> WatchEvent:
        return next(
            each for each in watch
            if each.change in CHANGES and each.object["metadata"]["namespace"] == place
        )  # fmt: skip

    yield following
    watch.close()  # type: ignore[attr-defined]


def replaced(hands: Hands, place: str, **hard: str) -> bool:
    """Write the quota anew, unless a controller has just written what is used."""
    found = hands.worker.get(RESOURCE_QUOTA, names.QUOTA, place)
    try:
        hands.worker.replace(RESOURCE_QUOTA, found | {"spec": {"hard": hard}})
    except Conflict:
        return False
    return True


def test_what_happens_after_the_list_is_told_in_its_order(hands: Hands) -> None:
    place = hands.new_namespace()
    with watching(hands, ROLE_BINDING, place) as following:
        made = hands.worker.create(ROLE_BINDING, binding(place))
        name, uid = made["metadata"]["name"], made["metadata"]["uid"]
        added = following()
        hands.worker.delete(ROLE_BINDING, name, place, uid=uid)
        deleted = following()
    assert (added.change, added.object) == ("ADDED", made)
    assert (deleted.change, deleted.object["metadata"]["uid"]) == ("DELETED", uid)
    assert deleted.object["subjects"] == made["subjects"]
    assert deleted.resource_version != added.resource_version == made["metadata"]["resourceVersion"]


def test_what_happened_between_list_and_watch_is_told(hands: Hands) -> None:
    place = hands.new_namespace()
    since = version(hands, ROLE_BINDING)
    made = hands.worker.create(ROLE_BINDING, binding(place))
    watch = hands.worker.watch(ROLE_BINDING, since, seconds=PATIENCE_SECONDS)
    assert made in (each.object for each in watch)


def test_change_is_told_with_what_it_made(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(RESOURCE_QUOTA, quota(place, pods="5"))
    with watching(hands, RESOURCE_QUOTA, place) as following:
        hands.eventually(lambda: replaced(hands, place, pods="6"), "the quota is replaced")
        told = following()
        while told.object["spec"] == made["spec"]:  # controllers count what is used
            told = following()
    assert told.change == "MODIFIED"
    assert told.object["metadata"]["name"] == names.QUOTA
    assert told.object["spec"] == {"hard": {"pods": "6"}}


def test_watch_goes_on_where_another_one_ended(hands: Hands) -> None:
    place = hands.new_namespace()
    with watching(hands, ROLE_BINDING, place) as following:
        hands.worker.create(ROLE_BINDING, binding(place, person=1))
        first = following()
    second = hands.worker.create(ROLE_BINDING, binding(place, person=2))
    watch = hands.worker.watch(ROLE_BINDING, first.resource_version, seconds=PATIENCE_SECONDS)
    told = next(each for each in watch if each.object["metadata"].get("namespace") == place)
    assert told.object == second


def test_watch_ends_in_its_time(hands: Hands) -> None:
    place = hands.new_namespace()
    told = list(hands.worker.watch(RESOURCE_QUOTA, version(hands, RESOURCE_QUOTA), seconds=1))
    assert [each for each in told if each.object["metadata"].get("namespace") == place] == []


def test_worker_does_not_watch_namespaces(hands: Hands) -> None:
    with pytest.raises(Forbidden):
        next(hands.worker.watch(NAMESPACE, version(hands, NAMESPACE), seconds=1))


def test_account_without_the_right_is_refused(hands: Hands) -> None:
    with pytest.raises(Forbidden):
        next(hands.observer.watch(ROLE_BINDING, version(hands, ROLE_BINDING), seconds=1))
