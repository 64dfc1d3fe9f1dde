"""Values to compare: a namespace as decided, and objects as an API server keeps them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping

from clusters.api import Manifest
from clusters.roles import binding_name
from namespaces.reconciler.manifests import binding_manifest, namespace_manifest
from namespaces.reconciler.spec import BindingSpec, KnownBinding, NamespaceSpec

NAMESPACE_ID = "0f1de4ab-8f4b-4d6c-8b1a-1f8a5f6f0001"
INSTALLATION_ID = "0f1de4ab-8f4b-4d6c-8b1a-1f8a5f6f0002"
NAMESPACE_UID = "uid-of-the-namespace"
ISSUER = "https://localhost:18443"
_uids = itertools.count(1)


def binding(number: int = 1, role: str = "editor", *, membership: str = "") -> BindingSpec:
    """Return what person `number` should have."""
    subject = f"http://cilogon.org/serverA/users/{number}"
    return BindingSpec(
        name=binding_name(role, ISSUER, subject),
        role=role,
        username=subject,
        issuer=ISSUER,
        identity_id=f"identity-{number}",
        membership_id=membership or f"membership-{number}",
    )


def known(
    wanted: BindingSpec,
    *,
    uid: str = "",
    operation: str = "operation-1",
    revoked: bool = False,
    proved: bool = False,
) -> dict[str, KnownBinding]:
    """Return what the rows recorded of a binding, by its name."""
    return {
        wanted.name: KnownBinding(
            uid=uid,
            operations=frozenset([operation] if operation and not uid else []),
            role=wanted.role,
            username=wanted.username,
            revoked=revoked,
            proved=proved,
        )
    }


def spec(
    *bindings: BindingSpec, uid: str = NAMESPACE_UID, known: Mapping[str, KnownBinding] | None = None
) -> NamespaceSpec:
    """Return the namespace avis-fire as decided."""
    return NamespaceSpec(
        name="avis-fire",
        namespace_id=NAMESPACE_ID,
        installation_id=INSTALLATION_ID,
        generation=3,
        uid=uid,
        bindings=bindings,
        known=known or {},
    )


def namespace(uid: str = NAMESPACE_UID, **metadata: object) -> Manifest:
    """Return our namespace as the cluster keeps it."""
    made = namespace_manifest(spec())
    made["metadata"] |= {"uid": uid, **metadata}
    return made


def stored(wanted: BindingSpec, *, uid: str = "", operation: str = "operation-1") -> Manifest:
    """Return the RoleBinding that Berth made for this, as the cluster keeps it."""
    made = binding_manifest(spec(), wanted, operation)
    made["metadata"] |= {"uid": uid or f"uid-{next(_uids)}", "resourceVersion": "1"}
    return copy.deepcopy(made)


def by_hand(name: str, *, kind: str = "User", uid: str = "", **metadata: object) -> Manifest:
    """Return a RoleBinding that somebody made with kubectl."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "avis-fire", "uid": uid or f"uid-{next(_uids)}", **metadata},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": kind, "name": "somebody"}],
    }
