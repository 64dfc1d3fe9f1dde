"""What an operator applies to a cluster so that Berth can work in it: accounts, rights, fences.

Everything is data; `manage.py cluster manifests` writes it as YAML. Rights follow one thought: what an
account cannot call, a bug cannot call. The worker can neither change a RoleBinding nor a namespace nor delete
one, reads no secret, and impersonates nobody; the observer writes nothing; the reaper can do nothing at all
until the worker has condemned a namespace, and then delete that one.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusters import names, roles
from clusters.api import Account, Manifest
from clusters.config import ClusterConfig
from clusters.fences import fences
from clusters.roles import Rule

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_PART_OF = {"app.kubernetes.io/part-of": "berth"}

_OBSERVER = (
    Rule(
        ("",),
        (
            "nodes", "pods", "persistentvolumeclaims", "persistentvolumes", "resourcequotas", "limitranges",
            "events", "namespaces",
        ),
        _READ,
    ),
    Rule(("storage.k8s.io",), ("storageclasses",), _READ),
    Rule(("events.k8s.io",), ("events",), _READ),
)  # fmt: skip
_WORKER = (
    Rule(("",), ("namespaces",), ("get", "list", "create")),
    # To watch is for `manage.py watch` alone, which nothing depends on.
    Rule((_RBAC,), ("rolebindings",), (*_READ, "create", "delete")),
    Rule(("",), ("resourcequotas", "limitranges"), (*_READ, "create", "update", "delete")),
    Rule(("authorization.k8s.io",), ("subjectaccessreviews",), ("create",)),
)


def render(
    config: ClusterConfig,
    *,
    reserved: Sequence[str],
    operators_group: str = "berth:operators",
    with_p3: bool = True,
) -> list[Manifest]:
    """Return every object, in an order in which it can be applied.

    `reserved` are names of namespaces that Berth never touches, with `*` and `?` as wildcards. Members of
    `operators_group` stay free to write bindings by hand where `with_p3` closes the side doors.
    """
    return [
        _object("v1", "Namespace", names.SYSTEM_NAMESPACE, labels={names.POD_SECURITY_LABEL: "restricted"}),
        *(_service_account(account) for account in names.ACCOUNTS),
        *_member_roles(),
        *_account_rights(),
        *_state(),
        *fences(config, reserved=reserved, operators_group=operators_group, with_p3=with_p3),
    ]


def _object(
    api_version: str, kind: str, name: str, *, labels: dict[str, str] | None = None, **content: object
) -> Manifest:
    metadata = {"name": name, "labels": {**_PART_OF, **(labels or {})}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def _in_system(manifest: Manifest) -> Manifest:
    manifest["metadata"]["namespace"] = names.SYSTEM_NAMESPACE
    return manifest


def _service_account(account: str) -> Manifest:
    return _in_system(_object("v1", "ServiceAccount", account, automountServiceAccountToken=False))


def _cluster_role(name: str, rules: Sequence[Manifest]) -> Manifest:
    return _object(f"{_RBAC}/v1", "ClusterRole", name, rules=list(rules))


def _member_roles() -> list[Manifest]:
    members = [
        _cluster_role(roles.cluster_role(role), [rule.manifest() for rule in rules])
        for role, rules in roles.ROLES.items()
    ]
    reaper = _cluster_role(roles.cluster_role("reaper"), [rule.manifest() for rule in roles.REAPER_RULES])
    return [*members, reaper]


def account_rules(account: Account) -> list[Manifest]:
    """Return the rules that an account has in the whole cluster; the reaper has none."""
    given = {
        "apiGroups": [_RBAC],
        "resources": ["clusterroles"],
        "resourceNames": [roles.cluster_role(role) for role in (*roles.ROLES, "reaper")],
        # To give them away, and to see before that each is still what it was (clusters.soundness).
        "verbs": ["bind", "get"],
    }
    rules: dict[Account, list[Manifest]] = {
        "worker": [*(rule.manifest() for rule in _WORKER), given],
        "observer": [rule.manifest() for rule in _OBSERVER],
    }
    return rules.get(account, [])


def state_rule() -> Manifest:
    """Return the rule that the worker has in the namespace of Berth: its marks, and nothing beside them."""
    return {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [names.STATE_CONFIG_MAP],
        "verbs": ["get", "update"],
    }


def _account_rights() -> list[Manifest]:
    """The worker and the observer, everywhere; the reaper gets rights in one condemned namespace at a time."""
    manifests = []
    accounts: tuple[Account, ...] = ("worker", "observer")
    for account in accounts:
        name = roles.cluster_role(account)
        manifests += [
            _cluster_role(name, account_rules(account)),
            _object(
                f"{_RBAC}/v1",
                "ClusterRoleBinding",
                name,
                roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": name},
                subjects=[_subject(account)],
            ),
        ]
    return manifests


def _state() -> list[Manifest]:
    """The ConfigMap of the worker's marks, without content: applying it again must not reset them."""
    name = names.CANARY_BINDING
    return [
        _in_system(_object("v1", "ConfigMap", names.STATE_CONFIG_MAP)),
        _in_system(_object(f"{_RBAC}/v1", "Role", name, rules=[state_rule()])),
        _in_system(
            _object(
                f"{_RBAC}/v1",
                "RoleBinding",
                name,
                roleRef={"apiGroup": _RBAC, "kind": "Role", "name": name},
                subjects=[_subject("worker")],
            )
        ),
    ]


def _subject(account: str) -> Manifest:
    return {"kind": "ServiceAccount", "name": account, "namespace": names.SYSTEM_NAMESPACE}
