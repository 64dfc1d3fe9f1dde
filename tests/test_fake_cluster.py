"""The hooks of the cluster in memory. What it does without them is in the contract suite."""

from __future__ import annotations

import pytest

from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    AccessQuestion,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    Throttled,
    Unavailable,
)
from tests.contract.hands import binding, fake_config, listed, namespace, subject, titles
from tests.fake_cluster import Call, FakeCluster

PLACE = "avis-fire"


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster(fake_config())
    cluster.create(NAMESPACE, namespace(PLACE))
    cluster.calls.clear()
    return cluster


def test_calls_of_all_accounts_are_logged_and_writes_apart(cluster: FakeCluster) -> None:
    cluster.create(ROLE_BINDING, binding(PLACE), dry_run=True)
    made = cluster.create(ROLE_BINDING, binding(PLACE))["metadata"]
    listed(cluster.acting_as("observer"), NAMESPACE)
    cluster.review_access(subject(1), PLACE, AccessQuestion("get", "pods"))
    assert [call.verb for call in cluster.calls] == ["create", "create", "list", "review"]
    assert cluster.writes == [Call("create", ROLE_BINDING, PLACE, made["name"])]


def test_next_calls_of_a_sort_fail_without_effect(cluster: FakeCluster) -> None:
    cluster.fail(Throttled("slow", retry_after=3), verb="create", kind=ROLE_BINDING, times=2)
    cluster.get(NAMESPACE, PLACE)
    for _ in range(2):
        with pytest.raises(Throttled):
            cluster.create(ROLE_BINDING, binding(PLACE))
    assert listed(cluster, ROLE_BINDING, PLACE) == []
    cluster.create(ROLE_BINDING, binding(PLACE))


def test_reviews_can_fail(cluster: FakeCluster) -> None:
    cluster.fail(Unavailable("gone"), verb="review", name=subject(2))
    question = AccessQuestion("get", "pods")
    cluster.review_access(subject(1), PLACE, question)
    with pytest.raises(Unavailable):
        cluster.review_access(subject(2), PLACE, question)


def test_a_lost_answer_has_had_its_effect(cluster: FakeCluster) -> None:
    cluster.lose_answer(verb="create", kind=ROLE_BINDING)
    with pytest.raises(Unavailable):
        cluster.create(ROLE_BINDING, binding(PLACE))
    with pytest.raises(Conflict):
        cluster.create(ROLE_BINDING, binding(PLACE))


def test_a_lost_answer_does_not_hide_a_refusal(cluster: FakeCluster) -> None:
    cluster.lose_answer(verb="delete")
    with pytest.raises(NotFound):
        cluster.delete(ROLE_BINDING, "berth-none", PLACE, uid="x")


def test_a_list_can_expire_between_two_pages(cluster: FakeCluster) -> None:
    for person in range(3):
        cluster.create(ROLE_BINDING, binding(PLACE, person))
    cluster.expire_list(ROLE_BINDING)
    pages = cluster.list_pages(ROLE_BINDING, PLACE, limit=2)
    assert len(next(pages).items) == 2
    with pytest.raises(Gone):
        next(pages)
    assert len(listed(cluster, ROLE_BINDING, PLACE, limit=2)) == 3


def test_items_can_be_dropped_from_lists(cluster: FakeCluster) -> None:
    made = cluster.create(ROLE_BINDING, binding(PLACE))["metadata"]["name"]
    cluster.drop_from_lists(made)
    assert titles(listed(cluster, ROLE_BINDING, PLACE)) == []
    assert cluster.get(ROLE_BINDING, made, PLACE)["metadata"]["name"] == made
    cluster.drop_from_lists()
    assert titles(listed(cluster, ROLE_BINDING, PLACE)) == [made]


def test_an_administrator_changes_and_removes_what_is_ours(cluster: FakeCluster) -> None:
    made = cluster.create(ROLE_BINDING, binding(PLACE))
    name = made["metadata"]["name"]
    cluster.outside.change(ROLE_BINDING, name, PLACE, lambda found: found["subjects"].clear())
    changed = cluster.get(ROLE_BINDING, name, PLACE)
    assert changed["subjects"] == []
    assert changed["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    cluster.outside.remove(ROLE_BINDING, name, PLACE)
    with pytest.raises(NotFound):
        cluster.get(ROLE_BINDING, name, PLACE)


def test_fences_can_be_missing(cluster: FakeCluster) -> None:
    everybody = binding(PLACE)
    everybody["subjects"] = [{"kind": "Group", "name": "system:authenticated"}]
    with pytest.raises(Forbidden):
        cluster.create(ROLE_BINDING, everybody, dry_run=True)
    cluster.outside.remove_fences()
    cluster.create(ROLE_BINDING, everybody, dry_run=True)
