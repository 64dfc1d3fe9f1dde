"""The mark that tells an older database, and another installation, from the one that worked in a cluster."""

from __future__ import annotations

import pytest
from django.db import transaction

from audit.record import record
from clusters import mark, names
from clusters.api import CONFIG_MAP, ROLE_BINDING, Manifest
from clusters.mark import ForeignCluster, Mark, Quarantined
from clusters.models import Cluster, ClusterStatus
from namespaces import anchor, reconciliation, standing, sweeping
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Membership, Namespace
from namespaces.standing import State
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db


@pytest.fixture
def anchored(fire: Namespace, api: FakeCluster) -> Namespace:
    """A namespace in a cluster whose mark names the latest event."""
    reconciliation.reconcile(fire.pk)
    sweeping.anchor_clusters()
    api.calls.clear()
    return fire


def put(api: FakeCluster, data: dict[str, str]) -> None:
    api.outside.change(
        CONFIG_MAP, names.STATE_CONFIG_MAP, names.SYSTEM_NAMESPACE, lambda found: found.update(data=data)
    )


def mark_of_later(api: FakeCluster) -> Mark:
    """Leave the mark of a database that has gone further than ours, as after a restored backup."""
    found, manifest = mark.read(api)
    later = Mark(found.installation, found.event + 20, "of an event that was never restored")
    mark.write(api, manifest, later)
    api.calls.clear()
    return later


def state(cluster: Cluster) -> str:
    return ClusterStatus.objects.get(cluster=cluster).state


class TestFollowing:
    def test_mark_names_installation_and_latest_event(
        self, cluster: Cluster, anchored: Namespace, api: FakeCluster
    ) -> None:
        found, _manifest = mark.read(api)
        assert found.installation == str(cluster.installation_id)
        assert found.event > 0
        assert not anchor.is_behind(found)

    def test_mark_follows_what_is_decided(self, cast: Cast, anchored: Namespace, api: FakeCluster) -> None:
        before, _manifest = mark.read(api)
        members.add(namespace=anchored, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        sweeping.anchor_clusters()
        assert mark.read(api)[0].event > before.event

    def test_nothing_new_writes_nothing(self, anchored: Namespace, api: FakeCluster) -> None:
        sweeping.anchor_clusters()
        assert api.writes == []

    def test_when_it_was_last_found_is_kept(self, cluster: Cluster, anchored: Namespace) -> None:
        assert ClusterStatus.objects.get(cluster=cluster).anchored_at is not None

    def test_first_contact_leaves_the_installation_before_anything_else(
        self, fire: Namespace, api: FakeCluster
    ) -> None:
        put(api, {})
        reconciliation.reconcile(fire.pk)
        assert api.writes[0].kind is CONFIG_MAP
        assert mark.read(api)[0].installation == str(fire.cluster.installation_id)

    def test_cluster_that_is_down_does_not_keep_the_mark_of_another_from_following(
        self, cluster: Cluster, anchored: Namespace, api: FakeCluster
    ) -> None:
        ClusterStatus.objects.filter(cluster=cluster).update(state="unreachable")
        sweeping.anchor_clusters()
        assert api.calls == []


class TestOlderDatabase:
    def test_nothing_is_written_by_any_way(self, cast: Cast, anchored: Namespace, api: FakeCluster) -> None:
        mark_of_later(api)
        members.remove(membership=Membership.objects.get(person=cast.eda), by=cast.nils)
        members.add(namespace=anchored, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(anchored.pk)
        sweeping.reconcile_due()
        sweeping.sweep_clusters()
        sweeping.anchor_clusters()
        assert api.writes == []
        assert state(anchored.cluster) == ClusterStatus.State.QUARANTINED

    def test_mark_is_not_moved_back(self, anchored: Namespace, api: FakeCluster) -> None:
        later = mark_of_later(api)
        with pytest.raises(Quarantined, match=r"manage\.py restore"):
            anchor.advance(api, anchored.cluster)
        assert mark.read(api)[0] == later

    def test_numbers_that_are_given_out_again_do_not_end_it(
        self, anchored: Namespace, api: FakeCluster
    ) -> None:
        later = mark_of_later(api)
        for _number in range(25):
            with transaction.atomic():
                record("something", by=None, about=None)
        with pytest.raises(Quarantined):
            anchor.check(api, anchored.cluster)
        assert mark.read(api)[0] == later

    def test_pages_go_on_and_say_that_nothing_takes_effect(
        self, cast: Cast, anchored: Namespace, api: FakeCluster
    ) -> None:
        mark_of_later(api)
        members.add(namespace=anchored, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(anchored.pk)
        members.remove(membership=Membership.objects.get(person=cast.vera), by=cast.nils)
        found = standing.of_members(Namespace.objects.get(pk=anchored.pk))
        assert {found[person.pk].state for person in (cast.otto, cast.eda)} == {State.FAILING}
        assert found[cast.vera.pk].state == State.ENDING
        assert "restored backup" in found[cast.eda.pk].message

    def test_damaged_mark_stops_everything(self, anchored: Namespace, api: FakeCluster) -> None:
        put(api, {"installation": str(anchored.cluster.installation_id), "event": "many"})
        api.outside.remove(ROLE_BINDING, self.one(api, anchored)["metadata"]["name"], anchored.name)
        reconciliation.reconcile(anchored.pk)
        assert api.writes == []
        assert state(anchored.cluster) == ClusterStatus.State.QUARANTINED

    def one(self, api: FakeCluster, namespace: Namespace) -> Manifest:
        return next(item for page in api.list_pages(ROLE_BINDING, namespace.name) for item in page.items)


class TestOtherInstallation:
    def test_nothing_is_written(self, fire: Namespace, api: FakeCluster) -> None:
        put(api, {"installation": "8f14e45f-ceea-467f-a7d3-2f2f7a1d9999"})
        reconciliation.reconcile(fire.pk)
        sweeping.sweep_clusters()
        sweeping.anchor_clusters()
        assert api.writes == []
        assert state(fire.cluster) == ClusterStatus.State.FOREIGN

    def test_who_comes_second_at_the_first_contact_gives_way(
        self, cluster: Cluster, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(api, {})
        ClusterStatus.objects.get_or_create(cluster=cluster)
        write = mark.write

        def be_second(cluster_api: FakeCluster, manifest: Manifest, written: Mark) -> None:
            put(api, {"installation": "of-somebody-else"})
            write(cluster_api, manifest, written)

        monkeypatch.setattr(mark, "write", be_second)
        with pytest.raises(ForeignCluster):
            anchor.claim(api, cluster)
        assert mark.read(api)[0].installation == "of-somebody-else"
