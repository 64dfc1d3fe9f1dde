"""What is tried on the real API server beside the product's own attack (`clusters.forbidden_acts`), by everybody.

By whom, what, and which fence must stop it; and what must not be stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clusters import names
from clusters.api import Manifest
from clusters.attempts import (
    ALL_RIGHTS,
    P1,
    P2,
    POD,
    PRIVILEGED,
    RBAC,
    RBAC_API,
    TOKEN,
    changed,
    group,
    role,
    user,
)
from clusters.attempts import LIMITS as LIMITS
from clusters.raw import Request, create, one
from tests.clusters.battlefield import Battlefield, account_binding
from tests.contract.hands import binding, limits, namespace, quota, reaper_binding, subject

P3 = "berth-side-doors"
CLUSTER_ROLES = f"/apis/{RBAC_API}/v1/clusterroles"
NS = "/api/v1/namespaces/{field.home}"
RBS = f"/apis/{RBAC_API}/v1/namespaces/{{field.home}}/rolebindings"


@dataclass(frozen=True)
class Attempt:
    """One act that must be refused: who tries, what, and which fence must stop it."""

    actor: str
    fence: str
    title: str
    request: Callable[[Battlefield], Request]

    def __str__(self) -> str:
        return f"{self.actor} {self.title}".replace(" ", "-")


def bind(**changes: Any) -> Callable[[Battlefield], Request]:
    """Return the making of a binding in `home` that is right in everything but the changes."""
    return lambda field: create(changed(binding(field.home, 9050), **changes))


def get(path: str) -> Callable[[Battlefield], Request]:
    return lambda field: Request("GET", path.format(field=field))


def send(method: str, path: str, body: Any = None, **headers: str) -> Callable[[Battlefield], Request]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda field: Request(method, path.format(field=field), body, named)


def home_binding(method: str, body: Any = None) -> Callable[[Battlefield], Request]:
    """Return an act on the binding of the viewer of `home`."""
    return lambda field: one(binding(field.home, 9001, "viewer"), method, body)


def in_home(manifest: Manifest, place: str = "home") -> Callable[[Battlefield], Request]:
    """Return the making of an object in one of the namespaces."""

    def request(field: Battlefield) -> Request:
        return create({**manifest, "metadata": {**manifest["metadata"], "namespace": getattr(field, place)}})

    return request


def endpoints(name: str = "detour") -> Manifest:
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": []}


ENDPOINT_SLICE = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "detour"},
    "addressType": "IPv4",
    "endpoints": [],
}

# What needs something of somebody else to be there.
WORKER = [
    ("binds a Role with every right", RBAC, bind(role="wide", role_kind="Role")),
    ("deletes a binding of others", P1, lambda field: one(field.hand_made(), "DELETE")),
    ("changes a binding that is there", RBAC, home_binding("PATCH", {"subjects": user(subject(1))})),
    ("makes a reserved namespace", P2, lambda field: create(namespace("openshift-fences"))),
    ("reads a secret that is there", RBAC, get(f"{NS}/secrets/treasure")),
    ("deletes a quota of others", LIMITS, lambda field: one(quota(field.home, name="of-somebody-else"), "DELETE")),
    ("deletes the limits of an unmanaged namespace", LIMITS, lambda field: one(
        limits(field.foreign, "1Gi"), "DELETE"
    )),
]  # fmt: skip
# With RBAC out of the way, so that the policies are seen to stop them.
WORKER_WITH_EVERY_RIGHT = [
    ("changes a binding", P1, lambda field: one(
        binding(field.careless), "PATCH", {"subjects": user(subject(2))}
    )),
    ("replaces a binding", P1, lambda field: one(binding(field.careless), "PUT", binding(field.careless))),
    ("binds cluster-admin", P1, lambda field: create(changed(binding(field.careless, 2), role="cluster-admin"))),
    ("labels a namespace", P2, send("PATCH", "/api/v1/namespaces/{field.careless}", PRIVILEGED)),
    ("writes the status of a namespace", P2, lambda field: Request(
        "PUT", f"/api/v1/namespaces/{field.careless}/status", namespace(field.careless)
    )),
    ("finalizes a namespace", P2, lambda field: Request(
        "PUT", f"/api/v1/namespaces/{field.careless}/finalize", namespace(field.careless)
    )),
    ("deletes a namespace", P2, send("DELETE", "/api/v1/namespaces/{field.careless}")),
]  # fmt: skip
REAPER = [
    ("lists pods of a condemned namespace", RBAC, get("/api/v1/namespaces/{field.condemned}/pods")),
    ("reads secrets of a condemned namespace", RBAC, get("/api/v1/namespaces/{field.condemned}/secrets")),
    ("finalizes a condemned namespace", RBAC, send(
        "PUT", "/api/v1/namespaces/{field.condemned}/finalize", namespace("x")
    )),
]  # fmt: skip
ADMIN = [
    ("strips our label", P3, home_binding("PATCH", {"metadata": {"labels": {names.MANAGED_BY_LABEL: None}}})),
    ("swaps the person in our binding", P3, home_binding("PATCH", {"subjects": user(subject(9009))})),
    ("deletes our binding", P3, home_binding("DELETE")),
    ("deletes the own binding", P3, lambda field: one(binding(field.home, 9003, "admin"), "DELETE")),
    ("copies our name", P3, lambda field: create(account_binding(field.home, "berth-viewer-mine", "default"))),
    ("copies our label", P3, lambda field: create(changed(
        account_binding(field.home, "mine", "default"), labels={names.MANAGED_BY_LABEL: "berth"}
    ))),
    ("puts our label on a binding of others", P3, lambda field: one(
        field.hand_made(), "PATCH", {"metadata": {"labels": {names.MANAGED_BY_LABEL: "berth"}}}
    )),
    ("lets a person in", P3, bind(name="friend", labels=None, subjects=user(subject(9009)))),
    ("lets a group in", P3, bind(name="all", labels=None, subjects=group("system:authenticated"))),
    ("lets an account of another namespace in", P3, lambda field: create(
        account_binding(field.home, "neighbour", "default", of=field.other)
    )),
    ("adds a person to a binding of others", P3, lambda field: one(
        field.hand_made(), "PATCH", {"subjects": user(subject(9009))}
    )),
    ("binds cluster-admin to an account", RBAC, lambda field: create(
        changed(account_binding(field.home, "boss", "default"), role="cluster-admin")
    )),
    ("binds the role of the reaper to an account", RBAC, lambda field: create(
        changed(account_binding(field.home, "end", "default"), role="berth:reaper")
    )),
    ("binds the built-in edit to an account", RBAC, lambda field: create(
        changed(account_binding(field.home, "edit", "default"), role="edit")
    )),
    ("makes a Role with every right", RBAC, in_home(role("Role", ALL_RIGHTS))),
    ("makes a Role that impersonates", RBAC, in_home(role("Role", [
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}
    ]))),
    ("makes a Role that mints tokens", RBAC, in_home(role("Role", [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}
    ]))),
    ("makes a ClusterRole", RBAC, send("POST", CLUSTER_ROLES, role("ClusterRole", ALL_RIGHTS))),
    ("makes a binding in another namespace", RBAC, lambda field: create(
        account_binding(field.other, "foothold", "default", of=field.home)
    )),
    ("deletes all bindings", RBAC, send("DELETE", RBS)),
    ("widens the quota", RBAC, lambda field: one(quota(field.home), "PATCH", {"spec": {"hard": {"pods": "1000"}}})),
    ("deletes the quota", RBAC, lambda field: one(quota(field.home), "DELETE")),
    ("makes a limit range", RBAC, lambda field: create(limits(field.home, "64Gi"))),
    ("labels the namespace", RBAC, send("PATCH", NS, PRIVILEGED)),
    ("unmanages the namespace", RBAC, send("PATCH", NS, {"metadata": {"labels": {names.MANAGED_LABEL: "false"}}})),
    ("deletes the namespace", RBAC, send("DELETE", NS)),
    ("makes a namespace", RBAC, lambda field: create(namespace("fences-never"))),
    ("condemns the namespace", RBAC, lambda field: create(reaper_binding(field.home))),
]  # fmt: skip
EDITOR = [
    ("reads roles", RBAC, get(f"/apis/{RBAC_API}/v1/namespaces/{{field.home}}/roles")),
    ("lists bindings", RBAC, get(RBS)),
    ("lets a person in", RBAC, bind(name="friend", labels=None)),
    ("binds an account", RBAC, lambda field: create(account_binding(field.home, "chart", "default"))),
    ("acts as a service account", RBAC, send(
        "GET", f"{NS}/pods", Impersonate_User="system:serviceaccount:{field.home}:default"
    )),
    ("mints a token", RBAC, send("POST", f"{NS}/serviceaccounts/default/token", TOKEN)),
    ("writes endpoints", RBAC, in_home(endpoints())),
    ("writes an endpoint slice", RBAC, in_home(ENDPOINT_SLICE)),
    ("reads secrets elsewhere", RBAC, get("/api/v1/namespaces/{field.other}/secrets")),
    ("reads pods everywhere", RBAC, get("/api/v1/pods")),
    ("reads nodes", RBAC, get("/api/v1/nodes")),
    ("lists namespaces", RBAC, get("/api/v1/namespaces")),
    ("reaches a pod through the API server", RBAC, get(f"{NS}/pods/any/proxy/")),
    ("reaches a service through the API server", RBAC, get(f"{NS}/services/any/proxy/")),
    ("makes a privileged pod", "PodSecurity", in_home({
        **POD, "spec": {"containers": [{**POD["spec"]["containers"][0], "securityContext": {"privileged": True}}]},  # type: ignore[index]
    })),
    ("widens the quota", RBAC, lambda field: one(quota(field.home), "PATCH", {"spec": {"hard": {"pods": "1000"}}})),
]  # fmt: skip
VIEWER = [
    ("reads a secret", RBAC, get(f"{NS}/secrets/treasure")),
    ("makes a pod", RBAC, in_home(POD)),
    ("runs something in a pod", RBAC, send("POST", f"{NS}/pods/any/exec?command=id")),
    ("opens a port of a pod", RBAC, send("POST", f"{NS}/pods/any/portforward")),
    ("reads bindings", RBAC, get(RBS)),
]
OUTSIDER = [
    ("lists pods", RBAC, get(f"{NS}/pods")),
    ("reads the namespace", RBAC, get(NS)),
    ("lists namespaces", RBAC, get("/api/v1/namespaces")),
    ("lets itself in", RBAC, bind()),
]

ATTEMPTS = [
    Attempt(actor, fence, title, request)
    for actor, attempts in (
        ("worker", WORKER),
        ("reaper", REAPER),
        ("admin", ADMIN),
        ("editor", EDITOR),
        ("viewer", VIEWER),
        ("outsider", OUTSIDER),
    )
    for title, fence, request in attempts
]
ATTEMPTS += [
    Attempt("worker", fence, f"with every right {title}", request)
    for title, fence, request in WORKER_WITH_EVERY_RIGHT
]

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD["spec"]},
    },
}
CHART_ROLE = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}
]
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes"}, "data": {"a": "b"}}
ALLOWED = [
    ("viewer", "reads pods", 200, get(f"{NS}/pods")),
    ("viewer", "reads deployments", 200, get("/apis/apps/v1/namespaces/{field.home}/deployments")),
    ("viewer", "reads events", 200, get("/apis/events.k8s.io/v1/namespaces/{field.home}/events")),
    ("viewer", "reads its namespace", 200, get(NS)),
    ("viewer", "sees the quota", 200, get(f"{NS}/resourcequotas/{names.QUOTA}")),
    ("editor", "makes a pod", 201, in_home({**POD, "metadata": {"name": "worker-bee"}})),
    ("editor", "makes a deployment", 201, in_home(DEPLOYMENT)),
    ("editor", "makes a ConfigMap", 201, in_home(CONFIG)),
    ("editor", "reads a secret", 200, get(f"{NS}/secrets/treasure")),
    ("editor", "makes a service account", 201, in_home(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    )),
    ("admin", "lists bindings", 200, get(RBS)),
    ("admin", "makes a Role for a chart", 201, in_home(role("Role", CHART_ROLE, name="chart"))),
    ("admin", "binds an account of the namespace", 201, lambda field: create(
        account_binding(field.home, "chart", "default")
    )),
    ("worker", "condemns a managed namespace", 201, lambda field: create(reaper_binding(field.other))),
    ("worker", "lets a person in", 201, lambda field: create(binding(field.other, 9004, "admin"))),
    ("worker", "limits a namespace", 201, lambda field: create(limits(field.other, "1Gi"))),
    ("reaper", "reads a condemned namespace", 200, get("/api/v1/namespaces/{field.condemned}")),
    ("observer", "lists pods", 200, get("/api/v1/pods")),
    ("observer", "lists nodes", 200, get("/api/v1/nodes")),
    ("observer", "lists storage classes", 200, get("/apis/storage.k8s.io/v1/storageclasses")),
]  # fmt: skip
