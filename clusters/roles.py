"""The three member roles: which rights each has in a cluster, and what proves that somebody has them.

The rules are code, not data, and a golden file in the tests shows any change to them. They name every API
group and every resource; there is no `*`, no aggregation, and none of the ways out of a namespace: no
impersonation, no `escalate`, no `bind`, no token of a service account, no proxy through the API server, and
no writing of endpoints (CVE-2021-25740), quotas or limit ranges.

An editor of RoleBindings can give away what he holds himself, and no more
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/, "Privilege escalation prevention"): a
namespace admin may bind roles up to his own, which the policies of `clusters.manifests` narrow to service
accounts.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from clusters.api import AccessQuestion, Manifest
from clusters.names import BINDING_PREFIX

_CORE = ""
_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")
_DIGEST_LENGTH = 26  # characters of base32: 130 bits, and short enough for every name


@dataclass(frozen=True)
class Rule:
    """One rule of a role: each of the verbs, on each of the resources, in each of the API groups."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def manifest(self) -> Manifest:
        """Return the rule in the shape of the Kubernetes API."""
        return {
            "apiGroups": list(self.api_groups),
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }

    def probe(self) -> AccessQuestion:
        """Return the question that this rule answers with yes: its first verb on its first resource."""
        resource, _, subresource = self.resources[0].partition("/")
        return AccessQuestion(
            verb=self.verbs[0], resource=resource, group=self.api_groups[0], subresource=subresource
        )


def _rule(group: str, resources: str, verbs: tuple[str, ...]) -> Rule:
    return Rule((group,), tuple(resources.split()), verbs)


_VIEWER = (
    _rule(
        _CORE,
        "pods pods/status pods/log services services/status endpoints configmaps persistentvolumeclaims"
        " persistentvolumeclaims/status serviceaccounts replicationcontrollers replicationcontrollers/scale"
        " replicationcontrollers/status resourcequotas resourcequotas/status limitranges events",
        _READ,
    ),
    # Inside a namespace this is the right to see that one namespace, and no other.
    _rule(_CORE, "namespaces", ("get",)),
    _rule(
        "apps",
        "deployments deployments/scale deployments/status statefulsets statefulsets/scale statefulsets/status"
        " daemonsets daemonsets/status replicasets replicasets/scale replicasets/status controllerrevisions",
        _READ,
    ),
    _rule("batch", "jobs jobs/status cronjobs cronjobs/status", _READ),
    _rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", _READ),
    _rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", _READ),
    _rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", _READ),
    _rule("discovery.k8s.io", "endpointslices", _READ),
    _rule("events.k8s.io", "events", _READ),
    _rule("metrics.k8s.io", "pods", ("get", "list")),
)

_EDITOR = (
    _rule(
        _CORE,
        "pods services configmaps persistentvolumeclaims serviceaccounts replicationcontrollers"
        " replicationcontrollers/scale",
        _WRITE,
    ),
    _rule(_CORE, "secrets", _READ + _WRITE),
    # `get` is what older clients ask for when they open a stream through a websocket.
    _rule(_CORE, "pods/exec pods/attach pods/portforward", ("create", "get")),
    _rule(_CORE, "pods/eviction", ("create",)),
    _rule(_CORE, "pods/ephemeralcontainers", ("patch", "update")),
    # Programs that run in the namespace report what they do, and elect a leader among themselves.
    _rule(_CORE, "events", ("create", "patch", "update")),
    _rule("events.k8s.io", "events", ("create", "patch", "update")),
    _rule("coordination.k8s.io", "leases", _READ + _WRITE),
    _rule(
        "apps",
        "deployments deployments/scale statefulsets statefulsets/scale daemonsets replicasets"
        " replicasets/scale",
        _WRITE,
    ),
    _rule("batch", "jobs cronjobs", _WRITE),
    _rule("autoscaling", "horizontalpodautoscalers", _WRITE),
    _rule("policy", "poddisruptionbudgets", _WRITE),
    _rule("networking.k8s.io", "ingresses networkpolicies", _WRITE),
)

# No deletecollection: it is not atomic, and nobody deletes all permissions of a namespace on purpose.
_ADMIN = (_rule(_RBAC, "roles rolebindings", (*_READ, "create", "update", "patch", "delete")),)

ROLES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {"viewer": _VIEWER, "editor": _VIEWER + _EDITOR, "admin": _VIEWER + _EDITOR + _ADMIN}
)
"""The rules of each role; every role holds those of the roles before it."""

HIGHEST_ROLE = list(ROLES)[-1]
"""The role whose rules hold those of all others."""

REAPER_RULES = (_rule(_CORE, "namespaces", ("get", "delete")),)
"""What the reaper holds, and only inside a condemned namespace: to delete that one."""


def cluster_role(role: str) -> str:
    """Return the name of the ClusterRole of a member role (or of the reaper)."""
    return f"berth:{role}"


def probes(role: str) -> tuple[AccessQuestion, ...]:
    """Return one question for each rule of the role: all are answered yes to whoever holds it."""
    return tuple(rule.probe() for rule in ROLES[role])


def probes_beyond(role: str, kept: str | None) -> tuple[AccessQuestion, ...]:
    """Return the questions that prove the loss of a role: those that the role still held answers with no.

    `kept` is the role that the person goes on holding in the namespace, None for no role at all.
    """
    still_allowed = frozenset(probes(kept)) if kept else frozenset()
    return tuple(question for question in probes(role) if question not in still_allowed)


def binding_names(*of: str) -> str:
    """Return the pattern of what `binding_name` makes for these roles, or for all; the fences are written with it."""
    return f"{BINDING_PREFIX}({'|'.join(of or ROLES)})-[a-z2-7]{{{_DIGEST_LENGTH}}}"


def is_binding_name(name: str) -> bool:
    """Whether `binding_name` could have made this name."""
    return re.fullmatch(binding_names(), name) is not None


def binding_name(role: str, issuer: str, subject: str) -> str:
    """Return the name of the RoleBinding of one identity and role; the same for ever, and different for each.

    The hash stands for the identity because names in Kubernetes hold neither the characters nor the length of
    a subject. Raises ValueError for a role that does not exist.
    """
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r}")
    digest = hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()
    return f"{BINDING_PREFIX}{role}-{base64.b32encode(digest).decode().lower()[:_DIGEST_LENGTH]}"
