"""Roles that are still what they were: in memory, and in the contract suite on a real API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clusters.api import CLUSTER_ROLE, Forbidden, Manifest, Unavailable
from clusters.soundness import GIVEN, altered_roles
from tests.contract.hands import fake_config
from tests.fake_cluster import FakeCluster


def add_rule(role: Manifest) -> None:
    role["rules"].append({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]})


def widen_rule(role: Manifest) -> None:
    role["rules"][0]["resources"].append("nodes")


def drop_rule(role: Manifest) -> None:
    role["rules"].pop()


def empty(role: Manifest) -> None:
    role["rules"] = None


def collect(role: Manifest) -> None:
    role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}


def name_one(role: Manifest) -> None:
    role["rules"][0]["resourceNames"] = ["one"]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(fake_config())


def test_roles_as_applied_are_sound_in_four_reads(cluster: FakeCluster) -> None:
    cluster.calls.clear()
    assert altered_roles(cluster) == []
    assert [(call.verb, call.name) for call in cluster.calls] == [("get", name) for name in GIVEN]


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("alter", [add_rule, widen_rule, drop_rule, empty, collect, name_one])
def test_an_altered_role_is_named(cluster: FakeCluster, name: str, alter: Callable[[Manifest], Any]) -> None:
    cluster.outside.change(CLUSTER_ROLE, name, None, alter)
    assert altered_roles(cluster) == [name]


def test_missing_roles_are_named(cluster: FakeCluster) -> None:
    cluster.outside.remove_role("berth:viewer")
    cluster.outside.remove_role("berth:reaper")
    assert altered_roles(cluster) == ["berth:viewer", "berth:reaper"]


def test_the_same_rules_in_another_order_are_sound(cluster: FakeCluster) -> None:
    def turn(role: Manifest) -> None:
        role["rules"].reverse()
        for rule in role["rules"]:
            rule["verbs"].reverse()
            rule["resources"].reverse()

    cluster.outside.change(CLUSTER_ROLE, "berth:admin", None, turn)
    assert altered_roles(cluster) == []


@pytest.mark.parametrize("error", [Unavailable("no answer"), Forbidden("not yours")])
def test_what_cannot_be_read_is_neither_sound_nor_altered(
    cluster: FakeCluster, error: Unavailable | Forbidden
) -> None:
    cluster.fail(error, verb="get", kind=CLUSTER_ROLE)
    with pytest.raises(type(error)):
        altered_roles(cluster)
