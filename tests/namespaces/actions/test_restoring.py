"""A database restored from an older backup: what would change is listed, and happens once an operator said yes."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from clusters import mark
from clusters.api import ROLE_BINDING, Unavailable
from clusters.mark import ForeignCluster, Mark
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters
from namespaces import desired_state, reconciliation, standing, sweeping
from namespaces.access import Role
from namespaces.actions import members, restoring
from namespaces.actions.restoring import Line, RestoreError
from namespaces.models import DriftDecision, Grant, Membership, Namespace
from namespaces.reconciler.manifests import binding_manifest
from namespaces.standing import State
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
WHY = "The backup of Monday."


@pytest.fixture
def restored(cast: Cast, fire: Namespace, api: FakeCluster) -> Namespace:
    """The rows say what was decided on Monday; on Tuesday Eda was removed and Otto was let in.

    What happened on Tuesday is in the cluster alone: Eda's binding is gone, Otto's is there, and so is the mark.
    """
    reconciliation.reconcile(fire.pk)
    sweeping.anchor_clusters()
    gone = Grant.objects.get(identity__person=cast.eda)
    api.outside.remove(ROLE_BINDING, gone.binding_name, fire.name)
    api.outside.put(_binding_of_tuesday(cast, fire))
    found, manifest = mark.read(api)
    mark.write(api, manifest, Mark(found.installation, found.event + 20, "of Tuesday"))
    sweeping.reconcile_due()
    reconciliation.reconcile(fire.pk)
    api.calls.clear()
    return fire


def _binding_of_tuesday(cast: Cast, namespace: Namespace) -> dict[str, object]:
    joined = Membership.objects.create(namespace=namespace, person=cast.otto, role=Role.VIEWER)
    spec = desired_state.namespace_spec(namespace, configured_clusters()["nautilus"])
    wanted = next(each for each in spec.bindings if each.membership_id == str(joined.pk))
    joined.delete()
    return binding_manifest(spec, wanted, "an-operation-of-tuesday")


def lines(api: FakeCluster, namespace: Namespace) -> list[Line]:
    return restoring.lines(api, namespace.cluster)


def line(api: FakeCluster, namespace: Namespace, sign: str) -> Line:
    (found,) = [each for each in lines(api, namespace) if each.difference.sign == sign]
    return found


def bindings(api: FakeCluster, namespace: Namespace) -> set[str]:
    return {
        subject["name"]
        for page in api.list_pages(ROLE_BINDING, namespace.name)
        for item in page.items
        for subject in item["subjects"]
    }


def subject(person: object) -> str:
    return str(person.identities.get().subject)  # type: ignore[attr-defined]


class TestDiff:
    def test_lists_what_would_come_back_and_what_no_row_knows(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        assert [each.difference.sign for each in lines(api, restored)] == ["+", "?"]
        assert line(api, restored, "+").difference.text.endswith(f"editor for {subject(cast.eda)}")
        assert subject(cast.otto) in line(api, restored, "?").difference.text
        assert api.writes == []

    def test_cluster_is_said_to_be_quarantined(self, restored: Namespace, api: FakeCluster) -> None:
        assert restoring.is_quarantined(api, restored.cluster)

    def test_line_goes_when_the_rows_are_put_right_in_the_pages(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=Membership.objects.get(person=cast.eda), by=cast.nils)
        assert [each.difference.sign for each in lines(api, restored)] == ["?"]

    def test_keys_stay_the_same(self, restored: Namespace, api: FakeCluster) -> None:
        assert [each.key for each in lines(api, restored)] == [each.key for each in lines(api, restored)]


class TestAccepting:
    def test_all_lines_let_the_workers_go_on(self, cast: Cast, restored: Namespace, api: FakeCluster) -> None:
        assert restoring.accept(api, restored.cluster, keys=None, reason=WHY, by=cast.olga) == []
        assert not restoring.is_quarantined(api, restored.cluster)
        sweeping.reconcile_due()
        reconciliation.reconcile(restored.pk)
        assert ClusterStatus.objects.get(cluster=restored.cluster).state == "reachable"
        assert subject(cast.eda) in bindings(api, restored)
        assert subject(cast.otto) not in bindings(api, restored)
        assert standing.of_members(restored)[cast.eda.pk].state == State.ACTIVE
        assert Event.objects.filter(act="binding.reverted").count() == 1

    def test_one_line_does_not_end_the_quarantine(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        chosen = line(api, restored, "?")
        (remaining,) = restoring.accept(api, restored.cluster, keys=[chosen.key], reason=WHY, by=cast.olga)
        assert remaining.difference.sign == "+"
        assert restoring.is_quarantined(api, restored.cluster)
        reconciliation.reconcile(restored.pk)
        assert api.writes == []
        assert {each.difference.sign: each.accepted for each in lines(api, restored)} == {
            "+": False,
            "-": True,
        }

    def test_last_line_ends_it(self, cast: Cast, restored: Namespace, api: FakeCluster) -> None:
        for sign in "?+":
            key = line(api, restored, sign).key
            remaining = restoring.accept(api, restored.cluster, keys=[key], reason=WHY, by=cast.olga)
        assert remaining == []
        assert not restoring.is_quarantined(api, restored.cluster)
        assert ClusterStatus.objects.get(cluster=restored.cluster).accepted == []

    def test_rest_may_be_put_right_in_the_pages(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        """Nobody who was removed on Tuesday gets in again on the way."""
        members.remove(membership=Membership.objects.get(person=cast.eda), by=cast.nils)
        key = line(api, restored, "?").key
        assert restoring.accept(api, restored.cluster, keys=[key], reason=WHY, by=cast.olga) == []
        api.calls.clear()
        reconciliation.reconcile(restored.pk)
        sweeping.sweep_clusters()
        assert [call.verb for call in api.writes] == ["delete"]
        assert standing.of_members(restored)[cast.eda.pk].state == State.REVOKED

    def test_each_line_is_recorded_with_who_and_why(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        restoring.accept(api, restored.cluster, keys=None, reason=WHY, by=cast.olga)
        told = Event.objects.filter(act="restore.accepted")
        assert {(event.actor, event.reason) for event in told} == {(str(cast.olga.pk), WHY)}
        assert told.count() == 2
        assert Event.objects.filter(act="restore.finished").count() == 1

    def test_what_was_left_alone_goes_once_its_line_is_accepted(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        left = line(api, restored, "?").difference
        DriftDecision.objects.create(
            namespace=restored, kind="RoleBinding", name=left.name, uid=left.uid, act="leave", reason="Later."
        )
        restoring.accept(api, restored.cluster, keys=None, reason=WHY, by=cast.olga)
        reconciliation.reconcile(restored.pk)
        assert subject(cast.otto) not in bindings(api, restored)

    def test_mark_that_cannot_be_moved_keeps_what_was_accepted_and_nothing_is_said_to_be_finished(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        api.fail(Unavailable("The API server cannot be reached."), verb="replace")
        with pytest.raises(Unavailable):
            restoring.accept(api, restored.cluster, keys=None, reason=WHY, by=cast.olga)
        assert restoring.is_quarantined(api, restored.cluster)
        assert all(each.accepted for each in lines(api, restored))
        assert not Event.objects.filter(act="restore.finished").exists()
        assert restoring.accept(api, restored.cluster, keys=[], reason=WHY, by=cast.olga) == []
        assert not restoring.is_quarantined(api, restored.cluster)

    def test_key_of_no_line_changes_nothing(self, cast: Cast, restored: Namespace, api: FakeCluster) -> None:
        key = line(api, restored, "?").key
        with pytest.raises(RestoreError, match="nonsense"):
            restoring.accept(api, restored.cluster, keys=[key, "nonsense"], reason=WHY, by=cast.olga)
        assert not DriftDecision.objects.exists()
        assert ClusterStatus.objects.get(cluster=restored.cluster).accepted == []

    def test_cluster_that_is_not_quarantined_has_nothing_to_accept(
        self, cast: Cast, fire: Namespace, api: FakeCluster
    ) -> None:
        reconciliation.reconcile(fire.pk)
        with pytest.raises(RestoreError, match="not quarantined"):
            restoring.accept(api, fire.cluster, keys=None, reason=WHY, by=cast.olga)


class TestNewDatabase:
    """The database is lost: another one has another installation id, and takes over that of the lost one."""

    @pytest.fixture
    def lost(self, restored: Namespace) -> Cluster:
        Cluster.objects.filter(pk=restored.cluster_id).update(
            installation_id="8f14e45f-ceea-467f-a7d3-2f2f7a1d9999"
        )
        return Cluster.objects.get(pk=restored.cluster_id)

    def test_cluster_belongs_to_the_other_one(self, lost: Cluster, api: FakeCluster) -> None:
        with pytest.raises(ForeignCluster, match="belongs to another installation"):
            restoring.is_quarantined(api, lost)

    def test_id_is_taken_over_and_the_quarantine_stays(
        self, cast: Cast, lost: Cluster, api: FakeCluster
    ) -> None:
        restoring.take_over(api, lost, reason=WHY, by=cast.olga)
        assert str(lost.installation_id) == mark.read(api)[0].installation
        assert restoring.is_quarantined(api, lost)
        assert Event.objects.filter(act="restore.installation", actor=str(cast.olga.pk)).count() == 1

    def test_own_id_is_not_taken_over(self, cast: Cast, restored: Namespace, api: FakeCluster) -> None:
        with pytest.raises(RestoreError, match="already"):
            restoring.take_over(api, restored.cluster, reason=WHY, by=cast.olga)


class TestCommand:
    def run(self, *arguments: str) -> list[str]:
        out = StringIO()
        call_command("restore", *arguments, stdout=out)
        return out.getvalue().splitlines()

    def accept(self, cast: Cast, *arguments: str) -> list[str]:
        whole = ("--cluster", "nautilus", "--by", subject(cast.olga), "--reason", WHY)
        return self.run("accept", *arguments, *whole)

    def test_diff_prints_a_key_a_place_and_the_change(self, restored: Namespace, api: FakeCluster) -> None:
        printed = self.run("diff", "--cluster", "nautilus")
        assert printed[0].split()[1:4] == ["nautilus/avis-fire", "+", "RoleBinding"]
        assert printed[1].split()[2] == "?"
        assert printed[2] == "nautilus is quarantined: nothing is written"

    def test_lines_are_accepted_by_their_keys(
        self, cast: Cast, restored: Namespace, api: FakeCluster
    ) -> None:
        keys = [printed.split()[0] for printed in self.run("diff", "--cluster", "nautilus")[:2]]
        assert self.accept(cast, keys[0])[-1] == "1 lines are open; nautilus stays quarantined."
        assert self.accept(cast, keys[1])[-1] == "No line is open: the workers go on with nautilus."

    def test_all_are_accepted_at_once(self, cast: Cast, restored: Namespace, api: FakeCluster) -> None:
        assert self.accept(cast, "--all") == ["No line is open: the workers go on with nautilus."]

    @pytest.mark.parametrize("arguments", [(), ("--all", "0123456789")])
    def test_lines_or_all_must_be_said(
        self, cast: Cast, restored: Namespace, arguments: tuple[str, ...]
    ) -> None:
        with pytest.raises(CommandError, match="Name lines, or say --all"):
            self.accept(cast, *arguments)

    def test_only_an_operator_decides(self, cast: Cast, restored: Namespace) -> None:
        with pytest.raises(CommandError, match="no operator"):
            self.run("accept", "--all", "--cluster", "nautilus", "--by", subject(cast.nils), "--reason", WHY)

    def test_reason_must_be_said(self, cast: Cast, restored: Namespace) -> None:
        with pytest.raises(CommandError, match="--reason"):
            self.run("accept", "--all", "--cluster", "nautilus", "--by", subject(cast.olga), "--reason", "  ")

    def test_unknown_cluster_is_named(self, restored: Namespace) -> None:
        with pytest.raises(CommandError, match="no cluster atlantis; there are: nautilus"):
            self.run("diff", "--cluster", "atlantis")
