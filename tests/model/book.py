"""The model: what was decided, in dictionaries, and what follows from it for the cluster.

What follows is computed a second time here, naively: nothing of `desired_state` or `reconciler` is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

RANKS = {"viewer": 1, "editor": 2, "admin": 3}

# What a new namespace gets (the built-in profile), as it is written in a cluster.
QUOTA = {
    "requests.cpu": "20",
    "requests.memory": "80Gi",
    "limits.cpu": "40",
    "limits.memory": "160Gi",
    "requests.nvidia.com/gpu": "4",
    "pods": "100",
    "persistentvolumeclaims": "20",
    "requests.storage": "1Ti",
}
CONTAINER = {
    "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
    "default": {"cpu": "1", "memory": "2Gi"},
}


class Right(NamedTuple):
    """One RoleBinding: in this namespace, this user name, with this role, because of this membership."""

    place: str
    user: str
    role: str
    membership: str


@dataclass
class Person:
    """`subjects` are user names, each with whether the identity may still be used."""

    pk: UUID
    level: str
    is_active: bool = True
    subjects: dict[str, bool] = field(default_factory=dict)


@dataclass
class Place:
    """A namespace; `quota` and `container` are the limits that hold, by resource."""

    pk: UUID
    quota: dict[str, str]
    container: dict[str, dict[str, str]]


@dataclass
class Membership:
    pk: UUID
    place: str
    person: str
    role: str
    has_ended: bool = False


@dataclass
class Book:
    """Everything that was decided."""

    people: dict[str, Person] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    memberships: list[Membership] = field(default_factory=list)
    requests: dict[UUID, tuple[str, str, str]] = field(default_factory=dict)

    def rights(self) -> frozenset[Right]:
        """Return what must be in the cluster: for each member who counts, one binding for each user name."""
        found = set()
        for member in self.memberships:
            person = self.people[member.person]
            if member.has_ended or not person.is_active or person.level == "guest":
                continue
            for user, is_usable in person.subjects.items():
                if is_usable:
                    found.add(Right(member.place, user, member.role, str(member.pk)))
        return frozenset(found)

    def member(self, place: str, person: str) -> Membership | None:
        """Return the current membership."""
        for member in self.memberships:
            if (member.place, member.person, member.has_ended) == (place, person, False):
                return member
        return None

    def request(self, place: str, person: str) -> UUID | None:
        """Return the pending request of a person."""
        for pk, (there, who, _role) in self.requests.items():
            if (there, who) == (place, person):
                return pk
        return None

    def user(self, person: str) -> str:
        """Return the first user name of a person."""
        return next(iter(self.people[person].subjects))


def says(binding: dict[str, Any]) -> Right | None:
    """Return the right that a RoleBinding of the cluster stands for, if it says all that one of ours must say."""
    metadata = binding["metadata"]
    reference, subjects = binding["roleRef"], binding.get("subjects") or []
    kind, _, role = reference["name"].partition(":")
    if (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") != "berth":
        return None
    if (reference["kind"], kind) != ("ClusterRole", "berth") or role not in RANKS:
        return None
    if len(subjects) != 1 or subjects[0]["kind"] != "User":
        return None
    membership = (metadata.get("annotations") or {}).get("berth.internal/membership", "")
    return Right(metadata["namespace"], subjects[0]["name"], role, membership)


def number(quantity: str) -> float:
    """Return the value of a quantity of the few spellings that occur here."""
    for suffix, factor in {"m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}.items():
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)
