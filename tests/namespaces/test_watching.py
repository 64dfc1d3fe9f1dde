"""What comes of a change in a cluster: a knock for its namespace, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from django.db import DatabaseError
from django.db.models.functions import Now

from clusters.api import RESOURCE_QUOTA, ROLE_BINDING, Forbidden, Gone, Unavailable
from namespaces import reconciliation, watching
from namespaces.access import Role
from namespaces.actions import members
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Membership, Namespace, NamespaceStatus
from namespaces.watching import Watch
from tests import factories
from tests.conftest import Cast
from tests.contract.hands import binding, limits, quota
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 20
Knock = tuple[UUID, str]


@pytest.fixture
def knocks(monkeypatch: pytest.MonkeyPatch) -> list[Knock]:
    """Who was knocked for, in which lane."""
    made: list[Knock] = []
    monkeypatch.setattr(watching, "request_look", lambda ids, lane: made.extend((each, lane) for each in ids))
    return made


@pytest.fixture
def watch(
    fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watch]:
    monkeypatch.setattr(watching, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(watching, "_pause", lambda _error, _failures: 0.05)
    running = Watch(made.cluster.name)
    running.start()
    is_watched(fake_cluster)
    yield running
    running.stop()
    for thread in running._threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def is_watched(fake: FakeCluster) -> None:
    """Wait until every kind is watched."""
    eventually(lambda: {each.kind for each in fake.calls if each.verb == "watch"} == set(watching.KINDS))


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def by_hand(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest as the API server notes it of somebody with kubectl."""
    manifest["metadata"]["managedFields"] = [{"manager": "kubectl-create"}]
    return manifest


def until_knocked(watch: Watch, knocks: list[Knock]) -> None:
    def is_knocked() -> bool:
        watch.ring()
        return bool(knocks)

    eventually(is_knocked)


def bindings(fake: FakeCluster) -> list[dict[str, Any]]:
    return [item for page in fake.list_pages(ROLE_BINDING, "avis-fire") for item in page.items]


class TestChanges:
    def test_binding_that_was_deleted_by_hand_is_knocked_for(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        gone = bindings(fake_cluster)[0]["metadata"]["name"]
        fake_cluster.calls.clear()
        fake_cluster.outside.remove(ROLE_BINDING, gone, "avis-fire")
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, REVOCATIONS)]
        assert fake_cluster.writes == []

    def test_binding_that_was_changed_by_hand_is_knocked_for(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        name = bindings(fake_cluster)[0]["metadata"]["name"]
        fake_cluster.outside.change(ROLE_BINDING, name, "avis-fire", lambda found: found["subjects"].clear())
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, REVOCATIONS)]

    def test_limits_are_knocked_for_behind_ends(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        fake_cluster.outside.put(by_hand(limits("avis-fire", "1Gi")))
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, CHANGES)]

    def test_what_happens_in_a_namespace_of_others_is_their_own(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        fake_cluster.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}})
        for place in ("theirs", "avis-fire"):
            fake_cluster.outside.put(by_hand(quota(place)))
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, CHANGES)]

    def test_namespace_of_that_name_in_another_cluster_is_another(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        factories.NamespaceFactory.create(
            cluster=factories.ClusterFactory.create(name="other"), name="avis-fire"
        )
        fake_cluster.outside.put(by_hand(quota("avis-fire")))
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, CHANGES)]

    def test_passes_of_berth_do_not_call_for_more_of_them(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace, cast: Cast
    ) -> None:
        """Somebody comes, another goes, a third gets another role."""
        held = {each.person: each for each in Membership.objects.current().filter(namespace=made)}
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        members.remove(membership=held[cast.vera], by=cast.nils)
        members.set_role(membership=held[cast.eda], role=Role.ADMIN, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert len([call for call in fake_cluster.writes if call.kind is ROLE_BINDING]) == 4
        other = factories.NamespaceFactory.create(cluster=made.cluster, name="marker")
        fake_cluster.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marker"}})
        fake_cluster.outside.put(by_hand(binding("marker")))  # told after all of that
        until_knocked(watch, knocks)
        assert knocks == [(other.pk, REVOCATIONS)]

    def test_hint_waits_for_the_end_of_a_pass_that_may_have_looked_before(
        self, watch: Watch, fake_cluster: FakeCluster, knocks: list[Knock], made: Namespace
    ) -> None:
        """A pass sends away whoever knocks meanwhile."""
        status = NamespaceStatus.objects.filter(namespace=made)
        status.update(lease_holder=uuid4(), lease_until=Now() + timedelta(seconds=60))
        other = factories.NamespaceFactory.create(cluster=made.cluster, name="marker")
        fake_cluster.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "marker"}})
        for place in ("avis-fire", "marker"):
            fake_cluster.outside.put(by_hand(quota(place)))
        until_knocked(watch, knocks)
        assert knocks == [(other.pk, CHANGES)]
        knocks.clear()
        status.update(lease_holder=None, lease_until=None)
        until_knocked(watch, knocks)
        assert knocks == [(made.pk, CHANGES)]


class TestTrouble:
    @pytest.mark.parametrize("kind", watching.KINDS, ids=lambda kind: kind.plural)
    @pytest.mark.parametrize(
        "error", [Gone("too old"), Unavailable("no answer"), Forbidden("no")], ids=["410", "away", "403"]
    )
    def test_watch_that_breaks_begins_anew(
        self,
        watch: Watch,
        fake_cluster: FakeCluster,
        knocks: list[Knock],
        made: Namespace,
        error: Any,
        kind: Any,
    ) -> None:
        fake_cluster.fail(error, verb="watch", kind=kind, times=2)
        fake_cluster.calls.clear()
        eventually(
            lambda: sum(each.verb == "watch" and each.kind is kind for each in fake_cluster.calls) == 3
        )
        assert sum(each.verb == "list" and each.kind is kind for each in fake_cluster.calls) == 2
        manifests = {ROLE_BINDING: binding("avis-fire"), RESOURCE_QUOTA: quota("avis-fire")}
        manifest = manifests.get(kind, limits("avis-fire", "1Gi"))
        fake_cluster.outside.put(by_hand(manifest))
        until_knocked(watch, knocks)
        assert watch.is_whole()

    def test_state_is_told_when_it_changes_and_not_again(
        self, fake_cluster: FakeCluster, made: Namespace
    ) -> None:
        with structlog.testing.capture_logs() as log:
            state = watching._State("nautilus", ROLE_BINDING)
            for error in (None, None, Gone("1"), Gone("2"), Unavailable("3"), None, None):
                state.tell(error)
        assert [each.get("error") for each in log] == [None, "1", "3", None]

    def test_hints_wait_for_the_database(
        self, fake_cluster: FakeCluster, watch: Watch, knocks: list[Knock], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_hints: object) -> list[Namespace]:
            raise DatabaseError("away")

        with monkeypatch.context() as patch:
            patch.setattr(watch, "_worth_a_look", fail)
            fake_cluster.outside.put(by_hand(quota("avis-fire")))

            def is_asked() -> bool:
                try:
                    watch.ring()
                except DatabaseError:
                    return True
                return False

            eventually(is_asked)
        assert knocks == []
        until_knocked(watch, knocks)

    def test_pause_is_chosen_by_chance_up_to_a_minute_or_what_the_server_asks_for(self) -> None:
        for failures in range(1, 30):
            longest = max(watching._pause(Unavailable("no"), failures) for _each in range(50))
            assert longest <= min(2 ** (failures - 1), 60)
        assert max(watching._pause(Unavailable("no"), 20) for _each in range(200)) > 30
