"""The objects that Berth makes, field by field (docs: "What Berth makes in a cluster")."""

from __future__ import annotations

import re

import pytest

from clusters.roles import ROLES
from namespaces.reconciler.manifests import binding_manifest, namespace_manifest
from tests.namespaces.reconciler.objects import INSTALLATION_ID, ISSUER, NAMESPACE_ID, binding, spec

LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?\Z")


def test_namespace() -> None:
    assert namespace_manifest(spec()) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "avis-fire",
            "labels": {
                "app.kubernetes.io/managed-by": "berth",
                "berth.internal/managed": "true",
                "berth.internal/namespace-id": NAMESPACE_ID,
                "pod-security.kubernetes.io/enforce": "baseline",
            },
        },
    }


@pytest.mark.parametrize("role", list(ROLES))
def test_binding(role: str) -> None:
    wanted = binding(13600071, role)
    assert binding_manifest(spec(), wanted, "operation-1") == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": wanted.name,
            "namespace": "avis-fire",
            "labels": {"app.kubernetes.io/managed-by": "berth"},
            "annotations": {
                "berth.internal/membership": wanted.membership_id,
                "berth.internal/issuer": ISSUER,
                "berth.internal/installation": INSTALLATION_ID,
                "berth.internal/operation": "operation-1",
                "berth.internal/revision": "3",
            },
        },
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"berth:{role}"},
        "subjects": [
            {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "User",
                "name": "http://cilogon.org/serverA/users/13600071",
            }
        ],
    }


@pytest.mark.parametrize("role", list(ROLES))
def test_names_are_what_the_fences_of_the_cluster_expect(role: str) -> None:
    assert re.fullmatch(rf"berth-{role}-[a-z2-7]{{26}}", binding(1, role).name)


@pytest.mark.parametrize(
    "manifest", [namespace_manifest(spec()), binding_manifest(spec(), binding(), "operation-1")]
)
def test_labels_hold_what_a_label_may_hold(manifest: dict[str, dict[str, dict[str, str]]]) -> None:
    for value in manifest["metadata"]["labels"].values():
        assert LABEL.match(value)


def test_each_manifest_is_its_own() -> None:
    """What one caller does to a manifest must not show in the next."""
    first = binding_manifest(spec(), binding(), "operation-1")
    first["metadata"]["labels"].clear()
    first["subjects"].clear()
    assert binding_manifest(spec(), binding(), "operation-1")["metadata"]["labels"]
    assert binding_manifest(spec(), binding(), "operation-1")["subjects"]
