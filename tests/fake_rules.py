"""The rules of the cluster in memory: RBAC as the API server judges it, and the fences of our own account."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from clusters import names
from clusters.api import NAMESPACE, ROLE_BINDING, AccessAnswer, AccessQuestion, Forbidden, Kind, Manifest
from clusters.config import ClusterConfig, IssuerTrust
from clusters.roles import ROLES, cluster_role

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?\Z")
_RESERVED = (*names.NEVER_MANAGED, "openshift-*", "sys*", "istio-system", "cattle-*", "rook-*")
_AMOUNT = re.compile(r"[0-9]{1,19}(m|[kMGTPE]|[KMGTPE]i)?\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@dataclass
class Rules:
    """Roles and cluster-wide bindings of the cluster, and whether the admission policies are in force."""

    roles: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    bindings: dict[str, Manifest] = field(default_factory=dict)
    fenced: bool = False

    def put(self, manifest: Manifest) -> None:
        """Take in an object that is no kind of the protocol."""
        name = manifest["metadata"]["name"]
        if manifest["kind"] in {"Role", "ClusterRole"}:
            self.roles[manifest["metadata"].get("namespace", ""), name] = manifest
        elif manifest["kind"] == "ClusterRoleBinding":
            self.bindings[name] = manifest
        elif manifest["kind"] == "ValidatingAdmissionPolicyBinding":
            self.fenced = True

    def judge(
        self, user: str, namespace: str, question: AccessQuestion, inside: dict[tuple[str, str], Manifest]
    ) -> AccessAnswer:
        """Answer a question about a user, given the RoleBindings of the cluster."""
        cluster_wide = [("", binding) for binding in self.bindings.values()]
        local = [(key[0], binding) for key, binding in inside.items() if key[0] == namespace and namespace]
        for place, binding in cluster_wide + local:
            role = self._role(binding["roleRef"], place)
            if _names(binding, user) and any(_allows(rule, question) for rule in role.get("rules") or []):
                name = binding["metadata"]["name"]
                kind = "RoleBinding" if place else "ClusterRoleBinding"
                called = f"{name}/{place}" if place else name
                granted = f'{binding["roleRef"]["kind"]} "{binding["roleRef"]["name"]}"'
                words = f'RBAC: allowed by {kind} "{called}" of {granted} to User "{user}"'
                return AccessAnswer(True, "".join(each if each.isprintable() else " " for each in words))
        return AccessAnswer(False)

    def held(
        self, user: str, namespace: str, inside: dict[tuple[str, str], Manifest]
    ) -> list[dict[str, Any]]:
        """Return every rule that a user has in a namespace."""
        cluster_wide = [("", binding) for binding in self.bindings.values()]
        local = [(key[0], binding) for key, binding in inside.items() if key[0] == namespace]
        bindings = [(place, binding) for place, binding in cluster_wide + local if _names(binding, user)]
        return [
            rule for place, each in bindings for rule in self._role(each["roleRef"], place).get("rules") or []
        ]

    def may_bind(self, user: str, role: str) -> bool:
        """Return whether the user holds `bind` on a ClusterRole; whether that exists is not asked."""
        question = AccessQuestion("bind", "clusterroles", "rbac.authorization.k8s.io", name=role)
        return self.judge(user, "", question, {}).allowed

    def _role(self, reference: dict[str, str], namespace: str) -> Manifest:
        place = namespace if reference["kind"] == "Role" else ""
        return self.roles.get((place, reference["name"]), {})

    def fence_create(
        self, user: str, config: ClusterConfig, kind: Kind, manifest: Manifest, place: Manifest | None
    ) -> None:
        """Deny what the policies deny to the worker when it makes an object."""
        if not self._applies(user):
            return
        if kind is NAMESPACE:
            _require(_free(manifest) and _well_labelled(manifest), "the namespace is not one of Berth's")
        elif kind is ROLE_BINDING:
            _require(_is_ours(manifest), "the binding must carry the label of Berth")
            _require(
                _names_one_person(manifest, config) or _names_reaper(manifest), "the subject is not allowed"
            )
            _require(_managed(place), "the namespace is not managed by Berth")
        else:
            _require(_managed(place), "the namespace is not managed by Berth")
            _require(_as_berth_writes(manifest, {}), "the amounts must be such as Berth writes")

    def fence_write(self, user: str, manifest: Manifest, current: Manifest, place: Manifest | None) -> None:
        """Deny what the policies deny to the worker when it replaces an object."""
        if self._applies(user) and manifest["metadata"]["name"] != names.STATE_CONFIG_MAP:
            _require(_managed(place), "the namespace is not managed by Berth")
            _require(_as_berth_writes(manifest, current), "the amounts must be such as Berth writes")

    def fence_delete(self, user: str, kind: Kind, manifest: Manifest, place: Manifest | None) -> None:
        if not self._applies(user):
            return
        if kind is ROLE_BINDING:
            role, name = manifest["roleRef"]["name"], manifest["metadata"]["name"]
            ours = role in {cluster_role(each) for each in ROLES} and _ANY_ROLE.fullmatch(name)
            named = bool(ours) or _is_for_reaper(manifest)
            _require(named, "the binding is not one of Berth's")
        else:
            _require(_managed(place), "the namespace is not managed by Berth")

    def _applies(self, user: str) -> bool:
        return self.fenced and user == names.service_account("worker")


def invalid_labels(manifest: Manifest) -> str:
    """Return what the API server says of a label that holds more than a label may, or nothing."""
    for key, value in (manifest["metadata"].get("labels") or {}).items():
        if not _LABEL_VALUE.match(value):
            return f"metadata.labels: Invalid value of {key}: {value!r}"
    return ""


_ANY_ROLE = re.compile(rf"{names.BINDING_PREFIX}({'|'.join(ROLES)})-[a-z2-7]{{26}}")


def _names(binding: Manifest, user: str) -> bool:
    return any(
        (subject["kind"] == "User" and subject["name"] == user)
        or (
            subject["kind"] == "ServiceAccount"
            and user == f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
        )
        for subject in binding.get("subjects") or []
    )


def _allows(rule: dict[str, Any], question: AccessQuestion) -> bool:
    resource = f"{question.resource}/{question.subresource}" if question.subresource else question.resource
    return (
        question.verb in rule["verbs"]
        and question.group in rule.get("apiGroups", ())
        and resource in rule.get("resources", ())
        and (not rule.get("resourceNames") or question.name in rule["resourceNames"])
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Forbidden(f"ValidatingAdmissionPolicy denied request: {message}", cause="Forbidden")


def _is_ours(manifest: Manifest) -> bool:
    labels = manifest["metadata"].get("labels") or {}
    return labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY


def _as_berth_writes(manifest: Manifest, current: Manifest) -> bool:
    """Whether every amount is a whole number with a unit at most, or was there already."""
    before = _amounts(current)
    return all(_AMOUNT.match(each[-1]) or each in before for each in _amounts(manifest))


def _amounts(manifest: Manifest) -> set[tuple[str, ...]]:
    spec = manifest.get("spec") or {}
    found: set[tuple[str, ...]] = {("", key, str(text)) for key, text in (spec.get("hard") or {}).items()}
    for item in spec.get("limits") or []:
        for section, amounts in item.items():
            if isinstance(amounts, dict):
                found |= {(section, key, str(text)) for key, text in amounts.items()}
    return found


def _managed(namespace: Manifest | None) -> bool:
    labels = (namespace or {"metadata": {}})["metadata"].get("labels") or {}
    return labels.get(names.MANAGED_LABEL) == "true" and namespace is not None and _free(namespace)


def _free(namespace: Manifest) -> bool:
    return not any(fnmatchcase(namespace["metadata"]["name"], pattern) for pattern in _RESERVED)


def _well_labelled(namespace: Manifest) -> bool:
    labels = namespace["metadata"].get("labels") or {}
    return (
        _is_ours(namespace)
        and labels.get(names.MANAGED_LABEL) == "true"
        and bool(_UUID.match(labels.get(names.NAMESPACE_ID_LABEL, "")))
        and labels.get(names.POD_SECURITY_LABEL) in names.POD_SECURITY_LEVELS
    )


def _names_one_person(binding: Manifest, config: ClusterConfig) -> bool:
    subjects = binding.get("subjects") or []
    return (
        _has_role_and_name(binding)
        and len(subjects) == 1
        and subjects[0]["kind"] == "User"
        and any(_may_make(trust, subjects[0]["name"]) for trust in config.issuers)
    )


def _has_role_and_name(binding: Manifest) -> bool:
    role, name = binding["roleRef"]["name"], binding["metadata"]["name"]
    return any(
        role == cluster_role(each) and re.fullmatch(rf"{names.BINDING_PREFIX}{each}-[a-z2-7]{{26}}", name)
        for each in ROLES
    )


def _may_make(trust: IssuerTrust, name: str) -> bool:
    return name.startswith(trust.prefix) and trust.username(name.removeprefix(trust.prefix)) == name


def _names_reaper(binding: Manifest) -> bool:
    reaper = {"kind": "ServiceAccount", "name": "reaper", "namespace": names.SYSTEM_NAMESPACE}
    return _is_for_reaper(binding) and binding.get("subjects") == [reaper]


def _is_for_reaper(binding: Manifest) -> bool:
    name, role = binding["metadata"]["name"], binding["roleRef"]["name"]
    return bool(name == names.REAPER_BINDING and role == cluster_role("reaper"))
