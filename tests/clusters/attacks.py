"""What is tried on the real API server: by whom, what, and which fence must stop it; and what must not be stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clusters import names
from clusters.api import Manifest
from tests.clusters.battlefield import Battlefield, account_binding
from tests.clusters.raw_api import Request, create, one
from tests.contract.hands import binding, limits, namespace, quota, reaper_binding, subject

RBAC = "not by a policy"  # the expected fence: the API server's own authorisation
P1, P2, P3, LIMITS = "berth-bindings", "berth-namespaces", "berth-side-doors", "berth-limits"
RBAC_API = "rbac.authorization.k8s.io"
CLUSTER_ROLES = f"/apis/{RBAC_API}/v1/clusterroles"
ACCOUNTS = "/api/v1/namespaces/berth-system/serviceaccounts"


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


def changed(
    manifest: Manifest,
    *,
    role: str | None = None,
    role_kind: str | None = None,
    subjects: list[dict[str, str]] | None = None,
    name: str | None = None,
    namespace: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Manifest:
    made = copy.deepcopy(manifest)
    made["roleRef"].update({"name": role or made["roleRef"]["name"], "kind": role_kind or "ClusterRole"})
    made["subjects"] = made["subjects"] if subjects is None else subjects
    given = {"name": name, "namespace": namespace}
    made["metadata"].update({key: value for key, value in given.items() if value})
    made["metadata"].update(metadata or {})
    return made


def user(name: str) -> list[dict[str, str]]:
    return [{"apiGroup": RBAC_API, "kind": "User", "name": name}]


def group(name: str) -> list[dict[str, str]]:
    return [{"apiGroup": RBAC_API, "kind": "Group", "name": name}]


def account(name: str, place: str = names.SYSTEM_NAMESPACE) -> list[dict[str, str]]:
    return [{"kind": "ServiceAccount", "name": name, "namespace": place}]


def get(path: str) -> Callable[[Battlefield], Request]:
    return lambda field: Request("GET", path.format(field=field))


def send(method: str, path: str, body: Any = None, **headers: str) -> Callable[[Battlefield], Request]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda field: Request(method, path.format(field=field), body, named)


def new_namespace(name: str = "fences-never", **changes: Any) -> Callable[[Battlefield], Request]:
    """Return the making of a namespace that is right in everything but the changes."""

    def request(field: Battlefield) -> Request:
        manifest = namespace(name)
        for key, value in changes.items():
            manifest["metadata"].setdefault(key, {})
            if isinstance(value, dict):
                manifest["metadata"][key].update(value)
            else:
                manifest["metadata"][key] = value
        labels = manifest["metadata"]["labels"] or {}
        manifest["metadata"]["labels"] = {key: value for key, value in labels.items() if value is not None}
        return create(manifest)

    return request


def existing(number: int = 9001, role: str = "viewer") -> Callable[[Battlefield], Manifest]:
    return lambda field: binding(field.home, number, role)


def home_binding(method: str, body: Any = None) -> Callable[[Battlefield], Request]:
    """Return an act on the binding of the viewer of `home`."""
    return lambda field: one(binding(field.home, 9001, "viewer"), method, body)


RBS = f"/apis/{RBAC_API}/v1/namespaces/{{field.home}}/rolebindings"
NS = "/api/v1/namespaces/{field.home}"
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "intruder"},
    "spec": {"containers": [{"name": "c", "image": "registry.invalid/none"}]},
}
PRIVILEGED = {"metadata": {"labels": {names.POD_SECURITY_LABEL: "privileged"}}}
ALL_RIGHTS = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]


def in_home(manifest: Manifest, place: str = "home") -> Callable[[Battlefield], Request]:
    """Return the making of an object in one of the namespaces."""

    def request(field: Battlefield) -> Request:
        return create({**manifest, "metadata": {**manifest["metadata"], "namespace": getattr(field, place)}})

    return request


def role(kind: str, rules: list[dict[str, Any]], name: str = "grab") -> Manifest:
    return {"apiVersion": f"{RBAC_API}/v1", "kind": kind, "metadata": {"name": name}, "rules": rules}


def endpoints(name: str = "detour") -> Manifest:
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": []}


ENDPOINT_SLICE = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "detour"},
    "addressType": "IPv4",
    "endpoints": [],
}

WORKER_BINDINGS = [
    ("binds cluster-admin", RBAC, bind(role="cluster-admin")),
    ("binds the built-in admin", RBAC, bind(role="admin")),
    ("binds the built-in edit", RBAC, bind(role="edit")),
    ("binds the built-in view", RBAC, bind(role="view")),
    ("binds a Role with every right", RBAC, bind(role="wide", role_kind="Role")),
    ("binds its own role", P1, bind(role="berth:worker")),  # RBAC allows it: it holds all of that itself
    ("binds all who are logged in", P1, bind(subjects=group("system:authenticated"))),
    ("binds all who are not", P1, bind(subjects=group("system:unauthenticated"))),
    ("binds itself", P1, bind(subjects=account("worker"))),
    ("binds another account of Berth", P1, bind(subjects=account("observer"))),
    ("binds an account of the cluster", P1, bind(subjects=account("default", "kube-system"))),
    ("binds itself under its user name", P1, bind(subjects=user(names.service_account("worker")))),
    ("binds system masters as a user", P1, bind(subjects=user("system:masters"))),
    ("binds the anonymous user", P1, bind(subjects=user("system:anonymous"))),
    ("binds a star", P1, bind(subjects=user("*"))),
    ("binds a name no issuer makes", P1, bind(subjects=user("alice"))),
    ("binds an address", P1, bind(subjects=user("alice@example.edu"))),
    ("binds a name in front of ours", P1, bind(subjects=user(f"x{subject(1)}"))),
    ("binds a name with a line end after it", P1, bind(subjects=user(f"{subject(1)}\n"))),
    ("binds a name with a line end in it", P1, bind(subjects=user(f"{subject(1)}\n{subject(2)}"))),
    ("binds a name of 5000 characters", P1, bind(subjects=user(subject(1) + "1" * 5000))),
    ("binds two people", P1, bind(subjects=user(subject(1)) + user(subject(2)))),
    ("binds a person and all others", P1, bind(subjects=user(subject(1)) + group("system:authenticated"))),
    ("binds nobody", P1, bind(subjects=[])),
    ("binds without our label", P1, bind(metadata={"labels": {}})),
    ("binds with another label", P1, bind(metadata={"labels": {names.MANAGED_BY_LABEL: "Helm"}})),
    ("binds under another name", P1, bind(name="chart-binding")),
    ("binds under a name that is too short", P1, bind(name="berth-viewer-short")),
    ("binds another role than its name says", P1, bind(role="berth:admin")),
    ("binds with a finalizer", P1, bind(metadata={"finalizers": ["berth.internal/stay"]})),
    (
        "binds with an owner",
        P1,
        bind(metadata={"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]}),
    ),
    ("binds in an unmanaged namespace", P1, lambda field: create(binding(field.foreign))),
    ("binds in kube-system", P1, lambda field: create(binding("kube-system"))),
    ("binds in default", P1, lambda field: create(binding("default"))),
    ("binds in its own namespace", P1, lambda field: create(binding(names.SYSTEM_NAMESPACE))),
    (
        "gives a person the role of the reaper",
        P1,
        lambda field: create(changed(reaper_binding(field.home), subjects=user(subject(1)))),
    ),
    (
        "gives itself the role of the reaper",
        P1,
        lambda field: create(changed(reaper_binding(field.home), subjects=account("worker"))),
    ),
    ("condemns kube-system", P1, lambda field: create(reaper_binding("kube-system"))),
    ("condemns its own namespace", P1, lambda field: create(reaper_binding(names.SYSTEM_NAMESPACE))),
    ("condemns an unmanaged namespace", P1, lambda field: create(reaper_binding(field.foreign))),
    ("deletes a binding of others", P1, lambda field: one(field.hand_made(), "DELETE")),
    (
        "deletes its own binding",
        P1,
        send("DELETE", f"/apis/{RBAC_API}/v1/namespaces/berth-system/rolebindings/berth-state"),
    ),
    ("changes a binding", RBAC, home_binding("PATCH", {"subjects": user(subject(1))})),
    (
        "replaces a binding",
        RBAC,
        lambda field: one(binding(field.home, 9001), "PUT", binding(field.home, 9001)),
    ),
    ("deletes all bindings of a namespace", RBAC, send("DELETE", RBS)),
]
WORKER_OTHER = [
    ("makes a ClusterRoleBinding", RBAC, send("POST", f"/apis/{RBAC_API}/v1/clusterrolebindings", {
        "apiVersion": f"{RBAC_API}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "grab"},
        "roleRef": {"apiGroup": RBAC_API, "kind": "ClusterRole", "name": "berth:admin"},
        "subjects": user(subject(1)),
    })),
    ("makes a Role", RBAC, in_home(role("Role", ALL_RIGHTS))),
    ("makes a ClusterRole", RBAC, send("POST", CLUSTER_ROLES, role("ClusterRole", ALL_RIGHTS))),
    ("widens a member role", RBAC, send("PATCH", f"{CLUSTER_ROLES}/berth:viewer", {"rules": ALL_RIGHTS})),
    ("reads the member roles", RBAC, get(f"{CLUSTER_ROLES}/berth:viewer")),
    ("deletes a fence", RBAC, send(
        "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/berth-bindings"
    )),
    ("makes a namespace of the cluster", P2, new_namespace("kube-fences")),
    ("makes a reserved namespace", P2, new_namespace("openshift-fences")),
    ("makes a namespace without labels", P2, new_namespace(labels=None)),
    ("makes a namespace that is not managed", P2, new_namespace(labels={names.MANAGED_LABEL: None})),
    ("makes a namespace without id", P2, new_namespace(labels={names.NAMESPACE_ID_LABEL: None})),
    ("makes a privileged namespace", P2, new_namespace(labels={names.POD_SECURITY_LABEL: "privileged"})),
    ("makes a namespace without Pod Security", P2, new_namespace(labels={names.POD_SECURITY_LABEL: None})),
    ("makes a namespace that warns too little", P2, new_namespace(
        labels={"pod-security.kubernetes.io/warn": "privileged"}
    )),
    ("makes a namespace with a foreign label", P2, new_namespace(labels={"istio-injection": "enabled"})),
    ("makes a namespace with a foreign annotation", P2, new_namespace(
        annotations={"scheduler.alpha.kubernetes.io/node-selector": "gpu=yes"}
    )),
    ("makes a namespace with a finalizer", P2, new_namespace(finalizers=["berth.internal/stay"])),
    ("labels a namespace", RBAC, send("PATCH", NS, PRIVILEGED)),
    ("takes over a namespace", RBAC, send(
        "PATCH", "/api/v1/namespaces/{field.foreign}", {"metadata": {"labels": {names.MANAGED_LABEL: "true"}}}
    )),
    ("writes the status of a namespace", RBAC, send("PUT", f"{NS}/status", namespace("x"))),
    ("finalizes a namespace", RBAC, send("PUT", f"{NS}/finalize", namespace("x"))),
    ("deletes a namespace", RBAC, send("DELETE", NS)),
    ("deletes all namespaces", RBAC, send("DELETE", "/api/v1/namespaces")),
    ("reads a secret", RBAC, get(f"{NS}/secrets/treasure")),
    ("lists secrets", RBAC, get("/api/v1/secrets")),
    ("lists pods", RBAC, get("/api/v1/pods")),
    ("makes a pod", RBAC, in_home(POD)),
    ("acts as an admin", RBAC, send("GET", f"{NS}/secrets", Impersonate_User=subject(9003))),
    ("acts as system masters", RBAC, send(
        "GET", f"{NS}/secrets", Impersonate_User="x", Impersonate_Group="system:masters"
    )),
    ("mints a token for itself", RBAC, send("POST", f"{ACCOUNTS}/worker/token", TOKEN)),
    ("mints a token for the reaper", RBAC, send("POST", f"{ACCOUNTS}/reaper/token", TOKEN)),
    ("makes a service account", RBAC, send("POST", ACCOUNTS, {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "spare"},
    })),
    ("reads another ConfigMap", RBAC, get("/api/v1/namespaces/berth-system/configmaps/kube-root-ca.crt")),
    ("deletes its marks", RBAC, send("DELETE", "/api/v1/namespaces/berth-system/configmaps/berth-state")),
    ("makes a second quota", LIMITS, lambda field: create(quota(field.other, name="second"))),
    ("deletes a quota of others", LIMITS, lambda field: one(quota(field.home, name="of-somebody-else"), "DELETE")),
    ("limits an unmanaged namespace", LIMITS, lambda field: create(quota(field.foreign))),
    ("deletes the limits of an unmanaged namespace", LIMITS, lambda field: one(limits(field.foreign, "1Gi"), "DELETE")),
    ("limits kube-system", LIMITS, lambda field: create(quota("kube-system"))),
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
OBSERVER = [
    ("reads a secret", RBAC, get(f"{NS}/secrets/treasure")),
    ("lists bindings", RBAC, get(RBS)),
    ("reads the log of a pod", RBAC, get(f"{NS}/pods/any/log")),
    ("runs something in a pod", RBAC, send("POST", f"{NS}/pods/any/exec?command=id")),
    ("makes a pod", RBAC, in_home(POD)),
    ("deletes a namespace", RBAC, send("DELETE", NS)),
    ("changes a node", RBAC, send("PATCH", "/api/v1/nodes/any", {"spec": {"unschedulable": True}})),
    ("makes a binding", RBAC, bind()),
    ("acts as the worker", RBAC, send("GET", RBS, Impersonate_User=names.service_account("worker"))),
]
REAPER = [
    ("deletes a living namespace", RBAC, send("DELETE", NS)),
    ("reads a living namespace", RBAC, get(NS)),
    ("deletes kube-system", RBAC, send("DELETE", "/api/v1/namespaces/kube-system")),
    ("deletes all namespaces", RBAC, send("DELETE", "/api/v1/namespaces")),
    ("lists namespaces", RBAC, get("/api/v1/namespaces")),
    ("condemns a namespace itself", RBAC, lambda field: create(reaper_binding(field.home))),
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
        account_binding(field.home, "mine", "default"), metadata={"labels": {names.MANAGED_BY_LABEL: "berth"}}
    ))),
    ("puts our label on a binding of others", P3, lambda field: one(
        field.hand_made(), "PATCH", {"metadata": {"labels": {names.MANAGED_BY_LABEL: "berth"}}}
    )),
    ("lets a person in", P3, bind(name="friend", metadata={"labels": {}}, subjects=user(subject(9009)))),
    ("lets a group in", P3, bind(name="all", metadata={"labels": {}}, subjects=group("system:authenticated"))),
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
    ("makes a namespace", RBAC, new_namespace()),
    ("condemns the namespace", RBAC, lambda field: create(reaper_binding(field.home))),
]  # fmt: skip
EDITOR = [
    ("reads roles", RBAC, get(f"/apis/{RBAC_API}/v1/namespaces/{{field.home}}/roles")),
    ("lists bindings", RBAC, get(RBS)),
    ("lets a person in", RBAC, bind(name="friend", metadata={"labels": {}})),
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
        ("worker", WORKER_BINDINGS + WORKER_OTHER),
        ("observer", OBSERVER),
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
