"""What a cluster has beside the decisions: access that others gave. Storing what was seen, and asking for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Identity
from namespaces.models import Grant, Namespace, NamespaceStatus, SeenBinding
from namespaces.reconciler.diff import Foreign, Written

_STATES = NamespaceStatus.State


def store(seen: Mapping[UUID, Sequence[Foreign]]) -> None:
    """Store the bindings beside Berth that were seen; `seen` holds *all* of each of these namespaces."""
    known: dict[UUID, dict[str, SeenBinding]] = defaultdict(dict)
    for row in SeenBinding.objects.filter(namespace__in=seen):
        known[row.namespace_id][row.name] = row
    for namespace_id, found in seen.items():
        now = {foreign.name: foreign for foreign in found}
        gone = [row.pk for name, row in known[namespace_id].items() if now.get(name) != _as_foreign(row)]
        SeenBinding.objects.filter(pk__in=gone).delete()
        SeenBinding.objects.bulk_create(
            SeenBinding(
                namespace_id=namespace_id,
                name=name[:253],
                role=foreign.role[:300],
                users=list(foreign.users),
                groups=list(foreign.groups),
                uid=foreign.uid,
                written_by=foreign.written.by[:128],
                written_at=foreign.written.at[:40],
                is_orphan=foreign.is_orphan,
            )
            for name, foreign in now.items()
            if name not in known[namespace_id] or _as_foreign(known[namespace_id][name]) != foreign
        )


@dataclass(frozen=True)
class Beside:
    """A binding beside Berth, with the people whom Berth knows by the user names in it."""

    binding: SeenBinding
    people: tuple[tuple[str, str], ...]
    """User name, and the name of the person, empty if nobody is known by it."""


def beside(namespaces: Iterable[Namespace] | None = None) -> list[Beside]:
    """Return the bindings beside Berth in these namespaces, or in all."""
    rows = SeenBinding.objects.select_related("namespace__cluster")
    found = list(rows if namespaces is None else rows.filter(namespace__in=namespaces))
    names = _people({user for row in found for user in row.users})
    return [Beside(row, tuple((user, names.get(user, "")) for user in row.users)) for row in found]


def in_trouble() -> QuerySet[NamespaceStatus]:
    """Return the namespaces that are not as decided and that waiting does not mend, the latest change first."""
    wrong = (_STATES.CONFLICT, _STATES.DEGRADED, _STATES.MISSING)
    return (
        NamespaceStatus.objects.filter(Q(state__in=wrong) | Q(error_code="residual"))
        .select_related("namespace__cluster")
        .order_by("-namespace__changed_at")
    )


def residual(namespaces: Iterable[Namespace] | None = None) -> QuerySet[Grant]:
    """Return the rights that are over and that somebody else still gives."""
    grants = Grant.objects.filter(state=Grant.State.REVOKING, binding_uid="").exclude(error_message="")
    found = grants if namespaces is None else grants.filter(namespace__in=namespaces)
    return found.select_related("identity__person", "namespace__cluster").order_by("namespace__name", "since")


def _as_foreign(row: SeenBinding) -> Foreign:
    return Foreign(
        row.name,
        tuple(row.users),
        tuple(row.groups),
        row.role,
        row.uid,
        Written(row.written_by, row.written_at),
        row.is_orphan,
    )


def _people(users: set[str]) -> dict[str, str]:
    known = Grant.objects.filter(username__in=users).values_list("username", "identity__person__name")
    by_subject = Identity.objects.filter(subject__in=users).values_list("subject", "person__name")
    return dict(by_subject) | dict(known)
