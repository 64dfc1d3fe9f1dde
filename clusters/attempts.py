"""What our own accounts must not be able to do: one attempt each, and the fence that must stop it.

Every attempt is right in all but one thing, so that it is that thing which is refused. None changes anything, not even
where the fence is missing: what writes is sent as a dry run, which authorisation and admission judge like any other
request (https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run); what cannot be one reads, or names
something that does not exist, or makes a token that opens nothing. Nothing here knows Django or the Kubernetes
library. Titles stay English, as do the words of the API server beside them.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clusters import names, roles
from clusters.api import Account, Manifest
from clusters.ground import Ground
from clusters.raw import Request, create, one

RBAC = "RBAC"
P1, P2, LIMITS = "berth-bindings", "berth-namespaces", "berth-limits"
RBAC_API = "rbac.authorization.k8s.io"
Make = Callable[[Ground], Request]
Row = tuple[str, str, Make]

RBAC_ROOT = f"/apis/{RBAC_API}/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NS = "/api/v1/namespaces/{ground.place}"
RBS = f"{RBAC_ROOT}/namespaces/{{ground.place}}/rolebindings"
SYSTEM = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}"
SYSTEM_RBAC = f"{RBAC_ROOT}/namespaces/{names.SYSTEM_NAMESPACE}"
# It would live as short as the API server allows, and nobody accepts it: no server has this name.
TOKEN = {
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "TokenRequest",
    "spec": {"audiences": ["berth-attack.invalid"], "expirationSeconds": 600},
}
# Such as every level of Pod Security lets in: nothing but the rights of the account may be in its way.
CONTAINER = {
    "name": "c",
    "image": "registry.invalid/none",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "berth-attack"}, "spec": {"containers": [CONTAINER]},
}  # fmt: skip
PRIVILEGED = {"metadata": {"labels": {names.POD_SECURITY_LABEL: "privileged"}}}
ALL_RIGHTS = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]


@dataclass(frozen=True)
class Attempt:
    """One act that must be refused: which account tries what, and which fence stands in its way."""

    account: Account
    fence: str
    title: str
    make: Make

    def request(self, ground: Ground) -> Request:
        """Return what to send. Raises NothingThere where the ground lacks what the attempt needs."""
        made = self.make(ground)
        return made if made.method == "GET" or _has_no_dry_run(made.path) else made.as_dry_run()

    def __str__(self) -> str:
        return f"{self.account} {self.title}".replace(" ", "-")


def _has_no_dry_run(path: str) -> bool:
    """A token is made and not stored; a stream into a container is none of the verbs that write."""
    return path.partition("?")[0].endswith(("/token", "/exec", "/attach", "/portforward"))


# --- Objects as Berth writes them, to be spoilt ---------------------------------------------------------------------


def binding(place: str, person: str, role: str = "viewer") -> Manifest:
    """Return the binding of a person to a member role."""
    return {
        "apiVersion": f"{RBAC_API}/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": roles.binding_name(role, "https://attack.invalid", person),
            "namespace": place,
            "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY},
        },
        "roleRef": {"apiGroup": RBAC_API, "kind": "ClusterRole", "name": roles.cluster_role(role)},
        "subjects": user(person),
    }


def reaper_binding(place: str) -> Manifest:
    """Return the binding that condemns a namespace."""
    made = binding(place, "")
    made["metadata"]["name"] = names.REAPER_BINDING
    made["roleRef"]["name"] = roles.cluster_role("reaper")
    made["subjects"] = account("reaper")
    return made


def namespace(name: str) -> Manifest:
    """Return a namespace as Berth makes it."""
    labels = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.MANAGED_LABEL: "true",
        names.NAMESPACE_ID_LABEL: str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        names.POD_SECURITY_LABEL: "baseline",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def quota(place: str, name: str = names.QUOTA, **hard: str) -> Manifest:
    """Return a quota."""
    spec = {"hard": hard or {"pods": "5"}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": _in(place, name), "spec": spec}


def limits(place: str, name: str = names.LIMITS) -> Manifest:
    """Return a limit range."""
    spec = {
        "limits": [{"type": "Container", "default": {"memory": "1Gi"}, "defaultRequest": {"memory": "1Gi"}}]
    }
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": _in(place, name), "spec": spec}


def role(kind: str, rules: list[dict[str, Any]], name: str = "berth-attack") -> Manifest:
    """Return a Role or ClusterRole."""
    return {"apiVersion": f"{RBAC_API}/v1", "kind": kind, "metadata": {"name": name}, "rules": rules}


def user(name: str) -> list[dict[str, str]]:
    return [{"apiGroup": RBAC_API, "kind": "User", "name": name}]


def group(name: str) -> list[dict[str, str]]:
    return [{"apiGroup": RBAC_API, "kind": "Group", "name": name}]


def account(name: str, place: str = names.SYSTEM_NAMESPACE) -> list[dict[str, str]]:
    return [{"kind": "ServiceAccount", "name": name, "namespace": place}]


def changed(
    manifest: Manifest,
    *,
    role: str | None = None,
    role_kind: str | None = None,
    subjects: list[dict[str, str]] | None = None,
    **metadata: Any,
) -> Manifest:
    """Return a binding with another role, other subjects, or other metadata; None takes a field away."""
    made = copy.deepcopy(manifest)
    made["roleRef"].update({"name": role or made["roleRef"]["name"], "kind": role_kind or "ClusterRole"})
    made["subjects"] = made["subjects"] if subjects is None else subjects
    merged = {**made["metadata"], **metadata}
    made["metadata"] = _without_none(merged)
    return made


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _in(place: str, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": place}


# --- Requests about them --------------------------------------------------------------------------------------------


def _path(ground: Ground, path: str) -> str:
    """Fill in the namespaces; only those that are named are asked for, so that the others may be missing."""
    return path.format(ground=ground)


def get(path: str, **headers: str) -> Make:
    """Return a look at something; an underscore in the name of a header is a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda ground: Request("GET", _path(ground, path), None, named)


def send(method: str, path: str, body: Any = None) -> Make:
    return lambda ground: Request(method, _path(ground, path), body)


def in_place(manifest: Manifest) -> Make:
    """Return the making of an object in a namespace."""
    return lambda ground: create(
        {**manifest, "metadata": {**manifest["metadata"], "namespace": ground.place}}
    )


def bind(**changes: Any) -> Make:
    """Return the making of a binding that is right in everything but the changes."""
    return lambda ground: create(changed(binding(ground.home, ground.person), **changes))


def bind_others(subjects: Callable[[str], list[dict[str, str]]]) -> Make:
    """Return the making of a binding of what a function makes of the name of somebody who may be bound."""
    return lambda ground: create(
        changed(binding(ground.home, ground.person), subjects=subjects(ground.person))
    )


def bind_in(place: str) -> Make:
    return lambda ground: create(binding(_path(ground, place), ground.person))


def bind_whomever(subjects: list[dict[str, str]]) -> Make:
    """Return the making of a binding of these; nobody who may be bound needs to be known for it."""
    return lambda ground: create(changed(binding(ground.home, ""), subjects=subjects))


def condemn(place: str, **changes: Any) -> Make:
    return lambda ground: create(changed(reaper_binding(_path(ground, place)), **changes))


def new_namespace(name: str | None = "berth-attack-never", **changes: Any) -> Make:
    """Return the making of a namespace that is right in everything but the changes; None takes a label away."""

    def request(_ground: Ground) -> Request:
        manifest = namespace("berth-attack-never")
        metadata = {**manifest["metadata"], "name": name}
        for key, value in changes.items():
            merged = {**metadata.get(key, {}), **value} if isinstance(value, dict) else value
            metadata[key] = _without_none(merged) if isinstance(merged, dict) else merged
        return create({**manifest, "metadata": _without_none(metadata)})

    return request


def binding_of_home(method: str, body: Any = None) -> Make:
    """Return an act on a binding of Berth in a namespace; whether there is one is not asked."""

    def request(ground: Ground) -> Request:
        manifest = binding(ground.place, "alice")
        return one(manifest, method, manifest if method == "PUT" else body)

    return request


def limit(**hard: str) -> Make:
    return lambda ground: create(quota(ground.home, **hard))
