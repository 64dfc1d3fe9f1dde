"""What was seen of quotas is stored once, and told as used, limit and free."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from clusters.api import Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL
from namespaces import seen_limits
from namespaces.models import Limit, Namespace, SeenLimits
from namespaces.seen_limits import Use

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def quota(name: str = "berth-quota", *, hard: dict[str, str], used: dict[str, str] | None = None) -> Manifest:
    labels = {MANAGED_BY_LABEL: MANAGED_BY} if name.startswith("berth-") else {}
    status: dict[str, Any] = {"hard": hard, "used": used} if used is not None else {}
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": name, "labels": labels},
        "spec": {"hard": hard},
        "status": status,
    }


def ranges(name: str) -> Manifest:
    return {
        "kind": "LimitRange",
        "metadata": {"name": name},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]},
    }


def lines(fire: Namespace) -> dict[str, Use]:
    return {line.resource: line for each in seen_limits.of(fire).quotas for line in each.lines}


def test_ours_comes_first_and_others_are_told_apart(fire: Namespace) -> None:
    seen_limits.store(
        {fire.pk: [quota("a-theirs", hard={"pods": "1"}), quota(hard={"pods": "2"}), ranges("theirs")]}
    )
    seen = seen_limits.of(fire)
    assert [(each.name, each.is_ours) for each in seen.quotas] == [("berth-quota", True), ("a-theirs", False)]
    assert seen.other_ranges == ("theirs",)


@pytest.mark.parametrize(
    ("hard", "used", "line"),
    [
        ("4", "1500m", ("1500m", "4", "2500m", 37)), ("4000m", "0", ("0", "4", "4", 0)),
        ("4", "4", ("4", "4", "0", 100)), ("4", "6", ("6", "4", "0", 150)), ("0", "0", ("0", "0", "0", 100)),
        ("0", "1", ("1", "0", "0", 101)),
    ],
)  # fmt: skip
def test_use_is_counted_by_value(
    fire: Namespace, hard: str, used: str, line: tuple[str, str, str, int]
) -> None:
    seen_limits.store({fire.pk: [quota(hard={"requests.cpu": hard}, used={"requests.cpu": used})]})
    found = lines(fire)["requests.cpu"]
    assert (found.used, found.hard, found.free, found.share) == line
    assert found.is_over is (line[3] > 100)


@pytest.mark.parametrize("used", [None, {}, {"pods": "many"}])
def test_what_the_cluster_has_not_counted_is_not_called_zero(
    fire: Namespace, used: dict[str, str] | None
) -> None:
    seen_limits.store({fire.pk: [quota(hard={"pods": "5"}, used=used)]})
    assert not lines(fire)["pods"].is_known
    assert seen_limits.used(fire) == {}


def test_use_of_all_quotas_is_known_in_the_unit_of_its_family(fire: Namespace) -> None:
    seen_limits.store(
        {fire.pk: [quota(hard={"cpu": "4", "memory": "1Gi"}, used={"cpu": "2", "memory": "512Mi"})]}
    )
    assert seen_limits.used(fire) == {"cpu": Fraction(2000), "memory": Fraction(2**29)}


class TestDecided:
    def decide(self, fire: Namespace, **amounts: int | None) -> None:
        for name, amount in amounts.items():
            Limit.objects.update_or_create(
                namespace=fire, kind="quota", resource=name, defaults={"amount": amount}
            )

    def test_nothing_decided_is_nothing_to_wait_for(self, fire: Namespace) -> None:
        seen_limits.store({fire.pk: [quota(hard={"pods": "5"})]})
        seen = seen_limits.of(fire)
        assert (seen.is_decided, seen.is_pending, seen.is_taken) == (False, False, False)

    def test_decided_waits_until_the_cluster_was_seen_to_have_it(self, fire: Namespace) -> None:
        self.decide(fire, pods=5)
        assert seen_limits.of(fire).is_pending
        seen_limits.store({fire.pk: [quota(hard={"pods": "6"})]})
        assert seen_limits.of(fire).is_pending
        seen_limits.store({fire.pk: [quota(hard={"pods": "5000m"})]})
        seen = seen_limits.of(fire)
        assert (seen.is_decided, seen.is_pending) == (True, False)

    def test_end_of_a_limit_waits_as_well(self, fire: Namespace) -> None:
        self.decide(fire, pods=None)
        seen_limits.store({fire.pk: [quota(hard={"pods": "5"})]})
        seen = seen_limits.of(fire)
        assert (seen.is_decided, seen.is_pending) == (False, True)

    def test_taken_name_is_no_wait(self, fire: Namespace) -> None:
        self.decide(fire, pods=5)
        foreign = quota(hard={"pods": "5"})
        foreign["metadata"]["labels"] = {}
        seen_limits.store({fire.pk: [foreign]})
        seen = seen_limits.of(fire)
        assert (seen.is_pending, seen.is_taken) == (False, True)


def test_what_is_gone_is_forgotten_and_only_in_namespaces_that_were_looked_at(fire: Namespace) -> None:
    seen_limits.store({fire.pk: [quota(hard={"pods": "5"}), ranges("theirs")]})
    seen_limits.store({})
    assert SeenLimits.objects.count() == 2
    seen_limits.store({fire.pk: []})
    assert not SeenLimits.objects.exists()


def test_what_has_not_changed_is_not_written(
    fire: Namespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = [quota(hard={"pods": "5"}, used={"pods": "1"})]
    seen_limits.store({fire.pk: found})
    before = SeenLimits.objects.get().changed_at
    with django_assert_num_queries(1):
        seen_limits.store({fire.pk: found})
    seen_limits.store({fire.pk: [quota(hard={"pods": "5"}, used={"pods": "2"})]})
    assert SeenLimits.objects.get().changed_at > before
    assert SeenLimits.objects.get().content["used"] == {"pods": "2"}
