"""What no row explains may go in small numbers, and stays, with an alarm, in large ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models.functions import Now

from audit.models import Event
from clusters.api import ROLE_BINDING
from clusters.models import ClusterStatus
from namespaces import desired_state, pruning, reconciliation, sweeping
from namespaces.access import Role
from namespaces.models import Grant, Namespace
from namespaces.reconciler import reconcile as reconcile_module
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
Forget = Callable[[Callable[[str], bool]], None]


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Forget:
    """A mistake in the rows: return a function that makes them want only the bindings whose name it is told to keep."""
    read = desired_state._bindings

    def forget_unless(keeps: Callable[[str], bool]) -> None:
        def fewer(ids, config):  # type: ignore[no-untyped-def]
            found = read(ids, config)
            kept = {key: [each for each in wanted if keeps(each.name)] for key, wanted in found.items()}
            return defaultdict(list, kept)

        monkeypatch.setattr(desired_state, "_bindings", fewer)

    return forget_unless


def people(namespace: Namespace, number: int, role: Role = Role.EDITOR) -> None:
    for _number in range(number):
        person = factories.IdentityFactory.create().person
        factories.MembershipFactory.create(namespace=namespace, person=person, role=role)


def number_of_bindings(api: FakeCluster, namespace: Namespace) -> int:
    return sum(len(page.items) for page in api.list_pages(ROLE_BINDING, namespace.name))


def test_handful_goes_in_a_sweep_and_each_is_recorded(
    cast: Cast, fire: Namespace, api: FakeCluster, forget: Forget
) -> None:
    reconciliation.reconcile(fire.pk)
    gone = Grant.objects.get(identity__person=cast.vera).binding_name
    forget(lambda name: name != gone)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 3
    assert Event.objects.get(act=pruning.PRUNED).object_text == gone
    assert ClusterStatus.objects.get().unexplained == 0


def test_pass_alone_prunes_nothing(cast: Cast, fire: Namespace, api: FakeCluster, forget: Forget) -> None:
    reconciliation.reconcile(fire.pk)
    forget(lambda name: False)
    reconciliation.reconcile(fire.pk)
    assert number_of_bindings(api, fire) == 4


def test_more_than_the_guard_allows_all_stay_and_the_cluster_says_so(
    fire: Namespace, api: FakeCluster, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(fire, 8)
    reconciliation.reconcile(fire.pk)
    forget(lambda name: "-admin-" in name)
    api.calls.clear()
    sweeping.sweep_clusters()
    assert api.writes == []
    assert ClusterStatus.objects.get().unexplained == 10
    monkeypatch.undo()
    monkeypatch.setattr(reconcile_module, "PROOF_DELAYS", (0.0,))
    sweeping.sweep_clusters()
    assert ClusterStatus.objects.get().unexplained == 0


def test_tenth_of_many_may_go(fire: Namespace, api: FakeCluster, forget: Forget) -> None:
    people(fire, 66)
    reconciliation.reconcile(fire.pk)
    assert number_of_bindings(api, fire) == 70
    gone = set(Grant.objects.filter(role="editor").values_list("binding_name", flat=True)[:7])
    forget(lambda name: name not in gone)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 63


def test_one_more_than_a_tenth_may_not(fire: Namespace, api: FakeCluster, forget: Forget) -> None:
    people(fire, 66)
    reconciliation.reconcile(fire.pk)
    gone = set(Grant.objects.filter(role="editor").values_list("binding_name", flat=True)[:8])
    forget(lambda name: name not in gone)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 70


@pytest.mark.parametrize(("age", "may"), [(timedelta(minutes=59), False), (timedelta(minutes=61), True)])
def test_those_of_the_last_hour_count(db: None, age: timedelta, may: bool) -> None:
    Event.objects.bulk_create(Event(act=pruning.PRUNED, at=Now() - age) for _number in range(5))
    assert pruning.allowed({UUID(int=1): frozenset(["uid"])}, ours=10) is may


def test_last_admin_of_a_namespace_stays(
    cast: Cast, fire: Namespace, api: FakeCluster, forget: Forget
) -> None:
    reconciliation.reconcile(fire.pk)
    forget(lambda name: "-admin-" not in name)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 4


def test_admin_beside_another_one_may_go(
    cast: Cast, fire: Namespace, api: FakeCluster, forget: Forget
) -> None:
    reconciliation.reconcile(fire.pk)
    gone = Grant.objects.get(identity__person=cast.nils).binding_name
    forget(lambda name: name != gone)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 3


def test_pruning_ends_with_the_time_of_a_task(
    cast: Cast, fire: Namespace, api: FakeCluster, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciliation.reconcile(fire.pk)
    gone = Grant.objects.get(identity__person=cast.vera).binding_name
    forget(lambda name: name != gone)
    monkeypatch.setattr(sweeping, "MOST_SECONDS_AT_ONCE", -1)
    sweeping.sweep_clusters()
    assert number_of_bindings(api, fire) == 4
