"""A cluster as somebody sees it who is not Berth, and what such a person does to it with kubectl."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from clusters.api import KINDS, NAMESPACE, Account, ClusterApi, Kind, Manifest
from clusters.config import ClusterConfig
from tests.fake_cluster import FakeCluster

RBAC = "rbac.authorization.k8s.io"
_Key = tuple[str, str, str]
"""Kind, namespace, name."""


class Grounds(Protocol):
    """What a history needs of a cluster beside the protocol that Berth speaks."""

    def connect(self, config: ClusterConfig, account: Account) -> ClusterApi: ...

    def all(self) -> dict[_Key, Manifest]:
        """Return every object of the kinds that Berth knows, as it is now; not to be changed."""
        ...

    def roles(self) -> dict[str, list[Any]]:
        """Return the rules of each ClusterRole by its name."""
        ...

    def put(self, manifest: Manifest) -> None: ...

    def change(self, kind: Kind, place: str, name: str, edit: Callable[[Manifest], Any]) -> None: ...

    def remove(self, kind: Kind, place: str, name: str) -> None: ...

    def set_rules(self, role: str, rules: list[Any] | None) -> None:
        """Give a ClusterRole other rules; None: delete it."""
        ...

    def terminate(self, place: str) -> None:
        """Begin to delete a namespace."""
        ...

    def settle(self) -> None:
        """Let the controllers of the cluster finish what they are at."""
        ...


class MemoryGrounds:
    """The cluster in memory."""

    def __init__(self, config: ClusterConfig) -> None:
        self.fake = FakeCluster(config)

    def connect(self, config: ClusterConfig, account: Account) -> ClusterApi:
        return self.fake.acting_as(account)

    def all(self) -> dict[_Key, Manifest]:
        state = self.fake._state
        return {
            (kind.name, place, name): found
            for kind in KINDS
            for (place, name), found in state.of(kind).items()
        }

    def roles(self) -> dict[str, list[Any]]:
        found = self.fake._state.rules.roles
        return {name: role.get("rules") or [] for (place, name), role in found.items() if not place}

    def put(self, manifest: Manifest) -> None:
        self.fake.outside.put(manifest)

    def change(self, kind: Kind, place: str, name: str, edit: Callable[[Manifest], Any]) -> None:
        self.fake.outside.change(kind, name, place, edit)

    def remove(self, kind: Kind, place: str, name: str) -> None:
        self.fake.outside.remove(kind, name, place)

    def set_rules(self, role: str, rules: list[Any] | None) -> None:
        if rules is None:
            self.fake.outside.remove_role(role)
            return
        metadata = {"name": role}
        self.put({"kind": "ClusterRole", "metadata": metadata, "rules": copy.deepcopy(rules)})

    def terminate(self, place: str) -> None:
        self.fake.outside.terminate(place)

    def settle(self) -> None:
        self.fake.settle()


def users(binding: Manifest) -> tuple[str, ...]:
    """Return the users whom a RoleBinding names."""
    return tuple(
        subject["name"] for subject in binding.get("subjects") or [] if subject.get("kind") == "User"
    )


def bindings(objects: dict[_Key, Manifest], place: str = "") -> Iterable[Manifest]:
    """Return the RoleBindings of a namespace, or of all."""
    return [
        found
        for (kind, there, _name), found in objects.items()
        if kind == "RoleBinding" and place in ("", there)
    ]


def let_in(
    objects: dict[_Key, Manifest], roles: dict[str, list[Any]], place: str, user: str
) -> frozenset[str]:
    """Return the roles with which a user is let into a namespace: those of its bindings that hold any right.

    One that may do only a part of what it should is there with its rules as they are now: they are not judged here.
    """
    return frozenset(
        found["roleRef"]["name"]
        for found in bindings(objects, place)
        if user in users(found) and roles.get(found["roleRef"]["name"])
    )


def binding(
    place: str, name: str, user: str, role: str, *, ours: bool, annotations: dict[str, str]
) -> Manifest:
    """Return a RoleBinding as somebody writes it by hand; `ours`: with our label."""
    labels = {"app.kubernetes.io/managed-by": "berth"} if ours else {}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": place, "labels": labels, "annotations": annotations},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def namespace(name: str, labels: dict[str, str]) -> Manifest:
    """Return a namespace as somebody makes it by hand."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def is_there(objects: dict[_Key, Manifest], place: str) -> bool:
    """Whether a namespace exists and is not on its way out."""
    found = objects.get((NAMESPACE.name, "", place))
    return found is not None and "deletionTimestamp" not in found["metadata"]
