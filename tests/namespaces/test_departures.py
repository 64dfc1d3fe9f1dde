"""An account that is deleted keeps its name until every right is proved gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.actions import deletions
from accounts.models import Identity, User
from clusters.api import ROLE_BINDING, NotFound, Unavailable
from clusters.models import ClusterStatus
from clusters.roles import binding_name
from namespaces import departures, reconciliation, tasks
from namespaces.models import Grant, Namespace, SeenBinding
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
DOWN = Unavailable("The API server cannot be reached: the connection was refused.")


@pytest.fixture
def leaving(cast: Cast, made: Namespace) -> User:
    """Eda, whose deletion has begun, and whose right in avis-fire is in the cluster."""
    deletions.ask(by=cast.eda)
    deletions.begin(person=cast.eda, by=cast.olga)
    return cast.eda


def is_deleted(person: User) -> bool:
    return User.objects.get(pk=person.pk).deleted_at is not None


def test_name_stays_until_the_cluster_said_no(
    leaving: User, made: Namespace, fake_cluster: FakeCluster
) -> None:
    identity = leaving.identities.get()
    assert departures.where_left(leaving) == [made]
    assert departures.finish_due() == 0
    assert str(User.objects.get(pk=leaving.pk)) == "Eda Kaya"
    reconciliation.reconcile(made.pk)
    assert departures.where_left(leaving) == []
    assert departures.finish_due() == 1
    assert is_deleted(leaving)
    assert departures.finish_due() == 0
    grant = Grant.objects.get(identity=identity)
    assert (grant.state, grant.username) == ("revoked", f"deleted {identity.pk.hex}")


def test_nothing_is_finished_while_the_cluster_is_away(
    leaving: User, made: Namespace, fake_cluster: FakeCluster
) -> None:
    fake_cluster.fail(DOWN, times=100)
    reconciliation.reconcile(made.pk)
    assert departures.finish_due() == 0
    assert departures.where_left(leaving) == [made]
    assert not is_deleted(leaving)


def test_answer_that_is_owed_is_waited_for(leaving: User, made: Namespace, fake_cluster: FakeCluster) -> None:
    fake_cluster.fail(DOWN, verb="review", times=100)
    reconciliation.reconcile(made.pk)
    assert departures.finish_due() == 0
    assert not is_deleted(leaving)


def test_namespace_that_nobody_looked_at_since_is_waited_for(
    cast: Cast, fire: Namespace, fake_cluster: FakeCluster
) -> None:
    """A worker may be making there what had been decided a moment before."""
    deletions.ask(by=cast.eda)
    deletions.begin(person=cast.eda, by=cast.olga)
    assert departures.where_left(cast.eda) == [fire]
    reconciliation.reconcile(fire.pk)
    assert departures.where_left(cast.eda) == []


def test_binding_that_a_late_worker_may_make_is_waited_for(leaving: User, made: Namespace) -> None:
    reconciliation.reconcile(made.pk)
    grant = Grant.objects.get(identity=leaving.identities.get())
    Grant.objects.filter(pk=grant.pk).update(unanswered=["one"], since=Now() - timedelta(minutes=9))
    assert departures.finish_due() == 0
    Grant.objects.filter(pk=grant.pk).update(since=Now() - timedelta(minutes=11))
    assert departures.finish_due() == 1


def test_proofs_of_a_cluster_that_is_of_an_earlier_day_prove_nothing(leaving: User, made: Namespace) -> None:
    reconciliation.reconcile(made.pk)
    status = ClusterStatus.objects.filter(cluster=made.cluster)
    before = status.get().state
    status.update(state=ClusterStatus.State.QUARANTINED)
    assert departures.finish_due() == 0
    status.update(state=before)
    assert departures.finish_due() == 1


def test_binding_made_by_hand_is_waited_for(leaving: User, made: Namespace, cast: Cast) -> None:
    reconciliation.reconcile(made.pk)
    other = factories.NamespaceFactory.create(cluster=made.cluster, name="bay-drifters")
    seen = SeenBinding.objects.create(
        namespace=other, name="by-hand", role="ClusterRole view",
        users=["somebody", leaving.identities.get().subject],
    )  # fmt: skip
    assert departures.where_left(leaving) == [other]
    assert departures.finish_due() == 0
    seen.delete()
    assert departures.finish_due() == 1


def test_nobody_else_is_touched(leaving: User, made: Namespace, cast: Cast) -> None:
    deletions.ask(by=cast.vera)
    before = Identity.objects.exclude(person=leaving).order_by("pk")
    rows = list(before.values())
    reconciliation.reconcile(made.pk)
    departures.finish_due()
    assert list(before.values()) == rows
    assert User.objects.filter(deleted_at__isnull=False).get() == leaving
    assert Grant.objects.filter(username__startswith="deleted").count() == 1


def test_guest_without_anything_is_finished_at_once(cast: Cast) -> None:
    deletions.ask(by=cast.ana)
    deletions.begin(person=cast.ana, by=cast.olga)
    assert departures.finish_due() == 1


@pytest.mark.parametrize("task", [tasks.reconcile_due, tasks.reconcile_neglected])
def test_workers_finish_what_is_due(cast: Cast, task: object) -> None:
    deletions.ask(by=cast.ana)
    deletions.begin(person=cast.ana, by=cast.olga)
    task()  # type: ignore[operator]
    assert is_deleted(cast.ana)


def test_late_binding_of_somebody_deleted_is_taken_away(
    cast: Cast, made: Namespace, fake_cluster: FakeCluster
) -> None:
    """What a worker that stood still makes after all is known by its name, not by whose it was."""
    identity = cast.eda.identities.get()
    name = binding_name("editor", identity.issuer, identity.subject)
    binding = fake_cluster.get(ROLE_BINDING, name, made.name)
    grant = Grant.objects.get(identity=identity)
    deletions.ask(by=cast.eda)
    deletions.begin(person=cast.eda, by=cast.olga)
    reconciliation.reconcile(made.pk)
    assert departures.finish_due() == 1
    Grant.objects.filter(pk=grant.pk).update(unanswered=[str(grant.operation)])
    fake_cluster.outside.put(binding)
    Namespace.objects.filter(pk=made.pk).update(generation=100)
    reconciliation.reconcile(made.pk)
    with pytest.raises(NotFound):
        fake_cluster.get(ROLE_BINDING, name, made.name)
    assert Grant.objects.get(pk=grant.pk).state == "revoked"
