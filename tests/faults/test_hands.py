"""People with kubectl and all rights at work in a namespace of Berth, and clocks that are wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml
from django.utils import timezone

from clusters.api import Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL
from clusters.roles import cluster_role
from namespaces import limits, reconciliation, sweeping
from namespaces.access import Role
from namespaces.actions import limits as limit_actions
from namespaces.models import Namespace, NamespaceStatus, SeenBinding
from namespaces.reconciler.quantities import is_same
from namespaces.standing import State
from tests.conftest import ControlPlane
from tests.faults.lab import Lab, until
from tests.faults.proxy import Proxy

HOLD = "example.org/hold"


class TestTerminating:
    """F-10 and F-11: a namespace that somebody deletes, and that does not come to its end."""

    @pytest.fixture
    def held(self, lab: Lab) -> Lab:
        """The lab on its way out, held up by a finalizer; its bindings are gone already."""
        lab.member(Role.VIEWER)
        metadata = {"name": "hold", "finalizers": [HOLD]}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        lab.outside.expect("POST", f"{lab.place}/configmaps", manifest)
        lab.outside.expect("DELETE", lab.place)
        until(lambda: not lab.bindings(), "the end of the bindings")
        return lab

    def release(self, lab: Lab) -> None:
        hold = lab.outside.expect("GET", f"{lab.place}/configmaps/hold")
        hold["metadata"]["finalizers"] = []
        lab.outside.expect("PUT", f"{lab.place}/configmaps/hold", hold)
        until(lambda: lab.outside.call("GET", lab.place)[0] == 404, "the end of the namespace")

    def test_is_a_state_to_wait_in_and_nobody_is_said_to_be_in(self, held: Lab, proxy: Proxy) -> None:
        comes = held.add()
        proxy.calls.clear()
        for _time in range(3):
            held.reconcile()
        assert (held.status().state, held.status().error_code) == ("waiting", "terminating")
        assert timedelta(seconds=20) < held.status().next_reconcile_at - timezone.now()
        assert proxy.writes() == []
        assert held.stands(comes) == held.stands(held.admin) == State.WAITING
        held.remove(comes)
        held.reconcile()
        assert held.stands(comes) == State.REVOKED
        self.release(held)
        held.time_passes()
        sweeping.reconcile_due()
        assert (held.status().state, held.status().error_code) == ("missing", "missing")

    def test_name_that_is_not_free_yet_is_waited_for_and_then_taken(self, held: Lab, proxy: Proxy) -> None:
        """Somebody else's until then: this row never had a namespace."""
        NamespaceStatus.objects.filter(namespace=held.row).update(cluster_uid="")
        proxy.calls.clear()
        for _time in range(3):
            held.reconcile()
        assert (held.status().state, held.status().error_code) == ("waiting", "terminating")
        assert held.status().next_reconcile_at - timezone.now() <= timedelta(seconds=30)
        assert proxy.writes() == []
        self.release(held)
        held.time_passes()
        sweeping.reconcile_due()
        assert held.status().state == NamespaceStatus.State.READY
        assert held.stands(held.admin) == State.ACTIVE


class TestNameThatIsTaken:
    """F-13."""

    def made_by_hand(self, name: str, user: str) -> Manifest:
        group = "rbac.authorization.k8s.io"
        return {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": cluster_role("viewer")},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }

    def test_binding_made_beforehand_stays_as_it_is_and_is_told(self, lab: Lab) -> None:
        person, other = lab.add(), lab.add(Role.VIEWER)
        name = lab.binding(person, "editor")
        lab.outside.expect("POST", lab.bindings_path, self.made_by_hand(name, "somebody"))
        before = lab.bindings()[name]
        for _time in range(2):
            lab.reconcile()
            assert lab.bindings()[name] == before
        assert lab.stands(person) == State.FAILING
        assert lab.stands(other) == State.ACTIVE
        assert lab.status().state == NamespaceStatus.State.CONFLICT
        assert name in lab.status().error_message
        lab.remove(person)
        lab.reconcile()
        assert lab.bindings()[name] == before

    def test_binding_put_in_the_place_of_ours_stays_as_it_is_and_is_told(self, lab: Lab) -> None:
        person = lab.member()
        name = lab.binding(person, "editor")
        lab.outside.expect("DELETE", f"{lab.bindings_path}/{name}")
        lab.outside.expect("POST", lab.bindings_path, self.made_by_hand(name, "somebody"))
        before = lab.bindings()[name]
        assert lab.row.pk in sweeping.sweep(lab.row.cluster).differing
        lab.reconcile()
        assert lab.bindings()[name] == before
        assert lab.stands(person) == State.FAILING
        lab.outside.expect("DELETE", f"{lab.bindings_path}/{name}")
        lab.time_passes()
        lab.reconcile()
        assert lab.stands(person) == State.ACTIVE


class TestLabels:
    """F-14: a label proves nothing."""

    def test_our_label_on_a_foreign_binding_makes_it_neither_ours_nor_evidence(
        self, lab: Lab, proxy: Proxy
    ) -> None:
        person = lab.member()
        spoofed = TestNameThatIsTaken().made_by_hand("spoofed", person.identities.get().subject)
        spoofed["metadata"]["annotations"] = lab.bindings()[lab.binding(person, "editor")]["metadata"][
            "annotations"
        ]
        lab.outside.expect("POST", lab.bindings_path, spoofed)
        before = lab.foreign()
        lab.remove(person)
        proxy.calls.clear()
        sweeping.sweep_clusters()
        lab.reconcile()
        assert lab.foreign() == before
        assert len(before) == 1
        assert [call.method for call in proxy.writes()] == ["DELETE"]
        assert lab.stands(person) == State.RESIDUAL
        assert SeenBinding.objects.get(namespace=lab.row, name="spoofed").users

    def test_ours_without_its_labels_and_annotations_is_ours_all_the_same(self, lab: Lab) -> None:
        stays, leaves = lab.member(), lab.member(Role.VIEWER)
        for person, role in ((stays, "editor"), (leaves, "viewer")):
            path = f"{lab.bindings_path}/{lab.binding(person, role)}"
            found = lab.outside.expect("GET", path)
            found["metadata"] |= {"labels": {}, "annotations": {}}
            lab.outside.expect("PUT", path, found)
        lab.remove(leaves)
        lab.reconcile()
        assert (lab.stands(stays), lab.stands(leaves)) == (State.ACTIVE, State.REVOKED)
        assert set(lab.bindings()) == {lab.binding(lab.admin, "admin"), lab.binding(stays, "editor")}
        restored = lab.bindings()[lab.binding(stays, "editor")]["metadata"]
        assert restored["labels"][MANAGED_BY_LABEL] == MANAGED_BY


class TestLimits:
    """F-16 and F-18."""

    def decide(self, lab: Lab, **amounts: int) -> None:
        keys = {limits.Key(limits.Kind.QUOTA, name.replace("_", ".")): each for name, each in amounts.items()}
        limit_actions.store(lab.row, keys)
        lab.reconcile()
        assert lab.status().state == NamespaceStatus.State.READY, lab.status().error_message

    def hard(self, lab: Lab) -> dict[str, Any]:
        found: dict[str, Any] = lab.outside.expect("GET", f"{lab.place}/resourcequotas/berth-quota")
        hard: dict[str, Any] = found["spec"]["hard"]
        return hard

    def test_quota_that_a_human_applied_by_force_is_set_right_once(
        self, lab: Lab, proxy: Proxy, control_plane: ControlPlane, tmp_path: Path
    ) -> None:
        self.decide(lab, pods=20)
        theirs = tmp_path / "quota.yaml"
        theirs.write_text(yaml.safe_dump(self.quota(lab, {"pods": "500", "secrets": "7"})))
        human = ("--server-side", "--force-conflicts", "--field-manager", "human")
        control_plane.kubectl("apply", *human, "--filename", str(theirs))
        assert self.hard(lab) == {"pods": "500", "secrets": "7"}
        proxy.calls.clear()
        assert lab.row.pk in sweeping.sweep(lab.row.cluster).differing
        lab.reconcile()
        assert self.hard(lab) == {"pods": "20", "secrets": "7"}
        assert len(proxy.writes()) == 1
        proxy.calls.clear()
        assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing
        lab.reconcile()
        assert proxy.writes() == []

    @pytest.mark.parametrize(
        ("key", "spellings"),
        [
            ("requests.cpu", "0 1 1000m 1500m 1.5 0.1 .5 1e3 1E3 100k 2.000"),
            ("requests.memory", "0 1000 1k 1e3 1024Mi 1Gi 1.5Gi 0.5Ki 1G 12345678901 2Ti 1.25Ei"),
            ("pods", "0 20 20000m 1k 1e3 2e1 +5"),
        ],
    )
    def test_what_the_api_server_makes_of_a_spelling_is_the_same_to_us(
        self, lab: Lab, key: str, spellings: str
    ) -> None:
        path = f"/api/v1/namespaces/{lab.row.name}/resourcequotas?dryRun=All"
        for text in spellings.split():
            stored = lab.outside.expect("POST", path, self.quota(lab, {key: text}))["spec"]["hard"]
            assert is_same(stored[key], text), (text, stored)

    def quota(self, lab: Lab, hard: dict[str, str]) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "berth-quota", "namespace": lab.row.name},
            "spec": {"hard": hard},
        }


class TestClocks:
    """F-21: the clock of the worker's host is wrong; leases and waits are those of the database."""

    @pytest.mark.parametrize(
        "off", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), -timedelta(days=1)]
    )
    def test_worker_with_a_wrong_clock_does_the_same(self, lab: Lab, off: timedelta) -> None:
        leaves, comes = lab.member(), lab.add(Role.VIEWER)
        lab.remove(leaves)
        with time_machine.travel(timezone.now() + off):
            lab.reconcile()
            assert (lab.stands(leaves), lab.stands(comes)) == (State.REVOKED, State.ACTIVE)
            assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing
            assert not sweeping.due().filter(pk=lab.row.pk).exists()
        assert not sweeping.due().filter(pk=lab.row.pk).exists()

    @pytest.mark.parametrize("off", [timedelta(days=1), -timedelta(days=1)])
    def test_lease_of_another_holds_whatever_the_clock_says(self, lab: Lab, off: timedelta) -> None:
        person = lab.add()
        assert reconciliation._take_lease(Namespace.objects.get(pk=lab.row.pk)) is not None
        with time_machine.travel(timezone.now() + off):
            lab.reconcile()
        assert lab.stands(person) == State.WAITING
        lab.time_passes()
        with time_machine.travel(timezone.now() + off):
            lab.reconcile()
        assert lab.stands(person) == State.ACTIVE
