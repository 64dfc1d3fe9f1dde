"""Who is found to be looked at now, by several workers at once and after a cluster was away.

What a look around then does is in `test_reconciliation.py`, how it is shared out in `test_tasks.py`.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DataError
from django.utils import timezone

from clusters.api import ROLE_BINDING, ClusterError, NotFound, Throttled, Unauthorized, Unavailable
from clusters.models import Cluster, ClusterStatus
from namespaces import contact, reconciliation, sweeping, tasks
from namespaces.access import Role
from namespaces.actions import members
from namespaces.lanes import CHANGES
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus
from namespaces.reconciler.manifests import OPERATION
from namespaces.verdicts import UNPROVED
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
DOWN = Unavailable("The API server cannot be reached: the connection was refused.")


def removed(namespace: Namespace, cast: Cast) -> None:
    membership = Membership.objects.current().get(namespace=namespace, person=cast.eda)
    members.remove(membership=membership, by=cast.nils)


def is_over(cast: Cast) -> bool:
    return Grant.objects.get(identity__person=cast.eda).state == Grant.State.REVOKED


class TestSeveralWorkers:
    def test_who_found_the_same_does_not_do_it_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        factories.NamespaceFactory.create_batch(3, cluster=made.cluster)
        removed(made, cast)
        first, second = sweeping.find_due(), sweeping.find_due()
        assert first == second
        sweeping.reconcile_each(first)
        assert is_over(cast)
        api.calls.clear()
        sweeping.reconcile_each(second)
        assert api.calls == []

    def test_namespace_that_another_is_at_is_left_to_them(self, cast: Cast, made: Namespace) -> None:
        removed(made, cast)
        NamespaceStatus.objects.update(lease_until=timezone.now() + timedelta(seconds=30))
        assert sweeping.find_due() == []
        assert made in sweeping.due()
        NamespaceStatus.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert [each.namespace_id for each in sweeping.find_due()] == [made.pk]


class TestOrder:
    def test_ends_come_first_whatever_their_cluster(self, cast: Cast, made: Namespace) -> None:
        other = factories.ClusterFactory.create(name="aaa")
        Cluster.objects.sync({"aaa": contact.config_of(made.cluster)})
        contact.note(other, None)
        newcomer = factories.NamespaceFactory.create(cluster=other, changed_at="2020-01-01T00:00Z")
        removed(made, cast)
        found = sweeping.find_due()
        assert [(each.namespace_id, each.cluster, each.ends) for each in found] == [
            (made.pk, made.cluster, True),
            (newcomer.pk, other, False),
        ]


class TestReturn:
    """A cluster was away: the pauses between the tries were for its absence, and end with it."""

    @staticmethod
    def missed(namespace: Namespace, cast: Cast, api: FakeCluster, error: ClusterError = DOWN) -> None:
        """Let an end be decided and not be done: the next try is a minute away."""
        removed(namespace, cast)
        api.fail(error)
        reconciliation.reconcile(namespace.pk)
        minute = timezone.now() + timedelta(minutes=1)
        NamespaceStatus.objects.filter(namespace=namespace).update(next_reconcile_at=minute)
        assert is_due(namespace) is False

    def test_end_is_due_as_soon_as_the_cluster_is_seen_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.missed(made, cast, api)
        assert contact.is_back(made.cluster)
        assert is_due(made)

    def test_whoever_sees_it_lets_all_others_be_due(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """A change elsewhere gets through before anybody asks whether the cluster is back."""
        self.missed(made, cast, api)
        lab = factories.NamespaceFactory.create(cluster=made.cluster)
        reconciliation.reconcile(lab.pk)
        assert is_due(made)
        sweeping.reconcile_due()
        assert is_over(cast)

    def test_it_ends_the_waits_once(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        self.missed(made, cast, api)
        contact.note(made.cluster, None)
        later = timezone.now() + timedelta(minutes=1)
        NamespaceStatus.objects.update(next_reconcile_at=later)
        contact.note(made.cluster, None)
        assert not is_due(made)

    def test_cluster_that_refused_us_has_been_away_too(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.missed(made, cast, api, Unauthorized("The credential is not accepted."))
        assert contact.is_back(made.cluster)
        assert is_due(made)

    def test_what_was_done_waits_as_before(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        lab = factories.NamespaceFactory.create(cluster=made.cluster)
        reconciliation.reconcile(lab.pk)
        self.missed(made, cast, api)
        assert contact.is_back(made.cluster)
        assert not is_due(lab)

    def test_pause_that_the_server_asked_for_is_kept(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.missed(made, cast, api, Throttled("Too many requests.", retry_after=60))
        contact.note(made.cluster, DOWN)
        assert contact.is_back(made.cluster)
        assert not is_due(made)

    def test_other_cluster_is_another_matter(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        self.missed(made, cast, api)
        other = factories.ClusterFactory.create(name="aaa")
        Cluster.objects.sync({"aaa": contact.config_of(made.cluster)})
        contact.note(other, DOWN)
        contact.note(other, None)
        assert not is_due(made)


def is_due(namespace: Namespace) -> bool:
    return sweeping.due().filter(pk=namespace.pk).exists()


def test_end_that_is_decided_while_others_wait_is_next(cast: Cast, made: Namespace, api: FakeCluster) -> None:
    """Each look around begins with the ends, and none takes long: a heap of grants cannot hold them up."""
    factories.NamespaceFactory.create_batch(3, cluster=made.cluster)
    members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    assert [each.ends for each in sweeping.find_due()] == [False] * 4
    removed(made, cast)
    first, *others = sweeping.find_due()
    assert (first.namespace_id, first.ends) == (made.pk, True)
    assert [each.ends for each in others] == [False] * 3


class TestThrottledCluster:
    """F-04. The pause that the API server asked one worker for is kept by all, in every namespace of the cluster."""

    @pytest.fixture
    def slow(self, made: Namespace, api: FakeCluster) -> Namespace:
        """Another namespace, in which a worker was asked to slow down."""
        other = factories.NamespaceFactory.create(cluster=made.cluster)
        api.fail(Throttled("Too many requests.", retry_after=40), name=other.name)
        reconciliation.reconcile(other.pk)
        api.calls.clear()
        return other

    def test_what_was_only_just_decided_waits_in_every_namespace(
        self, cast: Cast, made: Namespace, slow: Namespace, api: FakeCluster
    ) -> None:
        person = factories.MembershipFactory.create(namespace=made, person=cast.otto)
        tasks.request_reconcile(made.pk)
        sweeping.reconcile_due()
        tasks.reconcile_namespace.run(namespace_id=str(made.pk))
        assert api.calls == []
        sweeping.sweep_clusters()
        assert api.writes == []
        ClusterStatus.objects.update(throttled_until=timezone.now() - timedelta(seconds=1))
        sweeping.reconcile_due()
        assert Grant.objects.get(membership=person).state == Grant.State.ACTIVE

    def test_end_does_not_wait_and_its_proof_does(
        self, cast: Cast, made: Namespace, slow: Namespace, api: FakeCluster
    ) -> None:
        held = Grant.objects.get(identity__person=cast.eda)
        removed(made, cast)
        sweeping.reconcile_due()
        with pytest.raises(NotFound):
            api.get(ROLE_BINDING, held.binding_name, made.name)
        assert not is_over(cast)
        ClusterStatus.objects.update(throttled_until=timezone.now() - timedelta(seconds=1))
        sweeping.reconcile_due()
        assert is_over(cast)

    def test_end_in_the_namespace_that_met_it_waits_until_the_next_sweep(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        api.fail(Throttled("Too many requests.", retry_after=300), name=made.name)
        reconciliation.reconcile(made.pk, hurry=True)
        wait = NamespaceStatus.objects.get(namespace=made).next_reconcile_at - timezone.now()
        assert wait <= timedelta(seconds=15)
        NamespaceStatus.objects.update(next_reconcile_at=timezone.now() - timedelta(seconds=1))
        assert [each.namespace_id for each in sweeping.find_due()] == [made.pk]

    def test_pause_is_kept_whole_where_every_end_is_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        reconciliation.reconcile(made.pk)
        assert is_over(cast)
        api.fail(Throttled("Too many requests.", retry_after=300), name=made.name)
        reconciliation.reconcile(made.pk)
        wait = NamespaceStatus.objects.get(namespace=made).next_reconcile_at - timezone.now()
        assert wait > timedelta(seconds=290)

    def test_right_that_a_late_worker_brought_back_goes_although_others_wait(
        self, cast: Cast, made: Namespace, slow: Namespace, api: FakeCluster
    ) -> None:
        held = Grant.objects.get(identity__person=cast.eda)
        late = api.get(ROLE_BINDING, held.binding_name, made.name)
        removed(made, cast)
        reconciliation.reconcile(made.pk)
        assert is_over(cast)
        late["metadata"]["uid"] = str(uuid4())
        api.outside.put(late)
        Grant.objects.filter(pk=held.pk).update(unanswered=[late["metadata"]["annotations"][OPERATION]])
        sweeping.sweep_clusters()
        with pytest.raises(NotFound):
            api.get(ROLE_BINDING, held.binding_name, made.name)

    def test_pause_is_kept_from_one_write_too(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        factories.MembershipFactory.create(namespace=made, person=cast.otto)
        api.fail(Throttled("Too many requests.", retry_after=40), verb="create")
        reconciliation.reconcile(made.pk)
        until = ClusterStatus.objects.get(cluster=made.cluster).throttled_until
        assert until is not None
        assert 35 < (until - timezone.now()).total_seconds() <= 40

    def test_shorter_pause_ends_no_longer_one(self, made: Namespace, slow: Namespace) -> None:
        before = ClusterStatus.objects.get(cluster=made.cluster).throttled_until
        contact.note(made.cluster, Throttled("Too many requests.", retry_after=1))
        assert ClusterStatus.objects.get(cluster=made.cluster).throttled_until == before

    def test_other_cluster_is_another_matter(self, slow: Namespace) -> None:
        elsewhere = factories.NamespaceFactory.create(
            cluster=factories.ClusterFactory.create(name="elsewhere")
        )
        assert elsewhere in sweeping.due_to_us()


def test_cluster_of_which_something_cannot_be_stored_keeps_no_other_from_being_swept(
    cast: Cast, made: Namespace, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ClusterStatus.objects.get(cluster=made.cluster).swept_at
    poison = factories.ClusterFactory.create(name="aaa")
    Cluster.objects.sync({"aaa": contact.config_of(made.cluster)})
    sweep = sweeping.sweep

    def stumble(cluster: Cluster) -> sweeping.Swept:
        if cluster == poison:
            raise DataError("a NUL cannot be stored")
        return sweep(cluster)

    monkeypatch.setattr(sweeping, "sweep", stumble)
    sweeping.sweep_clusters()
    assert ClusterStatus.objects.get(cluster=made.cluster).swept_at != before


class TestNeglect:
    """No message reaches a worker that does have a broker: what waits for long is done by itself."""

    LONG_AGO = timedelta(seconds=sweeping.NEGLECTED_SECONDS + 1)

    def waits_for(self, namespace: Namespace, time: timedelta) -> None:
        Namespace.objects.filter(pk=namespace.pk).update(changed_at=timezone.now() - time)

    def test_end_that_nobody_was_told_of_is_made_here(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        self.waits_for(made, self.LONG_AGO)
        tasks.reconcile_neglected.run()
        assert [call.verb for call in api.writes] == ["delete"]

    def test_who_is_due_again_for_long_is_neglected_too(self, made: Namespace) -> None:
        NamespaceStatus.objects.update(next_reconcile_at=timezone.now() - self.LONG_AGO)
        assert [each.namespace_id for each in sweeping.find_neglected()] == [made.pk]

    def test_what_was_only_just_decided_is_left_to_its_message(self, cast: Cast, made: Namespace) -> None:
        removed(made, cast)
        assert sweeping.find_neglected() == []

    def test_what_was_changed_long_ago_and_done_is_not_due(self, made: Namespace) -> None:
        self.waits_for(made, self.LONG_AGO)
        assert sweeping.find_neglected() == []

    def test_nobody_is_neglected_while_a_worker_is_at_another(self, cast: Cast, made: Namespace) -> None:
        removed(made, cast)
        self.waits_for(made, self.LONG_AGO)
        other = factories.NamespaceFactory.create(cluster=made.cluster)
        lease_until = timezone.now() + timedelta(seconds=30)
        NamespaceStatus.objects.create(namespace=other, lease_until=lease_until)
        assert sweeping.find_neglected() == []
        NamespaceStatus.objects.filter(pk=other.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert made.pk in {each.namespace_id for each in sweeping.find_neglected()}

    def test_end_is_made_here_too_after_the_cluster_was_away(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Nobody else asks whether it is back: beat is gone, or the broker takes no message."""
        removed(made, cast)
        self.waits_for(made, self.LONG_AGO)
        contact.note(made.cluster, DOWN)
        tasks.reconcile_neglected.run()
        assert [call.verb for call in api.writes] == ["delete"]

    def test_cluster_that_is_away_is_asked_by_one_of_all_workers_and_seldom(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        self.waits_for(made, self.LONG_AGO)
        contact.note(made.cluster, DOWN)
        api.fail(DOWN)
        assert sweeping.find_neglected() == []
        assert len(api.calls) == 1
        assert sweeping.find_neglected() == []
        assert len(api.calls) == 1


def test_create_that_nobody_answered_makes_an_end_urgent_for_a_while_only(
    cast: Cast, made: Namespace, api: FakeCluster
) -> None:
    removed(made, cast)
    reconciliation.reconcile(made.pk)
    ended = Grant.objects.filter(identity__person=cast.eda)
    for since, is_urgent in ((timedelta(minutes=1), True), (timedelta(minutes=11), False)):
        ended.update(unanswered=["late"], since=timezone.now() - since)
        NamespaceStatus.objects.update(next_reconcile_at=timezone.now())
        assert [each.ends for each in sweeping.find_due()] == [is_urgent]


class TestOwedProofs:
    """In a hurry a right ends, and that it has ended is proved when there is time."""

    def test_end_that_is_only_to_be_proved_goes_in_front_of_nobody(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        assert sweeping.reconcile_if_due(made.pk, hurry=True) == CHANGES
        assert [call.verb for call in api.writes] == ["delete"]
        assert [(each.namespace_id, each.ends) for each in sweeping.find_due()] == [(made.pk, False)]
        api.calls.clear()
        assert sweeping.reconcile_if_due(made.pk, hurry=True) is None
        assert api.calls == []
        assert sweeping.reconcile_if_due(made.pk) is None
        assert is_over(cast)

    def test_next_end_in_the_same_namespace_is_one_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        removed(made, cast)
        sweeping.reconcile_if_due(made.pk, hurry=True)
        vera = Membership.objects.current().get(namespace=made, person=cast.vera)
        members.remove(membership=vera, by=cast.nils)
        assert [each.ends for each in sweeping.find_due()] == [True]
        api.calls.clear()
        sweeping.reconcile_if_due(made.pk, hurry=True)
        assert [call.verb for call in api.writes] == ["delete"]

    def test_end_that_a_sweep_finds_there_is_one_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """A worker that stood still makes what is over, in a namespace in which somebody's proof is owed for long."""
        eda = Grant.objects.get(identity__person=cast.eda)
        late = api.get(ROLE_BINDING, eda.binding_name, made.name)
        removed(made, cast)
        reconciliation.reconcile(made.pk)
        Grant.objects.filter(pk=eda.pk).update(unanswered=[str(eda.operation)])
        NamespaceStatus.objects.update(
            error_code=UNPROVED, next_reconcile_at=timezone.now() + timedelta(minutes=1)
        )
        api.outside.put(late)
        api.calls.clear()
        for waiting in sweeping.find_differing():
            assert [each.ends for each in waiting] == [True]
            sweeping.reconcile_each(waiting)
        assert [call.verb for call in api.writes] == ["delete"]

    def test_what_else_a_sweep_finds_there_makes_no_end_of_it(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Somebody deleted Vera's binding where Eda's end is only to be proved: it is due now, behind all ends."""
        removed(made, cast)
        sweeping.reconcile_if_due(made.pk, hurry=True)
        NamespaceStatus.objects.update(next_reconcile_at=timezone.now() + timedelta(minutes=1))
        vera = Grant.objects.get(identity__person=cast.vera)
        api.outside.remove(ROLE_BINDING, vera.binding_name, made.name)
        assert sweeping.find_due() == []
        assert [[each.ends for each in waiting] for waiting in sweeping.find_differing()] == [[False]]
        assert [(each.namespace_id, each.ends) for each in sweeping.find_due()] == [(made.pk, False)]
        assert NamespaceStatus.objects.get(namespace=made).error_code == UNPROVED

    def test_second_turn_proves_also_where_one_thing_always_fails_and_another_is_always_undone(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Else pass would follow pass without a pause, and nobody's right or end would ever be proved."""
        ClusterStatus.objects.update(barred={Role.VIEWER: "The ClusterRole is missing or altered."})
        factories.MembershipFactory.create(namespace=made, person=cast.otto, role=Role.VIEWER)
        nils = Grant.objects.get(identity__person=cast.nils)
        removed(made, cast)
        for lane in (CHANGES, None):
            api.outside.remove(ROLE_BINDING, nils.binding_name, made.name)
            assert sweeping.reconcile_if_due(made.pk) == lane
            assert NamespaceStatus.objects.get(namespace=made).error_code == "forbidden"
        assert is_over(cast)
        assert Grant.objects.get(pk=nils.pk).state == Grant.State.ACTIVE
        assert not is_due(made)

    def test_worker_alone_ends_all_rights_before_it_proves_one(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        lab = factories.NamespaceFactory.create(cluster=made.cluster)
        membership = factories.MembershipFactory.create(namespace=lab, person=cast.otto, role=Role.EDITOR)
        reconciliation.reconcile(lab.pk)
        members.remove(membership=membership, by=cast.olga)
        removed(made, cast)
        api.calls.clear()
        sweeping.reconcile_each(sweeping.find_due())
        verbs = [call.verb for call in api.calls if call.verb in ("delete", "review")]
        assert verbs[:2] == ["delete", "delete"]
        assert set(verbs[2:]) == {"review"}
        ended = Grant.objects.filter(identity__person__in=(cast.eda, cast.otto))
        assert set(ended.values_list("state", flat=True)) == {Grant.State.REVOKED}
