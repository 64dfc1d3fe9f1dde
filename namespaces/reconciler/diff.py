"""What differs between a namespace as decided and as observed: one pure function from values to a value.

Nothing here acts, so the same answer serves a pass, a preview and a dry run. Nothing is concluded from absence: a
binding is deleted only if it is ours by name and recorded uid *and* the rows explain why it is not wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from clusters.api import Kind, Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL, NAMESPACE_ID_LABEL
from namespaces.reconciler import quotas
from namespaces.reconciler.manifests import INSTALLATION, MEMBERSHIP, OPERATION, role_ref, subjects
from namespaces.reconciler.spec import BindingSpec, KnownBinding, NamespaceSpec


class Obstacle(StrEnum):
    """Why nothing can be done in a namespace."""

    FOREIGN = "foreign"  # exists, and is not Berth's
    REPLACED = "replaced"  # ours was deleted, and another one has its name
    MISSING = "missing"  # ours was deleted
    TERMINATING = "terminating"  # being deleted


@dataclass(frozen=True)
class Observed:
    """What was seen: the namespace, or None after a positive answer that there is none, and *all* its bindings.

    `limits` holds all its quotas and ranges of limits by kind; a kind that is not there was not looked at.
    """

    namespace: Manifest | None
    bindings: Sequence[Manifest] = ()
    limits: Mapping[Kind, Sequence[Manifest]] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A binding in the cluster, by name and uid."""

    name: str
    uid: str


@dataclass(frozen=True)
class Foreign:
    """A binding that gives people rights and that Berth did not make: its role, the users and the groups it names."""

    name: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    role: str = ""


@dataclass(frozen=True)
class Drift:
    """The difference.

    `conflicts` have our name and are not ours; `unexplained` are ours, unwanted, and without a reason in the rows;
    `foreign` give people rights beside Berth. None of these three is ever touched. `returned` names what was proved to
    be over, and whose user such a foreign binding lets in again.
    """

    obstacle: Obstacle | None = None
    create_namespace: bool = False
    correct: tuple[tuple[BindingSpec, Seen], ...] = ()
    create: tuple[BindingSpec, ...] = ()
    replace: tuple[tuple[BindingSpec, Seen], ...] = ()
    delete: tuple[Seen, ...] = ()
    conflicts: tuple[BindingSpec, ...] = ()
    unexplained: tuple[Seen, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    returned: tuple[str, ...] = ()
    limits: tuple[quotas.Change, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the cluster is as decided, as far as Berth would act."""
        acts = (self.create, self.replace, self.delete, self.conflicts, self.limits, self.returned)
        return self.obstacle is None and not self.create_namespace and not any(acts)


def compare(spec: NamespaceSpec, observed: Observed) -> Drift:
    """Return the difference between what should be and what was seen."""
    obstacle = _obstacle(spec, observed.namespace)
    if obstacle is not None:
        # A namespace may be on its way out for hours: whoever was removed from it does not wait for that.
        ending = obstacle == Obstacle.TERMINATING
        return Drift(obstacle=obstacle, delete=_ended(spec, observed.bindings) if ending else ())
    if observed.namespace is None:
        limits = _limits(spec, dict.fromkeys(quotas.KINDS, ()))
        return Drift(create_namespace=True, create=spec.bindings, limits=limits)
    by_name = {binding["metadata"]["name"]: binding for binding in observed.bindings}
    names = {binding.name for binding in spec.bindings}
    unwanted = [binding for name, binding in sorted(by_name.items()) if name not in names]
    wanted = [(binding, by_name.get(binding.name)) for binding in spec.bindings]
    judged = [(binding, found, _verdict(spec, binding, found)) for binding, found in wanted]
    ours = [(found, known) for found in unwanted if (known := _our(spec, found)) is not None]
    foreign = tuple(
        _foreign(found) for found in unwanted if _our(spec, found) is None and _gives_people_rights(found)
    )
    let_in = {user for each in foreign for user in each.users}
    return Drift(
        correct=tuple(
            (binding, _seen(found)) for binding, found, verdict in judged if found and verdict == "correct"
        ),
        create=tuple(binding for binding, _found, verdict in judged if verdict == "create"),
        replace=tuple(
            (binding, _seen(found)) for binding, found, verdict in judged if found and verdict == "replace"
        ),
        conflicts=tuple(binding for binding, _found, verdict in judged if verdict == "conflict"),
        delete=_ended(spec, unwanted),
        unexplained=tuple(_seen(found) for found, known in ours if not known.revoked),
        foreign=foreign,
        returned=tuple(
            name
            for name, known in spec.known.items()
            if known.revoked and known.proved and known.username in let_in
        ),
        limits=_limits(spec, observed.limits),
    )


def _limits(spec: NamespaceSpec, seen: Mapping[Kind, Sequence[Manifest]]) -> tuple[quotas.Change, ...]:
    changes = (quotas.change(spec, kind, found) for kind, found in seen.items())
    return tuple(change for change in changes if change is not None)


def _obstacle(spec: NamespaceSpec, namespace: Manifest | None) -> Obstacle | None:
    if namespace is None:
        return Obstacle.MISSING if spec.uid else None
    metadata = namespace["metadata"]
    ours = (metadata.get("labels") or {}).get(NAMESPACE_ID_LABEL) == spec.namespace_id
    if spec.uid and metadata["uid"] != spec.uid:
        return Obstacle.REPLACED
    if metadata.get("deletionTimestamp"):
        return Obstacle.TERMINATING  # whosever it is: the name will soon be free
    if not spec.uid and not ours:
        return Obstacle.FOREIGN
    return None


def _verdict(
    spec: NamespaceSpec, binding: BindingSpec, found: Manifest | None
) -> Literal["correct", "create", "replace", "conflict"]:
    if found is None:
        return "create"
    if is_as_wanted(spec, binding, found):
        return "correct"
    return "conflict" if _our(spec, found) is None else "replace"


def _our(spec: NamespaceSpec, found: Manifest) -> KnownBinding | None:
    """Return what we know of the binding, if it is one that we made."""
    known = spec.known.get(found["metadata"]["name"])
    return known if known is not None and is_ours(found, known) else None


def _ended(spec: NamespaceSpec, bindings: Sequence[Manifest]) -> tuple[Seen, ...]:
    """Return the bindings that are ours and of which the rows say that they are over."""
    names = {binding.name for binding in spec.bindings}
    return tuple(
        _seen(found)
        for found in bindings
        if (known := _our(spec, found)) is not None
        and known.revoked
        and found["metadata"]["name"] not in names
    )


def _gives_people_rights(found: Manifest) -> bool:
    return any(subject.get("kind") in ("User", "Group") for subject in found.get("subjects") or ())


def _foreign(found: Manifest) -> Foreign:
    def named(kind: str) -> tuple[str, ...]:
        return tuple(
            subject["name"] for subject in found.get("subjects") or () if subject.get("kind") == kind
        )

    reference = found.get("roleRef") or {}
    role = f"{reference.get('kind', '')} {reference.get('name', '')}".strip()
    return Foreign(found["metadata"]["name"], named("User"), named("Group"), role)


def is_ours(found: Manifest, known: KnownBinding) -> bool:
    """Whether a binding is one that we made: our name and label, and the uid or the operation that we recorded.

    A label alone proves nothing: a namespace admin can put it on, or take it off, so a stripped label does not disown
    what has our recorded uid.
    """
    metadata = found["metadata"]
    if known.uid:
        return bool(metadata["uid"] == known.uid)
    labelled = (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY
    operation = (metadata.get("annotations") or {}).get(OPERATION)
    return labelled and bool(known.operation) and operation == known.operation


def is_as_wanted(spec: NamespaceSpec, binding: BindingSpec, found: Manifest) -> bool:
    """Whether a binding in the cluster says what was decided, and of which membership."""
    metadata = found["metadata"]
    annotations = metadata.get("annotations") or {}
    return (
        found.get("roleRef") == role_ref(binding)
        and found.get("subjects") == subjects(binding)
        and (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY
        and annotations.get(MEMBERSHIP) == binding.membership_id
        and annotations.get(INSTALLATION) == spec.installation_id
    )


def _seen(found: Manifest) -> Seen:
    return Seen(found["metadata"]["name"], found["metadata"]["uid"])
