"""A difference between a namespace as decided and its cluster, as a line for people: what a pass would do, and what it
leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from namespaces.reconciler.diff import Drift, Foreign
from namespaces.reconciler.quotas import Act
from namespaces.reconciler.reconcile import obstacle_words

_SIGNS = {Act.CREATE: "+", Act.REPLACE: "~", Act.DELETE: "-", Act.CONFLICT: "!"}


@dataclass(frozen=True)
class Difference:
    """One line: + made, - deleted, ~ replaced, ! in the way or beside Berth, ? without a reason in the rows.

    `name` and `uid` are those of the binding in the cluster that it is about, if it is about one.
    """

    sign: str
    text: str
    name: str = ""
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"


def effects(drift: Drift, name: str) -> Iterator[Difference]:
    """Yield what a pass over the namespace `name` would do, in its order."""
    for seen in drift.delete:
        yield Difference("-", f"RoleBinding {seen.name}", seen.name, seen.uid)
    if drift.create_namespace:
        yield Difference("+", f"Namespace {name}")
    for binding, seen in drift.replace:
        text = f"RoleBinding {binding.name}: {binding.role} for {binding.username}"
        yield Difference("~", text, seen.name, seen.uid)
    for binding in drift.create:
        yield Difference("+", f"RoleBinding {binding.name}: {binding.role} for {binding.username}")
    for change in drift.limits:
        yield Difference(_SIGNS[change.act], f"{change.kind.name} {change.manifest['metadata']['name']}")


def left_alone(drift: Drift, name: str) -> Iterator[Difference]:
    """Yield what a pass leaves as it is, and what keeps it from working."""
    if drift.obstacle is not None:
        yield Difference("!", obstacle_words(drift.obstacle, name))
    for binding, seen in drift.conflicts:
        text = (
            f"RoleBinding {seen.name} is there that Berth did not make; {binding.username} waits for its name"
        )
        yield Difference("!", text, seen.name, seen.uid)
    for change in drift.asked:
        name_of_ours = change.manifest["metadata"]["name"]
        yield Difference(
            "!", f"{change.kind.name} {name_of_ours} was changed by others; /drift/ asks about it"
        )
    for seen in drift.unexplained:
        text = f"RoleBinding {seen.name} is Berth's, and nobody decided its end"
        yield Difference("?", text, seen.name, seen.uid)
    for foreign in drift.foreign:
        yield _beside(foreign)


def _beside(foreign: Foreign) -> Difference:
    whom = ", ".join(foreign.users) or "a group"
    if foreign.is_orphan:
        text = f"RoleBinding {foreign.name} for {whom} says that this Berth made it, and no row knows of it"
        return Difference("?", text, foreign.name, foreign.uid)
    text = f"RoleBinding {foreign.name} gives rights beside Berth to {whom}; it is left alone"
    return Difference("!", text, foreign.name, foreign.uid)
