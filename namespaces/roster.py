"""Who is and who was in a namespace, with how their access stands: the rows of the people tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Identity, User
from namespaces import access, standing
from namespaces.models import Membership, Namespace
from namespaces.standing import Standing

RECENTLY = timedelta(days=7)
UNDO_WITHIN = timedelta(days=1)
"""How long a removal, or a decision, can be taken back."""


@dataclass(frozen=True)
class Row:
    """A membership, current or ended, and how the person's access stands."""

    membership: Membership
    standing: Standing
    institutions: tuple[str, ...] = ()
    """Of each of their identities, where they have more than one: admins see who works with several logins."""

    can_be_restored: bool = False
    """Whether they were removed a short while ago, so that it can be undone."""

    @property
    def person(self) -> User:
        return self.membership.person


@dataclass(frozen=True)
class Roster:
    """The people of a namespace: those in it, and those whose membership ended not long ago or not yet provably."""

    current: list[Row]
    former: list[Row]

    @property
    def is_final(self) -> bool:
        """Whether no row will change by itself soon."""
        return all(row.standing.is_final for row in (*self.current, *self.former))


def memberships_of(person: User) -> QuerySet[Membership]:
    """Return where a person is a member now, by the name of the namespace."""
    current = Membership.objects.current().filter(person=person)
    return current.select_related("namespace__cluster").order_by("namespace__name")


def of(namespace: Namespace, *, now: datetime) -> Roster:
    """Return the people of a namespace, in a constant number of queries: admins first, then by name."""
    stands = standing.of_members(namespace)
    several = _several_identities(namespace)
    memberships = (
        Membership.objects.filter(namespace=namespace)
        .select_related("person", "added_by")
        .order_by("created_at")
    )
    newest = {membership.person_id: membership for membership in memberships}
    rows = [
        Row(
            membership,
            stands[person_id],
            several.get(person_id, ()),
            can_be_restored=_was_removed(membership, now),
        )
        for person_id, membership in newest.items()
        if person_id in stands
    ]
    former = [
        row
        for row in rows
        if row.membership.ended_at and (now - row.membership.ended_at < RECENTLY or not row.standing.is_final)
    ]
    return Roster(
        current=sorted((row for row in rows if not row.membership.ended_at), key=_place),
        former=sorted(former, key=lambda row: row.membership.ended_at or now, reverse=True),
    )


def _was_removed(membership: Membership, now: datetime) -> bool:
    """Whether a removal can be undone, by the clock of this process; the action judges it by that of the database."""
    by_another = membership.ended_by_id not in (None, membership.person_id)
    return bool(by_another and membership.ended_at and now - membership.ended_at < UNDO_WITHIN)


def _several_identities(namespace: Namespace) -> dict[UUID, tuple[str, ...]]:
    """Return what each active identity of a member belongs to, oldest first, for members who have more than one."""
    members = Membership.objects.current().filter(namespace=namespace)
    active = Identity.objects.filter(state=Identity.State.ACTIVE, person__in=members.values("person"))
    found: dict[UUID, tuple[str, ...]] = {}
    for identity in active.order_by("created_at", "pk"):
        found[identity.person_id] = (
            *found.get(identity.person_id, ()),
            identity.institution or identity.issuer,
        )
    return {person: institutions for person, institutions in found.items() if len(institutions) > 1}


def _place(row: Row) -> tuple[int, str]:
    return -access.rank(row.membership.role), row.person.name.casefold()
