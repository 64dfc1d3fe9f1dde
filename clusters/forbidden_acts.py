"""Every attempt of `manage.py cluster attack`: as the worker, the observer and the reaper. The tests make them as well.

What needs something made for it first, and what other people than our accounts try, is in the tests alone.
"""

from __future__ import annotations

from clusters import names
from clusters.api import Account
from clusters.attempts import (
    ADMISSION,
    ALL_RIGHTS,
    CONTAINER,
    LIMITS,
    NS,
    P1,
    P2,
    POD,
    PRIVILEGED,
    RBAC,
    RBAC_API,
    RBAC_ROOT,
    RBS,
    SYSTEM,
    SYSTEM_RBAC,
    TOKEN,
    Attempt,
    Row,
    account,
    bind,
    bind_in,
    bind_others,
    bind_whomever,
    binding,
    binding_of_home,
    condemn,
    get,
    group,
    in_place,
    limit,
    limits,
    namespace,
    new_namespace,
    quota,
    reaper_binding,
    role,
    send,
    user,
)
from clusters.raw import create

_WORKER = names.service_account("worker")
_OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}
_MANAGED = {"metadata": {"labels": {names.MANAGED_LABEL: "true"}}}
_CLUSTER_ROLES, _CLUSTER_BINDINGS = f"{RBAC_ROOT}/clusterroles", f"{RBAC_ROOT}/clusterrolebindings"
_GRAB = {
    "apiVersion": f"{RBAC_API}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "berth-attack"},
    "roleRef": {"apiGroup": RBAC_API, "kind": "ClusterRole", "name": "berth:admin"}, "subjects": account("worker"),
}  # fmt: skip
_REQUEST = {
    "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
    "metadata": {"name": "berth-attack"},
    "spec": {"request": "AA==", "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]},
}  # fmt: skip
_HOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "berth-attack"}, "webhooks": [],
}  # fmt: skip
_POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "berth-attack"},
    "spec": {
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
        }]},
        "validations": [{"expression": "true"}],
    },
}  # fmt: skip
_FENCE = f"{ADMISSION}/validatingadmissionpolicies/{P1}"
_FENCE_BINDING = f"{ADMISSION}/validatingadmissionpolicybindings/{P1}"
_DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "berth-attack"},
    "spec": {
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [CONTAINER]}},
    },
}  # fmt: skip
_ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "berth-attack"}}
_CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "berth-attack"}}
_SECRET = {
    "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
    "metadata": {"name": "berth-attack", "annotations": {"kubernetes.io/service-account.name": "reaper"}},
}  # fmt: skip
_REVIEW = {
    "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "none"},
}  # fmt: skip

_BINDINGS_OF_ROLES: list[Row] = [
    *(
        (f"binds {what}", RBAC, bind(role=name))
        for what, name in (
            ("cluster-admin", "cluster-admin"),
            ("the built-in admin", "admin"),
            ("the built-in edit", "edit"),
            ("the built-in view", "view"),
            ("a role of the cluster that reads secrets", "system:controller:generic-garbage-collector"),
        )
    ),
    ("binds its own role", P1, bind(role="berth:worker")),  # RBAC allows it: it holds all of that itself
    ("binds another role than its name says", P1, bind(role="berth:admin")),
]  # fmt: skip
_BINDINGS_OF_SUBJECTS: list[Row] = [
    *(
        (f"binds {what}", P1, bind_whomever(subjects))
        for what, subjects in (
            ("all who are logged in", group("system:authenticated")),
            ("all who are not", group("system:unauthenticated")),
            ("all service accounts", group("system:serviceaccounts")),
            ("the service accounts of Berth", group("system:serviceaccounts:berth-system")),
            ("system masters", group("system:masters")),
            ("itself", account("worker")),
            ("another account of Berth", account("observer")),
            ("an account of the cluster", account("default", "kube-system")),
            ("itself under its user name", user(_WORKER)),
            ("system masters as a user", user("system:masters")),
            ("the anonymous user", user("system:anonymous")),
            ("a controller", user("system:kube-controller-manager")),
            ("a node", user("system:node:any")),
            ("a star", user("*")),
            ("a name no issuer makes", user("alice")),
            ("an address", user("alice@example.edu")),
            ("a blank", user(" ")),
            ("nobody", []),
        )
    ),
    ("binds a name in front of that of a person", P1, bind_others(lambda name: user(f"x{name}"))),
    ("binds a name with a blank before it", P1, bind_others(lambda name: user(f" {name}"))),
    ("binds a name with a line end after it", P1, bind_others(lambda name: user(f"{name}\n"))),
    ("binds a name with a line end in it", P1, bind_others(lambda name: user(f"{name}\n{name}"))),
    ("binds a name of 5000 characters", P1, bind_others(lambda name: user(name + "1" * 5000))),
    ("binds a name with Arabic digits", P1, bind_others(lambda name: user(f"{name}٣"))),
    ("binds the name of a person as a group", P1, bind_others(group)),
    ("binds two people", P1, bind_others(lambda name: user(name) + user(f"{name}1"))),
    ("binds one person twice", P1, bind_others(lambda name: user(name) * 2)),
    (
        "binds a person and all others",
        P1,
        bind_others(lambda name: user(name) + group("system:authenticated")),
    ),
    ("binds a person and itself", P1, bind_others(lambda name: user(name) + account("worker"))),
]
_BINDINGS_OF_FORM: list[Row] = [
    ("binds without our label", P1, bind(labels=None)),
    ("binds with another label", P1, bind(labels={names.MANAGED_BY_LABEL: "Helm"})),
    ("binds with our label in capitals", P1, bind(labels={names.MANAGED_BY_LABEL: "Berth"})),
    ("binds under another name", P1, bind(name="chart-binding")),
    ("binds under a name that is too short", P1, bind(name="berth-viewer-short")),
    ("binds under a name that is too long", P1, bind(name=f"berth-viewer-{'a' * 27}")),
    ("binds under a name with other digits", P1, bind(name=f"berth-viewer-{'1' * 26}")),
    ("binds a member under the name of the reaper", P1, bind(name=names.REAPER_BINDING)),
    ("lets the API server make a name", P1, bind(name=None, generateName="berth-viewer-")),
    ("lets the API server make a name of others", P1, bind(name=None, generateName="chart-")),
    ("binds with a finalizer", P1, bind(finalizers=["berth.internal/stay"])),
    ("binds with an owner", P1, bind(ownerReferences=[_OWNER])),
    ("binds in an unmanaged namespace", P1, bind_in("{ground.unmanaged}")),
    ("binds in kube-system", P1, bind_in("kube-system")),
    ("binds in kube-public", P1, bind_in("kube-public")),
    ("binds in default", P1, bind_in("default")),
    ("binds in its own namespace", P1, bind_in(names.SYSTEM_NAMESPACE)),
    ("gives a group the role of the reaper", P1, condemn(
        "{ground.home}", subjects=group("system:authenticated")
    )),
    ("gives itself the role of the reaper", P1, condemn("{ground.home}", subjects=account("worker"))),
    ("gives a reaper of elsewhere the role", P1, condemn("{ground.home}", subjects=account("reaper", "default"))),
    ("condemns under another name", P1, condemn("{ground.home}", name="berth-end")),
    ("condemns kube-system", P1, condemn("kube-system")),
    ("condemns its own namespace", P1, condemn(names.SYSTEM_NAMESPACE)),
    ("condemns an unmanaged namespace", P1, condemn("{ground.unmanaged}")),
]  # fmt: skip
_BINDINGS_THAT_ARE_THERE: list[Row] = [
    # Both are in every cluster: one of the API server's own, and the one that clusters.manifests makes.
    ("deletes a binding of the cluster", P1, send(
        "DELETE", f"{RBAC_ROOT}/namespaces/kube-system/rolebindings/system:controller:token-cleaner"
    )),
    ("deletes its own binding", P1, send("DELETE", f"{SYSTEM_RBAC}/rolebindings/{names.CANARY_BINDING}")),
    ("changes a binding", RBAC, binding_of_home("PATCH", {"subjects": user("alice")})),
    ("replaces a binding", RBAC, binding_of_home("PUT")),
    ("changes its own binding", RBAC, send(
        "PATCH", f"{SYSTEM_RBAC}/rolebindings/{names.CANARY_BINDING}", {"subjects": group("system:masters")}
    )),
    ("deletes all bindings of a namespace", RBAC, send("DELETE", RBS)),
]  # fmt: skip
_ROLES: list[Row] = [
    ("makes a ClusterRoleBinding", RBAC, send("POST", _CLUSTER_BINDINGS, _GRAB)),
    ("changes its ClusterRoleBinding", RBAC, send(
        "PATCH", f"{_CLUSTER_BINDINGS}/berth:worker", {"subjects": group("system:authenticated")}
    )),
    ("deletes a ClusterRoleBinding", RBAC, send("DELETE", f"{_CLUSTER_BINDINGS}/berth:observer")),
    ("lists ClusterRoleBindings", RBAC, get(_CLUSTER_BINDINGS)),
    ("makes a Role", RBAC, in_place(role("Role", ALL_RIGHTS))),
    ("widens the Role of its marks", RBAC, send(
        "PATCH", f"{SYSTEM_RBAC}/roles/{names.CANARY_BINDING}", {"rules": ALL_RIGHTS}
    )),
    ("makes a ClusterRole", RBAC, send("POST", _CLUSTER_ROLES, role("ClusterRole", ALL_RIGHTS))),
    ("widens a member role", RBAC, send("PATCH", f"{_CLUSTER_ROLES}/berth:viewer", {"rules": ALL_RIGHTS})),
    ("widens its own role", RBAC, send("PATCH", f"{_CLUSTER_ROLES}/berth:worker", {"rules": ALL_RIGHTS})),
    ("replaces a member role", RBAC, send(
        "PUT", f"{_CLUSTER_ROLES}/berth:viewer", role("ClusterRole", ALL_RIGHTS, "berth:viewer")
    )),
    ("lets a member role collect others", RBAC, send(
        "PATCH", f"{_CLUSTER_ROLES}/berth:viewer", {"aggregationRule": {"clusterRoleSelectors": [{}]}}
    )),
    ("deletes a member role", RBAC, send("DELETE", f"{_CLUSTER_ROLES}/berth:viewer")),
    ("reads a role that it does not give", RBAC, get(f"{_CLUSTER_ROLES}/cluster-admin")),
    ("lists ClusterRoles", RBAC, get(_CLUSTER_ROLES)),
]  # fmt: skip
_FENCES: list[Row] = [
    ("deletes a fence", RBAC, send("DELETE", _FENCE)),
    ("takes a fence down", RBAC, send("DELETE", _FENCE_BINDING)),
    (
        "lets a fence only warn",
        RBAC,
        send("PATCH", _FENCE_BINDING, {"spec": {"validationActions": ["Warn"]}}),
    ),
    ("empties a fence", RBAC, send("PATCH", _FENCE, {"spec": {"validations": [{"expression": "true"}]}})),
    ("makes a policy", RBAC, send("POST", f"{ADMISSION}/validatingadmissionpolicies", _POLICY)),
    ("reads a fence", RBAC, get(_FENCE)),
    ("makes a webhook", RBAC, send("POST", f"{ADMISSION}/mutatingwebhookconfigurations", _HOOK)),
    ("deletes all webhooks", RBAC, send("DELETE", f"{ADMISSION}/validatingwebhookconfigurations")),
]
_NAMESPACES: list[Row] = [
    ("makes a namespace of the cluster", P2, new_namespace("kube-berth-attack")),
    # The API server could make a name of these that is free; a dry run stores none.
    ("lets the API server make a name of the cluster", P2, new_namespace(name=None, generateName="kube-")),
    ("makes a namespace without labels", P2, new_namespace(labels=None)),
    ("makes a namespace that is not managed", P2, new_namespace(labels={names.MANAGED_LABEL: None})),
    ("makes a namespace that is somebody's", P2, new_namespace(labels={names.MANAGED_BY_LABEL: "Helm"})),
    ("makes a namespace without id", P2, new_namespace(labels={names.NAMESPACE_ID_LABEL: None})),
    ("makes a namespace with an id that is none", P2, new_namespace(labels={names.NAMESPACE_ID_LABEL: "x"})),
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
    ("makes a namespace with an owner", P2, new_namespace(ownerReferences=[_OWNER])),
    ("labels a namespace", RBAC, send("PATCH", NS, PRIVILEGED)),
    ("replaces a namespace", RBAC, lambda ground: send("PUT", NS, namespace(ground.place))(ground)),
    ("takes over a namespace", RBAC, send("PATCH", "/api/v1/namespaces/{ground.unmanaged}", _MANAGED)),
    ("takes over kube-system", RBAC, send("PATCH", "/api/v1/namespaces/kube-system", _MANAGED)),
    ("writes the status of a namespace", RBAC, send("PATCH", f"{NS}/status", PRIVILEGED)),
    ("finalizes a namespace", RBAC, lambda ground: send("PUT", f"{NS}/finalize", namespace(ground.place))(ground)),
    ("deletes a namespace", RBAC, send("DELETE", NS)),
    ("deletes kube-system", RBAC, send("DELETE", "/api/v1/namespaces/kube-system")),
    ("deletes all namespaces", RBAC, send("DELETE", "/api/v1/namespaces")),
]  # fmt: skip
_SECRETS: list[Row] = [
    ("reads a secret", RBAC, get(f"{NS}/secrets/any")),
    ("lists secrets", RBAC, get(f"{NS}/secrets?limit=1")),
    ("lists secrets everywhere", RBAC, get("/api/v1/secrets?limit=1")),
    ("watches secrets", RBAC, get("/api/v1/secrets?watch=true&timeoutSeconds=1")),
    ("reads secrets of the cluster", RBAC, get("/api/v1/namespaces/kube-system/secrets?limit=1")),
    ("makes a secret that becomes a token", RBAC, send("POST", f"{SYSTEM}/secrets", _SECRET)),
]
_IMPERSONATION: list[Row] = [
    ("acts as a person", RBAC, get(f"{NS}/secrets?limit=1", Impersonate_User="alice")),
    ("acts as system masters", RBAC, get(
        "/api/v1/secrets?limit=1", Impersonate_User="alice", Impersonate_Group="system:masters"
    )),
    ("acts as itself in a stronger group", RBAC, get(
        "/api/v1/secrets?limit=1", Impersonate_User=_WORKER, Impersonate_Group="system:masters"
    )),
    ("acts as the reaper", RBAC, get(
        "/api/v1/namespaces?limit=1", Impersonate_User=names.service_account("reaper")
    )),
    ("acts as an account of the cluster", RBAC, get(
        "/api/v1/namespaces?limit=1", Impersonate_User="system:serviceaccount:kube-system:namespace-controller"
    )),
    ("acts as a node", RBAC, get("/api/v1/namespaces?limit=1", Impersonate_User="system:node:any")),
    ("acts as somebody with an extra", RBAC, get(
        "/api/v1/namespaces?limit=1", Impersonate_User="alice", Impersonate_Extra_scopes="all"
    )),
    ("acts as somebody with a uid", RBAC, get(
        "/api/v1/namespaces?limit=1", Impersonate_User="alice", Impersonate_Uid="1"
    )),
]  # fmt: skip
_TOKENS: list[Row] = [
    ("mints a token for itself", RBAC, send("POST", f"{SYSTEM}/serviceaccounts/worker/token", TOKEN)),
    ("mints a token for the reaper", RBAC, send("POST", f"{SYSTEM}/serviceaccounts/reaper/token", TOKEN)),
    ("mints a token for the observer", RBAC, send("POST", f"{SYSTEM}/serviceaccounts/observer/token", TOKEN)),
    ("mints a token of a namespace", RBAC, send("POST", f"{NS}/serviceaccounts/default/token", TOKEN)),
    ("mints a token of the cluster", RBAC, send(
        "POST", "/api/v1/namespaces/kube-system/serviceaccounts/default/token", TOKEN
    )),
    ("makes a service account", RBAC, send("POST", f"{SYSTEM}/serviceaccounts", _ACCOUNT)),
    ("deletes a service account", RBAC, send("DELETE", f"{SYSTEM}/serviceaccounts/reaper")),
    ("asks whose a token is", RBAC, send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", _REVIEW)),
    ("asks for a client certificate", RBAC, send(
        "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", _REQUEST
    )),
    ("approves a client certificate", RBAC, send(
        "PATCH", "/apis/certificates.k8s.io/v1/certificatesigningrequests/any/approval", {"status": {}}
    )),
]  # fmt: skip
_MARKS: list[Row] = [
    ("lists ConfigMaps", RBAC, get(f"{SYSTEM}/configmaps")),
    ("reads another ConfigMap", RBAC, get(f"{SYSTEM}/configmaps/kube-root-ca.crt")),
    ("reads a ConfigMap of the cluster", RBAC, get(
        "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    )),
    ("makes a ConfigMap", RBAC, send("POST", f"{SYSTEM}/configmaps", _CONFIG)),
    ("makes marks elsewhere", RBAC, in_place({**_CONFIG, "metadata": {"name": names.STATE_CONFIG_MAP}})),
    ("deletes its marks", RBAC, send("DELETE", f"{SYSTEM}/configmaps/{names.STATE_CONFIG_MAP}")),
    ("deletes all ConfigMaps", RBAC, send("DELETE", f"{SYSTEM}/configmaps")),
]  # fmt: skip
_LIMITS: list[Row] = [
    ("makes a second quota", LIMITS, lambda ground: create(quota(ground.home, "second"))),
    ("makes a second limit range", LIMITS, lambda ground: create(limits(ground.home, "second"))),
    ("lets the API server name a quota", LIMITS, lambda ground: create({
        **quota(ground.home), "metadata": {"namespace": ground.home, "generateName": "berth-quota"},
    })),
    ("limits an unmanaged namespace", LIMITS, lambda ground: create(quota(ground.unmanaged))),
    ("limits containers of an unmanaged namespace", LIMITS, lambda ground: create(limits(ground.unmanaged))),
    ("limits kube-system", LIMITS, lambda ground: create(quota("kube-system"))),
    ("limits its own namespace", LIMITS, lambda ground: create(limits(names.SYSTEM_NAMESPACE))),
    ("limits by an odd number", LIMITS, limit(pods="1e3")),
    ("limits by more than there is", LIMITS, limit(memory="2E")),
    ("limits by a part of a byte", LIMITS, limit(memory="1500m")),
    ("changes a quota in part", RBAC, send(
        "PATCH", f"{NS}/resourcequotas/{names.QUOTA}", {"spec": {"hard": {"pods": "0"}}}
    )),
    ("writes the status of a quota", RBAC, send(
        "PATCH", f"{NS}/resourcequotas/{names.QUOTA}/status", {"status": {"used": {"pods": "0"}}}
    )),
    ("deletes all quotas", RBAC, send("DELETE", f"{NS}/resourcequotas")),
    ("deletes all limit ranges", RBAC, send("DELETE", f"{NS}/limitranges")),
]  # fmt: skip
_WORKLOADS: list[Row] = [
    ("lists pods", RBAC, get("/api/v1/pods?limit=1")),
    ("makes a pod", RBAC, in_place(POD)),
    ("makes a pod in its own namespace", RBAC, send("POST", f"{SYSTEM}/pods", POD)),
    ("makes a deployment", RBAC, in_place(_DEPLOYMENT)),
    ("runs something in a pod", RBAC, send("POST", f"{NS}/pods/any/exec?command=id")),
    ("reaches a service through the API server", RBAC, get(f"{NS}/services/any/proxy/")),
    ("lists nodes", RBAC, get("/api/v1/nodes?limit=1")),
    ("changes a node", RBAC, send("PATCH", "/api/v1/nodes/any", {"spec": {"unschedulable": True}})),
    ("reaches a node through the API server", RBAC, get("/api/v1/nodes/any/proxy/pods")),
    ("reads persistent volumes", RBAC, get("/api/v1/persistentvolumes?limit=1")),
    ("takes the lease of a controller", RBAC, send(
        "PATCH", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/any", {"spec": {"holderIdentity": "x"}}
    )),
    ("asks about rights through a namespace", RBAC, send(
        "POST", "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", {}
    )),
]  # fmt: skip
_OBSERVER: list[Row] = [
    *_SECRETS,
    *_IMPERSONATION,
    *_TOKENS,
    ("lists bindings", RBAC, get(RBS)),
    ("lists ConfigMaps", RBAC, get("/api/v1/configmaps?limit=1")),
    ("reads the marks", RBAC, get(f"{SYSTEM}/configmaps/{names.STATE_CONFIG_MAP}")),
    ("reads the log of a pod", RBAC, get(f"{NS}/pods/any/log")),
    ("runs something in a pod", RBAC, send("POST", f"{NS}/pods/any/exec?command=id")),
    ("makes a pod", RBAC, in_place(POD)),
    ("deletes all pods", RBAC, send("DELETE", f"{NS}/pods")),
    ("makes a namespace", RBAC, new_namespace()),
    ("labels a namespace", RBAC, send("PATCH", NS, PRIVILEGED)),
    ("deletes a namespace", RBAC, send("DELETE", NS)),
    ("changes a node", RBAC, send("PATCH", "/api/v1/nodes/any", {"spec": {"unschedulable": True}})),
    ("reaches a node through the API server", RBAC, get("/api/v1/nodes/any/proxy/pods")),
    ("makes a binding", RBAC, lambda ground: create(binding(ground.place, "alice"))),
    ("makes a ClusterRoleBinding", RBAC, send("POST", _CLUSTER_BINDINGS, _GRAB)),
    ("makes a quota", RBAC, lambda ground: create(quota(ground.place))),
    ("asks about the rights of others", RBAC, send(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {}
    )),
    ("acts as the worker", RBAC, get(RBS, Impersonate_User=_WORKER)),
    ("takes a fence down", RBAC, send("DELETE", _FENCE_BINDING)),
]  # fmt: skip
_REAPER: list[Row] = [
    *_SECRETS,
    *_IMPERSONATION,
    *_TOKENS,
    ("deletes a living namespace", RBAC, send("DELETE", NS)),
    ("reads a living namespace", RBAC, get(NS)),
    (
        "finalizes a namespace",
        RBAC,
        lambda ground: send("PUT", f"{NS}/finalize", namespace(ground.place))(ground),
    ),
    ("deletes an unmanaged namespace", RBAC, send("DELETE", "/api/v1/namespaces/{ground.unmanaged}")),
    ("deletes kube-system", RBAC, send("DELETE", "/api/v1/namespaces/kube-system")),
    ("deletes the namespace of Berth", RBAC, send("DELETE", SYSTEM)),
    ("deletes all namespaces", RBAC, send("DELETE", "/api/v1/namespaces")),
    ("lists namespaces", RBAC, get("/api/v1/namespaces?limit=1")),
    ("condemns a namespace itself", RBAC, lambda ground: create(reaper_binding(ground.place))),
    ("lists bindings", RBAC, get(RBS)),
    ("lists pods", RBAC, get(f"{NS}/pods")),
    ("makes a pod", RBAC, in_place(POD)),
    ("reads the marks", RBAC, get(f"{SYSTEM}/configmaps/{names.STATE_CONFIG_MAP}")),
    ("makes a ClusterRoleBinding", RBAC, send("POST", _CLUSTER_BINDINGS, _GRAB)),
    ("takes a fence down", RBAC, send("DELETE", _FENCE_BINDING)),
]
_WORKER_ROWS: list[Row] = [
    *_BINDINGS_OF_ROLES, *_BINDINGS_OF_SUBJECTS, *_BINDINGS_OF_FORM, *_BINDINGS_THAT_ARE_THERE, *_ROLES,
    *_FENCES, *_NAMESPACES, *_SECRETS, *_IMPERSONATION, *_TOKENS, *_MARKS, *_LIMITS, *_WORKLOADS,
]  # fmt: skip
_ROWS: dict[Account, list[Row]] = {"worker": _WORKER_ROWS, "observer": _OBSERVER, "reaper": _REAPER}

FORBIDDEN = tuple(
    Attempt(who, fence, title, make) for who, rows in _ROWS.items() for title, fence, make in rows
)
"""All of them, the worker's first."""
