"""What is written down about bindings: in few statements however many there are, and never over what others wrote."""

from __future__ import annotations

import threading
from random import Random

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from clusters.api import ROLE_BINDING
from clusters.config import ClusterConfig
from clusters.registry import configured_clusters
from localcluster.processes import wait_until
from namespaces import desired_state, grants, reconciliation
from namespaces.access import Role
from namespaces.models import Grant, Namespace
from namespaces.reconciler.spec import BindingSpec
from tests import factories
from tests.fake_cluster import FakeCluster
from tests.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab(api: FakeCluster) -> Namespace:
    """A namespace whose cluster is the one in memory."""
    cluster = factories.ClusterFactory.create(name="nautilus")
    return factories.NamespaceFactory.create(cluster=cluster)


@pytest.fixture
def config(lab: Namespace) -> ClusterConfig:
    return configured_clusters()[lab.cluster.name]


def let_in(lab: Namespace, number: int) -> None:
    for _number in range(number):
        person = factories.person("Somebody")
        factories.MembershipFactory.create(namespace=lab, person=person, role=Role.EDITOR)
    lab.generation += 1
    lab.save()


def wanted(lab: Namespace, config: ClusterConfig) -> list[BindingSpec]:
    return list(desired_state.namespace_spec(lab, config).bindings)


def statements(lab: Namespace, number: int) -> int:
    """Return how many statements the pass has in which so many people are let in."""
    let_in(lab, number)
    with CaptureQueriesContext(connection) as captured:
        reconciliation.reconcile(lab.pk, hurry=True)
    return len(captured)


def test_pass_asks_before_each_create_and_has_no_other_statement_for_it(lab: Namespace) -> None:
    reconciliation.reconcile(lab.pk)
    assert statements(lab, 20) - statements(lab, 1) == 19


def test_each_has_its_operation_and_keeps_those_that_nobody_has_answered(
    lab: Namespace, config: ClusterConfig
) -> None:
    let_in(lab, 3)
    bindings = wanted(lab, config)
    first = grants.intend(lab, dict.fromkeys(bindings))
    second = grants.intend(lab, dict.fromkeys(bindings[:2]))
    assert first.keys() == {each.name for each in bindings}
    unanswered = dict(Grant.objects.values_list("binding_name", "unanswered"))
    assert unanswered == {
        each.name: [first[each.name], *([second[each.name]] if each.name in second else [])]
        for each in bindings
    }
    assert len({*first.values(), *second.values()}) == 5
    assert set(Grant.objects.values_list("state", flat=True)) == {Grant.State.PENDING}


def test_grant_that_somebody_else_begins_meanwhile_is_kept(
    lab: Namespace, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lost its lease writes down its own create between our look and our begin."""
    let_in(lab, 2)
    bindings = wanted(lab, config)
    theirs: dict[str, str] = {}
    begun = grants.Ledger._begun

    def begun_late(ledger: grants.Ledger, binding: BindingSpec) -> Grant:
        if not theirs:
            theirs["begins"] = "now"
            theirs.update(grants.intend(lab, {bindings[0]: None}))
        return begun(ledger, binding)

    monkeypatch.setattr(grants.Ledger, "_begun", begun_late)
    ours = grants.intend(lab, dict.fromkeys(bindings))
    assert Grant.objects.get(binding_name=bindings[0].name).unanswered == [
        theirs[bindings[0].name],
        ours[bindings[0].name],
    ]
    assert Grant.objects.count() == 2


WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_that_begin_the_same_ones_in_another_order_do_not_wait_for_each_other(
    lab: Namespace, config: ClusterConfig
) -> None:
    """A worker that lost its lease read the rows before, and has other portions. A third holds one in the middle."""
    reconciliation.reconcile(lab.pk)  # it has a status from here on
    let_in(lab, 3)
    bindings = wanted(lab, config)
    is_held = threading.Event()

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            return int(cursor.fetchone()[0])

    def hold() -> None:
        with transaction.atomic():
            grants.intend(lab, {bindings[1]: None})
            is_held.set()
            wait_until(lambda: waiting() == 2, children=[], seconds=30, what="the two")
            transaction.set_rollback(True)

    def begin(some: list[BindingSpec]) -> None:
        assert is_held.wait(30)
        grants.intend(lab, dict.fromkeys(some))

    race(Random(), hold, lambda: begin(bindings), lambda: begin(bindings[::-1]))
    assert [len(each) for each in Grant.objects.values_list("unanswered", flat=True)] == [2] * 3


def test_name_that_changed_is_the_same_grant(lab: Namespace, config: ClusterConfig) -> None:
    """An earlier version may have named the bindings otherwise."""
    let_in(lab, 1)
    (binding,) = wanted(lab, config)
    grants.intend(lab, {binding: None})
    Grant.objects.update(binding_name="berth-editor-before")
    grants.intend(lab, {binding: None})
    assert Grant.objects.get().binding_name == binding.name


def test_end_that_two_things_tell_of_is_told_once(
    lab: Namespace, config: ClusterConfig, api: FakeCluster
) -> None:
    """A pass that makes room for another binding notes it before the create, and what it found after it."""
    let_in(lab, 1)
    reconciliation.reconcile(lab.pk)
    (binding,) = wanted(lab, config)
    grant = Grant.objects.get()
    drift = reconciliation.look(lab)
    ((_same, seen),) = drift.correct
    grants.intend(lab, {binding: seen})
    ends = Event.objects.filter(act__in=grants.ENDS, object_id=str(grant.pk))
    assert [(event.act, event.before["uid"]) for event in ends] == [("binding.ended", seen.uid)]
    grants.intend(lab, {binding: seen})
    assert ends.count() == 1


def test_pass_reads_no_more_events_for_a_binding_that_was_made_again_and_again(
    lab: Namespace, api: FakeCluster
) -> None:
    """Somebody deletes it every minute, for months."""
    let_in(lab, 1)
    read: list[object] = []

    def made_again() -> int:
        read.clear()
        reconciliation.reconcile(lab.pk)
        api.outside.remove(ROLE_BINDING, Grant.objects.get().binding_name, lab.name)
        return len(read)

    post_init.connect(note := lambda **about: read.append(about["instance"]), sender=Event)
    try:
        made_again()
        assert [made_again() for _time in range(3)] == [made_again()] * 3
    finally:
        post_init.disconnect(note, sender=Event)
