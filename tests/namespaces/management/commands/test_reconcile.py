"""`manage.py reconcile` says what differs, makes it right, and ends with a status that programs can read."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from clusters.api import NAMESPACE, RESOURCE_QUOTA, ROLE_BINDING, Unavailable
from clusters.models import Cluster
from clusters.names import MANAGED_BY_LABEL
from namespaces.access import Role
from namespaces.actions import limits, members
from namespaces.limits import Key, Kind
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.reconciler.test_reconcile import put_by_hand

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, list[str]]:
    """Return the exit status and the lines that were printed."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", *arguments, stdout=out)
    return int(str(ended.value.code)), out.getvalue().splitlines()


def test_nothing_differs_is_clean_and_writes_nothing(made: Namespace, fake_cluster: FakeCluster) -> None:
    assert run("avis-fire") == (0, ["1 as decided, 0 failed, 0 differed"])
    assert fake_cluster.writes == []


def test_what_differs_is_said_and_made_right(cast: Cast, made: Namespace, fake_cluster: FakeCluster) -> None:
    members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    members.remove(membership=Membership.objects.get(namespace=made, person=cast.eda), by=cast.nils)
    limits.store(made, {Key(Kind.QUOTA, "pods"): 5})
    gone = Grant.objects.get(identity__person=cast.eda).binding_name
    status, lines = run("nautilus/avis-fire")
    assert status == 2
    assert lines[0] == "nautilus/avis-fire"
    assert lines[1] == f"  - RoleBinding {gone}"
    assert lines[2].startswith("  + RoleBinding berth-viewer-")
    assert lines[2].endswith(f"viewer for {cast.otto.identities.get().subject}")
    assert lines[3:] == ["  + ResourceQuota berth-quota", "0 as decided, 0 failed, 1 differed"]
    assert run("--all")[0] == 0


def test_what_was_left_to_a_worker_that_is_at_it_is_not_said_to_be_done(
    cast: Cast, made: Namespace, fake_cluster: FakeCluster
) -> None:
    members.remove(membership=Membership.objects.get(namespace=made, person=cast.eda), by=cast.nils)
    lease_until = timezone.now() + timedelta(seconds=30)
    NamespaceStatus.objects.filter(namespace=made).update(lease_until=lease_until)
    status, lines = run("avis-fire")
    assert (status, fake_cluster.writes) == (1, [])
    assert lines[-2:] == [
        "  A worker is at it, and this is not done yet. Try again.",
        "0 as decided, 1 failed, 0 differed",
    ]


def test_dry_run_says_the_same_and_writes_nothing(
    cast: Cast, made: Namespace, fake_cluster: FakeCluster
) -> None:
    members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    for _time in range(2):
        status, lines = run("avis-fire", "--dry-run")
        assert status == 2
        assert lines[1].startswith("  + RoleBinding berth-viewer-")
    assert fake_cluster.writes == []


def test_what_others_made_is_said_and_is_no_difference(made: Namespace, fake_cluster: FakeCluster) -> None:
    put_by_hand(fake_cluster, "sneaky", "somebody", place=made.name)
    status, lines = run("avis-fire")
    assert status == 0
    assert lines[1] == "  ! RoleBinding sneaky gives rights beside Berth to somebody; it is left alone"


def test_cluster_that_does_not_answer_is_a_failure(made: Namespace, fake_cluster: FakeCluster) -> None:
    fake_cluster.fail(Unavailable("The API server cannot be reached."), verb="get", kind=NAMESPACE)
    assert run("--all") == (
        1,
        ["nautilus/avis-fire: The API server cannot be reached.", "0 as decided, 1 failed, 0 differed"],
    )


def test_namespace_that_stays_wrong_is_a_failure(made: Namespace, fake_cluster: FakeCluster) -> None:
    limits.store(made, {Key(Kind.QUOTA, "pods"): 5})
    theirs = {"name": "berth-quota", "namespace": made.name, "labels": {MANAGED_BY_LABEL: "helm"}}
    fake_cluster.outside.put(
        {"apiVersion": "v1", "kind": RESOURCE_QUOTA.name, "metadata": theirs, "spec": {"hard": {"pods": "1"}}}
    )
    status, lines = run("avis-fire")
    assert status == 1
    assert lines[1] == "  ! ResourceQuota berth-quota"
    assert "that Berth did not make" in lines[2]


def test_namespace_that_is_missing_and_one_not_made_yet(
    made: Namespace, fake_cluster: FakeCluster, cluster: Cluster
) -> None:
    factories.NamespaceFactory.create(cluster=cluster, name="avis-new")
    fake_cluster.outside.remove(ROLE_BINDING, Grant.objects.first().binding_name, made.name)  # type: ignore[union-attr]
    status, lines = run("--all", "--dry-run")
    assert status == 2
    assert "  + Namespace avis-new" in lines
    assert lines[-1] == "0 as decided, 0 failed, 2 differed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name namespaces, or say --all."), (("avis-fire", "--all"), "Name namespaces, or say --all."),
        (("avis-nowhere",), "There is no namespace avis-nowhere."),
        (("mars/avis-fire",), "There is no namespace mars/avis-fire."),
        (("avis-fire",), "is in several clusters: nautilus/avis-fire, second/avis-fire"),
    ],
)  # fmt: skip
def test_names_that_say_nothing_are_refused(made: Namespace, arguments: tuple[str, ...], said: str) -> None:
    if "several" in said:
        factories.NamespaceFactory.create(
            cluster=factories.ClusterFactory.create(name="second"), name="avis-fire"
        )
    with pytest.raises(CommandError, match=said):
        call_command("reconcile", *arguments)
