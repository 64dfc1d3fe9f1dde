"""What Berth may write at all, whatever it was told to: the last check before a call leaves this process.

The same limits hold in the cluster, by RBAC and by the admission policies of `clusters.fences`; here they
hold when those are missing, too. Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from clusters import names
from clusters.api import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    KINDS,
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    Forbidden,
    Kind,
    Manifest,
)

Verb = Literal["create", "replace", "delete"]
_NAMES = {RESOURCE_QUOTA: names.QUOTA, LIMIT_RANGE: names.LIMITS, CONFIG_MAP: names.STATE_CONFIG_MAP}
CAUSE = "NotOurs"


def check_write(verb: Verb, kind: Kind, name: str, namespace: str | None) -> None:
    """Raise Forbidden (cause `NotOurs`) for a write that Berth never makes."""
    if verb == "replace" and kind in {ROLE_BINDING, NAMESPACE}:
        raise _refusal(f"A {kind.name} is never replaced")
    if kind is CLUSTER_ROLE:
        raise _refusal("A ClusterRole is only ever read")
    if kind is CONFIG_MAP and (verb != "replace" or namespace != names.SYSTEM_NAMESPACE):
        raise _refusal(
            f"The only ConfigMap that is written is {names.SYSTEM_NAMESPACE}/{names.STATE_CONFIG_MAP}"
        )
    if kind in _NAMES and name != _NAMES[kind]:
        raise _refusal(f"The only {kind.name} that is written is called {_NAMES[kind]}, not {name!r}")
    if kind is ROLE_BINDING and not name.startswith(names.BINDING_PREFIX):
        raise _refusal(f"A RoleBinding of Berth begins with {names.BINDING_PREFIX}, not {name!r}")
    affected = name if kind is NAMESPACE else namespace
    if kind is not CONFIG_MAP and any(fnmatchcase(affected or "", each) for each in names.NEVER_MANAGED):
        raise _refusal(f"The namespace {affected} belongs to the cluster itself")


def check_replacement(manifest: Manifest) -> None:
    """Raise ValueError unless a replacement names what it replaces.

    Without a uid, the API server would make some kinds (LimitRange) anew where they are gone.
    """
    if not manifest["metadata"].get("resourceVersion") or not manifest["metadata"].get("uid"):
        raise ValueError("a replacement needs the uid and the resourceVersion of what it replaces")


def check_place(kind: Kind, namespace: str | None) -> None:
    """Raise ValueError unless the kind is known and a namespace is given exactly where it has one."""
    if kind not in KINDS:
        raise ValueError(f"{kind.name} is not a kind that Berth works with")
    if kind.namespaced != bool(namespace):
        raise ValueError(f"a {kind.name} {'needs a' if kind.namespaced else 'has no'} namespace")


def place(kind: Kind, manifest: Manifest) -> tuple[str, str | None]:
    """Return name and namespace of a manifest; raise ValueError where it is not one of this kind."""
    metadata = manifest.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if manifest.get("kind") != kind.name or manifest.get("apiVersion") != kind.api_version or not name:
        raise ValueError(f"this is not a {kind.name} with a name")
    check_place(kind, namespace)
    return name, namespace


def _refusal(sentence: str) -> Forbidden:
    return Forbidden(f"{sentence}: Berth refused its own request.", cause=CAUSE)
