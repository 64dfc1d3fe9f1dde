"""What a cluster has beside the decisions: storing what was seen, and asking for it, each thing once.

A line is open until somebody decided about it. Left alone is what a row says as it was then: what changes in the
cluster is a new row, and comes back, as it does after the last day of the decision.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Identity, User
from audit.models import Event
from clusters.registry import configured_clusters
from namespaces.models import DriftDecision, Grant, Namespace, NamespaceStatus, SeenBinding, SeenKeys
from namespaces.reconciler.diff import (
    Foreign,
    ForeignKeys,
    Stray,
    Written,
    fingerprint,
    is_member_binding,
)
from namespaces.reconciler.manifests import namespace_labels

MOST_LINES = 200
"""As many lines of one kind a page shows at most."""
REPAIRS_AGE = timedelta(days=30)
_REPAIRS = ("binding.repaired", "binding.pruned")

_STATES = NamespaceStatus.State
_ACTS = DriftDecision.Act
CONFIRMABLE = ("replaced", "missing", "unlabelled")
"""Why a namespace waits for an operator's word, as the codes of its status."""


def store(seen: Mapping[UUID, Sequence[Foreign]]) -> None:
    """Store the bindings that are left alone; `seen` holds *all* of each of these namespaces."""
    known: dict[UUID, dict[str, SeenBinding]] = defaultdict(dict)
    for row in SeenBinding.objects.filter(namespace__in=seen):
        known[row.namespace_id][row.name] = row
    gone: list[int] = []
    new: list[SeenBinding] = []
    for namespace_id, found in seen.items():
        rows, now = known[namespace_id], {each.name: each for each in map(_fitting, found)}
        same = {name for name, row in rows.items() if now.get(name) == _as_foreign(row)}
        gone += [row.pk for name, row in rows.items() if name not in same]
        new += [_as_row(namespace_id, each) for name, each in now.items() if name not in same]
    if gone:
        SeenBinding.objects.filter(pk__in=gone).delete()
    SeenBinding.objects.bulk_create(new, batch_size=500)


def store_keys(seen: Mapping[UUID, Sequence[ForeignKeys]]) -> None:
    """Store what others wrote into our limits; `seen` holds *all* of it in each of these namespaces."""
    known: dict[UUID, dict[str, SeenKeys]] = defaultdict(dict)
    for row in SeenKeys.objects.filter(namespace__in=seen):
        known[row.namespace_id][row.kind] = row
    gone: list[int] = []
    new: list[SeenKeys] = []
    for namespace_id, found in seen.items():
        rows, now = known[namespace_id], {each.kind: each for each in found}
        same = {kind for kind, row in rows.items() if now.get(kind) == _as_keys(row)}
        gone += [row.pk for kind, row in rows.items() if kind not in same]
        new += [_as_keys_row(namespace_id, each) for kind, each in now.items() if kind not in same]
    if gone:
        SeenKeys.objects.filter(pk__in=gone).delete()
    SeenKeys.objects.bulk_create(new, batch_size=500)


@dataclass(frozen=True)
class Line:
    """A binding that is not as decided. `people` are its user names, each with whom Berth knows by it, if anybody."""

    binding: SeenBinding
    people: tuple[tuple[str, str], ...]
    left: DriftDecision | None = None

    @property
    def kind(self) -> SeenBinding.Kind:
        return SeenBinding.Kind(self.binding.kind)

    @property
    def written_at(self) -> datetime | None:
        return _moment(self.binding.written_at)

    @property
    def is_in_reach(self) -> bool:
        """Whether Berth's account may delete it."""
        return is_member_binding(self.binding.name, self.binding.role)

    @property
    def is_adoptable(self) -> bool:
        """Whether it names one person whom Berth knows, and nobody else."""
        return len(self.people) == 1 and bool(self.people[0][1]) and not self.binding.groups

    @property
    def command(self) -> str:
        """How somebody with the rights for it deletes the binding by hand."""
        name = shlex.quote(self.binding.name)  # whoever made it chose it
        return f"kubectl delete rolebinding {name} --namespace {self.binding.namespace.name}"


@dataclass(frozen=True)
class KeysLine:
    """What others wrote into one of our two objects."""

    row: SeenKeys

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """Each key by its name, with what was decided and what is there."""
        return [
            (f"{section} {resource}".strip(), decided, found)
            for section, resource, decided, found in self.row.keys
        ]

    @property
    def written_at(self) -> datetime | None:
        return _moment(self.row.written_at)


@dataclass(frozen=True)
class Trouble:
    """A namespace that is not as decided and that waiting does not mend, and who said that Berth may go on there."""

    status: NamespaceStatus
    confirmed: DriftDecision | None

    @property
    def is_to_confirm(self) -> bool:
        return self.status.error_code in CONFIRMABLE and self.confirmed is None

    @property
    def labels_command(self) -> str:
        """How somebody with the rights for it gives the namespace the labels without which Berth may not work in it."""
        return label_command(self.status.namespace) if self.status.error_code != "missing" else ""


@dataclass(frozen=True)
class Repair:
    """A binding that was made right by itself: in which namespace, what was found, who had changed it.

    `is_pruned`: it was ours, nothing explained it, and it was let go.
    """

    at: datetime
    namespace: Namespace
    binding: str
    found: str
    written_by: str
    is_pruned: bool


def of(namespace: Namespace) -> list[Line]:
    """Return every binding of a namespace that is not as decided, also what is left alone: rights are always told."""
    rows = list(
        SeenBinding.objects.filter(namespace=namespace).select_related("namespace__cluster")[:MOST_LINES]
    )
    left = {(each.name, each.uid): each for each in _left().filter(namespace=namespace)}
    return [_line(row, names, left.get((row.name, row.uid))) for names in [_people(rows)] for row in rows]


def open_bindings() -> list[Line]:
    """Return the bindings of all namespaces about which nothing was decided, one more than a page shows at most."""
    rows = list(
        SeenBinding.objects.filter(~_is_decided(DriftDecision.Kind.ROLE_BINDING))
        .select_related("namespace__cluster")
        .order_by("namespace__name", "name")[: MOST_LINES + 1]
    )
    names = _people(rows)
    return [_line(row, names, None) for row in rows]


def line(row: SeenBinding) -> Line:
    """Return one binding as a line."""
    return _line(row, _people([row]), None)


def open_keys() -> list[KeysLine]:
    """Return what others wrote into our limits and about which nothing was decided."""
    rows = SeenKeys.objects.filter(~_is_decided(DriftDecision.Kind.LIMITS)).select_related(
        "namespace__cluster"
    )
    return [KeysLine(row) for row in rows[: MOST_LINES + 1]]


def decided() -> QuerySet[DriftDecision]:
    """Return what is left alone now, and what is to go and is still there."""
    return (
        (_left() | _reverts())
        .select_related("namespace__cluster", "decided_by")
        .order_by("until", "namespace__name", "name")[: MOST_LINES + 1]
    )


def in_trouble() -> list[Trouble]:
    """Return the namespaces that are not as decided and that waiting does not mend, the latest change first.

    What a line says already is left out: a person who is still let in, a binding that is in the way.
    """
    wrong = (_STATES.CONFLICT, _STATES.DEGRADED, _STATES.MISSING)
    told = SeenBinding.objects.filter(namespace=OuterRef("pk"), kind=SeenBinding.Kind.CONFLICT)
    found = (
        NamespaceStatus.objects.filter(state__in=wrong)
        .exclude(Exists(told) & Q(error_code="conflict", error_message__startswith="A RoleBinding "))
        .select_related("namespace__cluster")
        .order_by("-namespace__changed_at")[: MOST_LINES + 1]
    )
    confirmed = {
        (each.namespace_id, each.uid): each
        for each in DriftDecision.objects.filter(act=_ACTS.CONFIRM, ended_at__isnull=True).select_related(
            "decided_by"
        )
    }
    return [Trouble(each, confirmed.get((each.namespace_id, uid_to_confirm(each)))) for each in found]


def uid_to_confirm(status: NamespaceStatus) -> str:
    """Return which namespace is meant by an operator's word: the one that is there, or the one that is gone."""
    return status.cluster_uid if status.error_code == "missing" else status.seen_uid


def residual(namespaces: Iterable[Namespace] | None = None) -> QuerySet[Grant]:
    """Return the rights that are over and that somebody else still gives."""
    grants = Grant.objects.filter(state=Grant.State.REVOKING, binding_uid="").exclude(error_message="")
    found = grants if namespaces is None else grants.filter(namespace__in=namespaces)
    return found.select_related("identity__person", "namespace__cluster").order_by("namespace__name", "since")


def repaired() -> list[Repair]:
    """Return what was made right by itself in the last days, the latest first."""
    recent = Event.objects.filter(act__in=_REPAIRS, at__gte=timezone.now() - REPAIRS_AGE)
    events = list(recent.order_by("-id")[: MOST_LINES + 1])
    ids = {event.namespace_id for event in events}
    namespaces = {
        str(each.pk): each for each in Namespace.objects.filter(pk__in=ids).select_related("cluster")
    }
    return [
        Repair(
            event.at,
            namespaces[event.namespace_id],
            str(event.before.get("binding") or event.object_text),
            str(event.before.get("found", "")),
            str(event.before.get("written_by", "")),
            is_pruned=event.act != "binding.repaired",
        )
        for event in events
        if event.namespace_id in namespaces
    ]


def person_of(row: SeenBinding) -> User | None:
    """Return the person whom a binding names alone, if Berth knows them by an identity that is in use."""
    config = configured_clusters().get(row.namespace.cluster.name)
    if config is None or len(row.users) != 1 or row.groups:
        return None
    name = row.users[0]
    subjects = {name.removeprefix(trust.prefix) for trust in config.issuers}
    found = Identity.objects.filter(subject__in=subjects, state=Identity.State.ACTIVE).select_related(
        "person"
    )
    return next((each.person for each in found if config.username(each.issuer, each.subject) == name), None)


def label_command(namespace: Namespace) -> str:
    """Return the command that gives a namespace the labels that Berth gives those which it makes."""
    labels = " ".join(f"{key}={value}" for key, value in namespace_labels(str(namespace.pk)).items())
    return f"kubectl label --overwrite namespace {namespace.name} {labels}"


def _is_decided(kind: DriftDecision.Kind) -> Exists:
    """Whether somebody decided about a row: that this object may go, or that it may stay as it was seen then."""
    stays = Q(act=_ACTS.LEAVE, until__gte=timezone.localdate(), decided_at__gte=OuterRef("since"))
    current = DriftDecision.objects.filter(kind=kind, ended_at__isnull=True)
    return Exists(
        current.filter(stays | Q(act=_ACTS.REVERT), namespace=OuterRef("namespace"), uid=OuterRef("uid"))
    )


def _left() -> QuerySet[DriftDecision]:
    rows = {"namespace": OuterRef("namespace"), "uid": OuterRef("uid"), "since__lte": OuterRef("decided_at")}
    seen = Exists(SeenBinding.objects.filter(**rows)) | Exists(SeenKeys.objects.filter(**rows))
    current = DriftDecision.objects.filter(ended_at__isnull=True, until__gte=timezone.localdate())
    return current.filter(seen, act=_ACTS.LEAVE)


def _reverts() -> QuerySet[DriftDecision]:
    seen = SeenBinding.objects.filter(namespace=OuterRef("namespace"), uid=OuterRef("uid"))
    return DriftDecision.objects.filter(Exists(seen), act=_ACTS.REVERT, ended_at__isnull=True)


def _line(row: SeenBinding, names: Mapping[str, str], left: DriftDecision | None) -> Line:
    return Line(row, tuple((user, names.get(user, "")) for user in row.users), left)


def _people(rows: Sequence[SeenBinding]) -> dict[str, str]:
    users = {user for row in rows for user in row.users}
    known = Grant.objects.filter(username__in=users).values_list("username", "identity__person__name")
    by_subject = Identity.objects.filter(subject__in=users).values_list("subject", "person__name")
    return dict(by_subject) | dict(known)


def _moment(text: str) -> datetime | None:
    """Return the moment that an API server wrote; None for what is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and timezone.is_aware(found) else None


def _fitting(foreign: Foreign) -> Foreign:
    """Return a binding with names that our columns hold: those of bindings and roles may be of any length."""
    return replace(foreign, name=_cut(foreign.name, 253), role=_cut(foreign.role, 300))


def _cut(name: str, most: int) -> str:
    mark = f"… ({fingerprint(name)})"
    return name if len(name) <= most else name[: most - len(mark)] + mark


def _as_row(namespace_id: UUID, foreign: Foreign) -> SeenBinding:
    return SeenBinding(
        namespace_id=namespace_id,
        kind=SeenBinding.Kind(foreign.kind),
        name=foreign.name,
        role=foreign.role,
        users=list(foreign.users),
        groups=list(foreign.groups),
        uid=foreign.uid,
        written_by=foreign.written.by[:128],
        written_at=foreign.written.at[:40],
    )


def _as_foreign(row: SeenBinding) -> Foreign:
    return Foreign(
        row.name,
        tuple(row.users),
        tuple(row.groups),
        row.role,
        row.uid,
        Written(row.written_by, row.written_at),
        Stray(row.kind),
    )


def _as_keys_row(namespace_id: UUID, found: ForeignKeys) -> SeenKeys:
    values: dict[str, Any] = {"kind": found.kind, "uid": found.uid, "keys": [list(key) for key in found.keys]}
    written = found.written
    return SeenKeys(
        namespace_id=namespace_id, written_by=written.by[:128], written_at=written.at[:40], **values
    )


def _as_keys(row: SeenKeys) -> ForeignKeys:
    keys = tuple(tuple(key) for key in row.keys)
    return ForeignKeys(row.kind, row.uid, keys, Written(row.written_by, row.written_at))
