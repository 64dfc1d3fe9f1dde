"""From values to Kubernetes objects (cluster.md, section 1). Labels hold ids; subjects do not fit there (422)."""

from __future__ import annotations

from clusters.api import Manifest
from clusters.names import (
    ANNOTATION_PREFIX,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    MANAGED_LABEL,
    NAMESPACE_ID_LABEL,
    POD_SECURITY_LABEL,
)
from clusters.roles import cluster_role
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec

MEMBERSHIP = f"{ANNOTATION_PREFIX}membership"
ISSUER = f"{ANNOTATION_PREFIX}issuer"
INSTALLATION = f"{ANNOTATION_PREFIX}installation"
OPERATION = f"{ANNOTATION_PREFIX}operation"
REVISION = f"{ANNOTATION_PREFIX}revision"
RBAC_GROUP = "rbac.authorization.k8s.io"


def namespace_labels(namespace_id: str) -> dict[str, str]:
    """Return the labels without which no namespace is Berth's."""
    return {MANAGED_BY_LABEL: MANAGED_BY, MANAGED_LABEL: "true", NAMESPACE_ID_LABEL: namespace_id}


def namespace_manifest(spec: NamespaceSpec) -> Manifest:
    """Return the Namespace object; its labels are set at creation and never changed by us."""
    labels = {**namespace_labels(spec.namespace_id), POD_SECURITY_LABEL: "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": spec.name, "labels": labels}}


def binding_manifest(spec: NamespaceSpec, binding: BindingSpec, operation: str) -> Manifest:
    """Return the RoleBinding object. Its annotations suffice to rebuild the rows from the cluster."""
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": binding.name,
            "namespace": spec.name,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            "annotations": {
                MEMBERSHIP: binding.membership_id,
                ISSUER: binding.issuer,
                INSTALLATION: spec.installation_id,
                OPERATION: operation,
                REVISION: str(spec.generation),
            },
        },
        "roleRef": role_ref(binding),
        "subjects": subjects(binding),
    }


def role_ref(binding: BindingSpec) -> dict[str, str]:
    """Return the reference to the ClusterRole of the binding's role."""
    return {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": cluster_role(binding.role)}


def subjects(binding: BindingSpec) -> list[dict[str, str]]:
    """Return the one subject of the binding."""
    return [{"apiGroup": RBAC_GROUP, "kind": "User", "name": binding.username}]
