"""Quota and limits per container: what was decided is held, what others wrote stays, a second look finds nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.api import LIMIT_RANGE, RESOURCE_QUOTA, Kind, Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL
from namespaces.reconciler import quotas
from namespaces.reconciler.quotas import Act, Change
from namespaces.reconciler.spec import LimitSpec
from tests.namespaces.reconciler.objects import spec

PODS = LimitSpec("", "pods", "20")
CPU = LimitSpec("", "requests.cpu", "4")


def change(limits: Sequence[LimitSpec], kind: Kind, *seen: Manifest) -> Change | None:
    return quotas.change(replace(spec(), limits=tuple(limits)), kind, seen)


def quota(hard: dict[str, str], *, name: str = "berth-quota", label: str = MANAGED_BY) -> Manifest:
    metadata = {"name": name, "namespace": "avis-fire", "uid": "u", "resourceVersion": "1"}
    labels = {"labels": {MANAGED_BY_LABEL: label}} if label else {}
    return {"kind": "ResourceQuota", "metadata": metadata | labels, "spec": {"hard": hard}}


def ranges(*items: dict[str, Any]) -> Manifest:
    found = quota({}, name="berth-limits")
    return {**found, "kind": "LimitRange", "spec": {"limits": list(items)}}


def container(**sections: dict[str, str]) -> dict[str, Any]:
    return {"type": "Container", **sections}


class TestQuota:
    def test_nothing_decided_is_nothing_to_do_whatever_is_there(self) -> None:
        """Rows that were lost take no limit away."""
        assert change((), RESOURCE_QUOTA, quota({"pods": "1"})) is None

    def test_absent_is_created_whole_and_with_our_label(self) -> None:
        wanted = change((PODS, CPU), RESOURCE_QUOTA)
        assert wanted is not None
        assert wanted.act == Act.CREATE
        assert wanted.manifest["spec"] == {"hard": {"pods": "20", "requests.cpu": "4"}}
        assert quotas.is_ours(wanted.manifest)

    @pytest.mark.parametrize("spelled", ["4", "4000m", "4.0", "0.004k"])
    def test_other_spelling_of_the_same_value_is_as_decided(self, spelled: str) -> None:
        assert change((CPU,), RESOURCE_QUOTA, quota({"requests.cpu": spelled})) is None

    @pytest.mark.parametrize("spelled", ["5", "4001m", "", "x"])
    def test_other_value_is_replaced_with_the_version_that_was_read(self, spelled: str) -> None:
        wanted = change((CPU,), RESOURCE_QUOTA, quota({"requests.cpu": spelled}))
        assert wanted is not None
        assert wanted.act == Act.REPLACE
        assert wanted.manifest["spec"] == {"hard": {"requests.cpu": "4"}}
        assert wanted.manifest["metadata"]["resourceVersion"] == "1"

    def test_key_that_nobody_decided_stays_and_is_told(self) -> None:
        found = quota({"pods": "30", "secrets": "5"})
        wanted = change((PODS,), RESOURCE_QUOTA, found)
        assert wanted is not None
        assert wanted.manifest["spec"]["hard"] == {"pods": "20", "secrets": "5"}
        assert quotas.unexplained(replace(spec(), limits=(PODS,)), RESOURCE_QUOTA, found) == [("", "secrets")]

    def test_key_that_was_taken_away_goes_and_the_others_stay(self) -> None:
        gone = replace(PODS, quantity=None)
        wanted = change((gone, CPU), RESOURCE_QUOTA, quota({"pods": "20", "requests.cpu": "4"}))
        assert wanted is not None
        assert (wanted.act, wanted.manifest["spec"]["hard"]) == (Act.REPLACE, {"requests.cpu": "4"})

    def test_last_key_that_was_taken_away_takes_the_object_with_it(self) -> None:
        found = quota({"pods": "20"})
        assert change((replace(PODS, quantity=None),), RESOURCE_QUOTA, found) == Change(
            RESOURCE_QUOTA, Act.DELETE, found
        )
        assert change((replace(PODS, quantity=None),), RESOURCE_QUOTA) is None

    @pytest.mark.parametrize("label", ["", "helm"])
    def test_object_of_somebody_else_is_a_conflict(self, label: str) -> None:
        found = quota({"pods": "1"}, label=label)
        for limits in ((PODS,), (replace(PODS, quantity=None),)):
            assert change(limits, RESOURCE_QUOTA, found) == Change(RESOURCE_QUOTA, Act.CONFLICT, found)

    def test_further_quotas_are_none_of_ours(self) -> None:
        assert (
            change((PODS,), RESOURCE_QUOTA, quota({"pods": "1"}, name="theirs"), quota({"pods": "20"}))
            is None
        )

    def test_what_was_seen_is_not_changed(self) -> None:
        found = quota({"pods": "30"})
        before = copy.deepcopy(found)
        change((PODS,), RESOURCE_QUOTA, found)
        assert found == before


class TestContainers:
    MAX = LimitSpec("max", "cpu", "4")

    def test_all_sections_stand_in_one_item(self) -> None:
        limits = (self.MAX, LimitSpec("default", "cpu", "1"), LimitSpec("defaultRequest", "memory", "1Gi"))
        wanted = change(limits, LIMIT_RANGE)
        assert wanted is not None
        (item,) = [container(max={"cpu": "4"}, default={"cpu": "1"}, defaultRequest={"memory": "1Gi"})]
        assert wanted.manifest["spec"] == {"limits": [item]}

    def test_what_the_api_server_fills_in_is_as_decided(self) -> None:
        found = ranges(container(max={"cpu": "4"}, default={"cpu": "4"}, defaultRequest={"cpu": "4"}))
        assert change((self.MAX,), LIMIT_RANGE, found) is None
        assert quotas.unexplained(replace(spec(), limits=(self.MAX,)), LIMIT_RANGE, found) == []

    def test_what_was_filled_in_does_not_stand_against_a_lower_maximum(self) -> None:
        found = ranges(container(max={"cpu": "4"}, default={"cpu": "4"}, defaultRequest={"cpu": "4"}))
        wanted = change((replace(self.MAX, quantity="2"),), LIMIT_RANGE, found)
        assert wanted is not None
        (item,) = wanted.manifest["spec"]["limits"]
        assert item == container(max={"cpu": "2"})

    def test_default_that_was_taken_away_is_not_missed_where_the_api_server_fills_it_in(self) -> None:
        limits = (self.MAX, LimitSpec("default", "cpu", None))
        found = ranges(container(max={"cpu": "4"}, default={"cpu": "4"}, defaultRequest={"cpu": "4"}))
        assert change(limits, LIMIT_RANGE, found) is None

    def test_items_of_other_types_stay(self) -> None:
        other = {"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}}
        wanted = change((self.MAX,), LIMIT_RANGE, ranges(other))
        assert wanted is not None
        assert wanted.manifest["spec"]["limits"] == [other, container(max={"cpu": "4"})]

    def test_last_key_takes_the_item_and_the_object_with_it(self) -> None:
        gone = (replace(self.MAX, quantity=None),)
        other = {"type": "Pod", "max": {"cpu": "8"}}
        alone = change(gone, LIMIT_RANGE, ranges(container(max={"cpu": "4"})))
        beside = change(gone, LIMIT_RANGE, ranges(container(max={"cpu": "4"}), other))
        assert alone is not None
        assert beside is not None
        assert (alone.act, beside.act) == (Act.DELETE, Act.REPLACE)
        assert beside.manifest["spec"]["limits"] == [other]


class TestDifferences:
    """What the page of drift shows of our own object: as decided, and as it is there."""

    @staticmethod
    def of(limits: Sequence[LimitSpec], kind: Kind, found: Manifest) -> list[tuple[str, str, str, str]]:
        return quotas.differences(replace(spec(), limits=tuple(limits)), kind, found)

    def test_each_key_of_a_quota_that_differs_is_told_with_both(self) -> None:
        limits = (PODS, CPU, LimitSpec("", "secrets", None), LimitSpec("", "services", "5"),
            LimitSpec("", "events", None))  # fmt: skip
        found = quota({"pods": "30", "requests.cpu": "4000m", "secrets": "1", "configmaps": "2"})
        assert self.of(limits, RESOURCE_QUOTA, found) == [
            ("", "configmaps", "", "2"),
            ("", "pods", "20", "30"),
            ("", "secrets", "", "1"),
            ("", "services", "5", ""),
        ]

    def test_each_kind_is_held_against_its_own_decisions(self) -> None:
        limits = (PODS, LimitSpec("max", "cpu", "4"))
        found = ranges(container(max={"cpu": "3"}), {"type": "Pod", "max": {"cpu": "8"}})
        assert self.of(limits, LIMIT_RANGE, found) == [("Pod.max", "cpu", "", "8"), ("max", "cpu", "4", "3")]

    def test_what_the_api_server_fills_in_is_nobodys_and_what_differs_from_it_is_somebodys(self) -> None:
        limits = (LimitSpec("max", "cpu", "4"), LimitSpec("default", "memory", "1Gi"))
        said = container(
            max={"cpu": "4"},
            default={"cpu": "4", "memory": "1Gi"},
            defaultRequest={"cpu": "4", "memory": "1Gi"},
        )
        assert self.of(limits, LIMIT_RANGE, ranges(said)) == []
        said["default"]["cpu"] = "2"
        assert self.of(limits, LIMIT_RANGE, ranges(said)) == [
            ("default", "cpu", "", "2"), ("defaultRequest", "cpu", "", "4"),
        ]  # fmt: skip

    def test_decided_one_that_equals_what_would_be_filled_in_stays(self) -> None:
        limits = (LimitSpec("max", "cpu", "4"), LimitSpec("default", "cpu", "4"))
        found = ranges(container(max={"cpu": "4"}, default={"cpu": "4"}, defaultRequest={"cpu": "4"}))
        assert self.of(limits, LIMIT_RANGE, found) == []
        wanted = change((replace(limits[0], quantity="5"), limits[1]), LIMIT_RANGE, found)
        assert wanted is not None
        assert wanted.manifest["spec"]["limits"] == [container(max={"cpu": "5"}, default={"cpu": "4"})]

    def test_value_as_somebody_spelled_it_stays_when_another_key_is_replaced(self) -> None:
        wanted = change((PODS, CPU), RESOURCE_QUOTA, quota({"pods": "30", "requests.cpu": "4000m"}))
        assert wanted is not None
        assert wanted.manifest["spec"]["hard"] == {"pods": "20", "requests.cpu": "4000m"}


_QUANTITIES = st.one_of(st.none(), st.integers(1, 8).map(str))
_LIMITS = st.lists(
    st.builds(
        LimitSpec,
        st.sampled_from(["", "default", "defaultRequest", "max", "min"]),
        st.just("cpu"),
        _QUANTITIES,
    ),
    unique_by=lambda limit: limit.section,
)


@given(_LIMITS, _LIMITS)
def test_second_look_finds_nothing_to_do(before: list[LimitSpec], after: list[LimitSpec]) -> None:
    """Whatever stood there by decision, what a change makes of it needs no further change."""
    for kind in quotas.KINDS:
        seen: tuple[Manifest, ...] = ()
        for limits in (before, [*after, *_ended(before, after)]):
            done = change(limits, kind, *seen)
            if done is not None and done.act == Act.DELETE:
                seen = ()
            elif done is not None:
                seen = (_kept(done.manifest),)
            assert change(limits, kind, *seen) is None


def _ended(before: list[LimitSpec], after: list[LimitSpec]) -> list[LimitSpec]:
    sections = {limit.section for limit in after}
    return [replace(limit, quantity=None) for limit in before if limit.section not in sections]


def _kept(manifest: Manifest) -> Manifest:
    """Return the object as an API server keeps it: with defaults of its own, filled in as the source of it does."""
    kept = copy.deepcopy(manifest)
    kept["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    for item in kept["spec"].get("limits", ()):
        default, request = item.setdefault("default", {}), item.setdefault("defaultRequest", {})
        for resource, quantity in item.get("max", {}).items():
            default.setdefault(resource, quantity)
        for source in (default, item.get("min", {})):
            for resource, quantity in source.items():
                request.setdefault(resource, quantity)
    return kept
