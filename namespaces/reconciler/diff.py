"""What differs between a namespace as decided and as observed: one pure function from values to a value.

Nothing here acts, so the same answer serves a pass, a preview and a dry run. Nothing is concluded from absence: a
binding is deleted only if it is ours by name and recorded uid *and* the rows explain why it is not wanted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from clusters.api import Kind, Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL, NAMESPACE_ID_LABEL
from clusters.roles import ROLES, cluster_role, is_binding_name
from namespaces.reconciler import quotas
from namespaces.reconciler.manifests import INSTALLATION, MEMBERSHIP, OPERATION, role_ref, subjects
from namespaces.reconciler.spec import BindingSpec, KnownBinding, NamespaceSpec

_OPERATION_LENGTH = 64  # a uuid has 36


class Obstacle(StrEnum):
    """Why nothing can be done in a namespace."""

    FOREIGN = "foreign"  # exists, and is not Berth's
    REPLACED = "replaced"  # ours was deleted, and another one has its name
    MISSING = "missing"  # ours was deleted
    TERMINATING = "terminating"  # being deleted
    UNLABELLED = "unlabelled"  # confirmed by an operator, and without the labels that our policies ask for


@dataclass(frozen=True)
class Observed:
    """What was seen: the namespace, or None after a positive answer that there is none, and *all* its bindings.

    `limits` holds all its quotas and ranges of limits by kind; a kind that is not there was not looked at.
    """

    namespace: Manifest | None
    bindings: Sequence[Manifest] = ()
    limits: Mapping[Kind, Sequence[Manifest]] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """Who wrote an object last beside Berth (the name of the program, or empty), and when, as the API server says."""

    by: str = ""
    at: str = ""


class Stray(StrEnum):
    """Why a binding in the cluster is not as decided, and left alone."""

    BESIDE = "beside"  # gives people rights, and is not Berth's
    ORPHAN = "orphan"  # says of itself that this Berth made it, which its rows know nothing of
    CONFLICT = "conflict"  # has the name of one that should be, and is not Berth's
    UNEXPLAINED = "unexplained"  # is Berth's, is not wanted, and nobody decided its end


@dataclass(frozen=True)
class Seen:
    """A binding in the cluster, by name and uid; what it says, who else wrote it, and the create of ours it names."""

    name: str
    uid: str
    role: str = field(default="", compare=False)
    users: tuple[str, ...] = field(default=(), compare=False)
    groups: tuple[str, ...] = field(default=(), compare=False)
    written: Written = field(default=Written(), compare=False)
    operation: str = field(default="", compare=False)


@dataclass(frozen=True)
class Foreign:
    """A binding that is left alone: its role, the users and the groups it names. `kind` says why it is told."""

    name: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    role: str = ""
    uid: str = ""
    written: Written = Written()
    kind: Stray = Stray.BESIDE

    @property
    def is_orphan(self) -> bool:
        """Whether it says of itself that this Berth made it, which its rows know nothing of."""
        return self.kind == Stray.ORPHAN


@dataclass(frozen=True)
class ForeignKeys:
    """What others wrote into our quota or range of limits: each key as `quotas.differences` has it."""

    kind: str
    uid: str
    keys: tuple[tuple[str, str, str, str], ...]
    written: Written = Written()


@dataclass(frozen=True)
class Drift:
    """The difference.

    `conflicts` have our name and are not ours; `unexplained` are ours, unwanted, and without a reason in the rows;
    `foreign` give people rights beside Berth. None of these three is ever touched, unless it is condemned: then it
    stands under `delete` or `replace`. `returned` names what was proved to be over, and whose user such a foreign
    binding lets in again. `asked` are changes of limits that are not made, because somebody is asked first.
    """

    obstacle: Obstacle | None = None
    create_namespace: bool = False
    correct: tuple[tuple[BindingSpec, Seen], ...] = ()
    create: tuple[BindingSpec, ...] = ()
    replace: tuple[tuple[BindingSpec, Seen], ...] = ()
    delete: tuple[Seen, ...] = ()
    conflicts: tuple[tuple[BindingSpec, Seen], ...] = ()
    unexplained: tuple[Seen, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    returned: tuple[str, ...] = ()
    limits: tuple[quotas.Change, ...] = ()
    asked: tuple[quotas.Change, ...] = ()

    @property
    def strays(self) -> tuple[Foreign, ...]:
        """Every binding that is not as decided and that is left alone, each once."""
        conflicts = [_as_foreign(seen, Stray.CONFLICT) for _binding, seen in self.conflicts]
        return (
            *self.foreign,
            *conflicts,
            *(_as_foreign(seen, Stray.UNEXPLAINED) for seen in self.unexplained),
        )

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
        return Drift(
            obstacle=obstacle,
            delete=_ended(spec, observed.bindings) if ending else (),
            returned=_returned(
                spec, (_foreign(spec, found) for found in _of_others(spec, observed.bindings))
            ),
        )
    if observed.namespace is None:
        limits, _asked = _limits(spec, dict.fromkeys(quotas.KINDS, ()))
        return Drift(create_namespace=True, create=spec.bindings, limits=limits)
    by_name = {binding["metadata"]["name"]: binding for binding in observed.bindings}
    names = {binding.name for binding in spec.bindings}
    unwanted = [binding for name, binding in sorted(by_name.items()) if name not in names]
    wanted = [(binding, by_name.get(binding.name)) for binding in spec.bindings]
    judged = [(binding, found, _verdict(spec, binding, found)) for binding, found in wanted]
    ours = [(found, known) for found in unwanted if (known := _our(spec, found)) is not None]
    others = _of_others(spec, unwanted)
    foreign = tuple(_foreign(spec, found) for found in others if not _is_condemned(spec, found))
    limits, asked = _limits(spec, observed.limits)
    return Drift(
        correct=tuple(
            (binding, as_seen(found)) for binding, found, verdict in judged if found and verdict == "correct"
        ),
        create=tuple(binding for binding, _found, verdict in judged if verdict == "create"),
        replace=tuple(
            (binding, as_seen(found)) for binding, found, verdict in judged if found and verdict == "replace"
        ),
        conflicts=tuple(
            (binding, as_seen(found)) for binding, found, verdict in judged if found and verdict == "conflict"
        ),
        delete=_ended(spec, unwanted),
        unexplained=tuple(
            as_seen(found)
            for found, known in ours
            # A role that only a newer version knows is explained by that.
            if known.role in ROLES and not known.revoked and not _is_condemned(spec, found)
        ),
        foreign=foreign,
        returned=_returned(spec, foreign),
        limits=limits,
        asked=asked,
    )


def _of_others(spec: NamespaceSpec, bindings: Sequence[Manifest]) -> list[Manifest]:
    """Return the bindings that somebody else made and that give people rights."""
    return [found for found in bindings if _our(spec, found) is None and _gives_people_rights(found)]


def _returned(spec: NamespaceSpec, foreign: Iterable[Foreign]) -> tuple[str, ...]:
    """Return what was proved to be over, of users whom somebody else lets in since."""
    let_in = {user for each in foreign for user in each.users}
    return tuple(
        name
        for name, known in spec.known.items()
        if known.revoked and known.proved and known.username in let_in
    )


def keys_of_others(spec: NamespaceSpec, seen: Mapping[Kind, Sequence[Manifest]]) -> tuple[ForeignKeys, ...]:
    """Return what others wrote into our quota and our range of limits and what is left alone there.

    Without being asked, Berth writes over the keys that were decided: then only those are told that nobody decided.
    """
    found = (
        (kind, each)
        for kind, items in seen.items()
        for each in items
        if quotas.is_ours(each) and each["metadata"]["name"] == quotas.NAMES[kind]
    )
    told = ((kind, each, tuple(_told(spec, kind, each))) for kind, each in found)
    return tuple(
        ForeignKeys(kind.name, each["metadata"]["uid"], keys, _written(each))
        for kind, each, keys in told
        if keys
    )


def _told(spec: NamespaceSpec, kind: Kind, found: Manifest) -> list[tuple[str, str, str, str]]:
    nobodys = set(quotas.unexplained(spec, kind, found))
    return [
        each for each in quotas.differences(spec, kind, found) if spec.limits_settled or each[:2] in nobodys
    ]


def _limits(
    spec: NamespaceSpec, seen: Mapping[Kind, Sequence[Manifest]]
) -> tuple[tuple[quotas.Change, ...], tuple[quotas.Change, ...]]:
    """Return the changes of limits that are to be made, and those about which somebody is asked first."""
    found = (quotas.change(spec, kind, items) for kind, items in seen.items())
    changes = [change for change in found if change is not None]
    asked = tuple(change for change in changes if quotas.is_asked(spec, change))
    return tuple(change for change in changes if change not in asked), asked


def _obstacle(spec: NamespaceSpec, namespace: Manifest | None) -> Obstacle | None:
    if namespace is None:
        return Obstacle.MISSING if spec.uid and spec.uid not in spec.confirmed else None
    metadata = namespace["metadata"]
    ours = (metadata.get("labels") or {}).get(NAMESPACE_ID_LABEL) == spec.namespace_id
    confirmed = metadata["uid"] in spec.confirmed
    if spec.uid and metadata["uid"] != spec.uid and not confirmed:
        return Obstacle.REPLACED
    if metadata.get("deletionTimestamp"):
        return Obstacle.TERMINATING  # whosever it is: the name will soon be free
    if not ours and metadata["uid"] != spec.uid:
        return Obstacle.UNLABELLED if confirmed else Obstacle.FOREIGN
    return None


def _verdict(
    spec: NamespaceSpec, binding: BindingSpec, found: Manifest | None
) -> Literal["correct", "create", "replace", "conflict"]:
    if found is None:
        return "create"
    if is_as_wanted(spec, binding, found):
        return "correct"
    return "replace" if _our(spec, found) is not None or _is_condemned(spec, found) else "conflict"


def _our(spec: NamespaceSpec, found: Manifest) -> KnownBinding | None:
    """Return what we know of the binding, if it is one that we made."""
    known = spec.known.get(found["metadata"]["name"])
    return known if known is not None and is_ours(found, known) else None


def _ended(spec: NamespaceSpec, bindings: Sequence[Manifest]) -> tuple[Seen, ...]:
    """Return the bindings that are ours and of which the rows say that they are over, and those that are condemned."""
    names = {binding.name for binding in spec.bindings}
    return tuple(
        as_seen(found)
        for found in bindings
        if found["metadata"]["name"] not in names
        if ((known := _our(spec, found)) is not None and known.revoked) or _is_condemned(spec, found)
    )


def _is_condemned(spec: NamespaceSpec, found: Manifest) -> bool:
    return found["metadata"]["uid"] in spec.condemned and is_in_our_reach(found)


def is_in_our_reach(found: Manifest) -> bool:
    """Whether our account may delete a binding at all: it has a name of ours and a member role (policy P1)."""
    reference = found.get("roleRef") or {}
    return is_member_binding(found["metadata"]["name"], f"{reference.get('kind')} {reference.get('name')}")


def is_member_binding(name: str, role: str) -> bool:
    """The same of a name and a role as `Foreign` and `Seen` have them: kind and name of the role."""
    return is_binding_name(name) and role in {role_text(each) for each in ROLES}


def role_text(role: str) -> str:
    """Return how `Seen` and `Foreign` write a member role."""
    return f"ClusterRole {cluster_role(role)}"


def gives_the_same(seen: Seen, binding: BindingSpec) -> bool:
    """Whether a binding in the cluster gives the right that was decided, whatever its labels and annotations say."""
    return (seen.role, seen.users, seen.groups) == (role_text(binding.role), (binding.username,), ())


def _gives_people_rights(found: Manifest) -> bool:
    return any(subject.get("kind") in ("User", "Group") for subject in found.get("subjects") or ())


def _foreign(spec: NamespaceSpec, found: Manifest) -> Foreign:
    metadata = found["metadata"]
    annotations = metadata.get("annotations") or {}
    is_orphan = annotations.get(INSTALLATION) == spec.installation_id and is_in_our_reach(found)
    return Foreign(
        _plain(metadata["name"]),
        _named(found, "User"),
        _named(found, "Group"),
        _role(found),
        metadata["uid"],
        _written(found),
        Stray.ORPHAN if is_orphan else Stray.BESIDE,
    )


def _as_foreign(seen: Seen, kind: Stray) -> Foreign:
    return Foreign(seen.name, seen.users, seen.groups, seen.role, seen.uid, seen.written, kind)


def _named(found: Manifest, kind: str) -> tuple[str, ...]:
    subjects = found.get("subjects") or ()
    return tuple(_plain(subject["name"]) for subject in subjects if subject.get("kind") == kind)


def _role(found: Manifest) -> str:
    reference = found.get("roleRef") or {}
    return _plain(f"{reference.get('kind', '')} {reference.get('name', '')}".strip())


def _plain(name: str) -> str:
    """Return a name as it can be stored, and shown on a page and in a terminal.

    The API server takes any character but / and % for bindings and roles, and any at all for users. What is changed
    here says so by a hash, so that nobody hides one name behind another.
    """
    shown = "".join(each if each.isprintable() else "\ufffd" for each in name)
    return name if shown == name else f"{shown} ({fingerprint(name)})"


def fingerprint(name: str) -> str:
    """Return what tells one name from all others, where it cannot be shown whole."""
    return hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:12]


def _written(found: Manifest) -> Written:
    """Return the latest of those who wrote the object beside us."""
    writers = found["metadata"].get("managedFields") or ()
    last: Manifest = max(writers, key=lambda each: str(each.get("time", "")), default={})
    made = found["metadata"].get("creationTimestamp", "")
    return Written(str(last.get("manager", "")), str(last.get("time") or made))


def is_ours(found: Manifest, known: KnownBinding) -> bool:
    """Whether a binding is one that we made: our name, and the uid that we recorded, or our label and the operation of
    a create to which nobody has seen the answer.

    A label alone proves nothing: a namespace admin can put it on, or take it off, so a stripped label does not disown
    what has our recorded uid. A copy of what was answered carries an operation that is closed.
    """
    metadata = found["metadata"]
    if known.uid and metadata["uid"] == known.uid:
        return True
    labelled = (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY
    return labelled and (metadata.get("annotations") or {}).get(OPERATION) in known.operations


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


def as_seen(found: Manifest) -> Seen:
    """Return what is remembered of a binding in the cluster."""
    metadata = found["metadata"]
    users, groups = _named(found, "User"), _named(found, "Group")
    # It is written down, and whoever copies a binding writes there what they like.
    operation = _plain((metadata.get("annotations") or {}).get(OPERATION, ""))[:_OPERATION_LENGTH]
    return Seen(metadata["name"], metadata["uid"], _role(found), users, groups, _written(found), operation)
