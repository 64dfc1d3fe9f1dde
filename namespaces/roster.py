"""Who is and who was in a namespace, with how their access stands: the rows of the people tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Concat, Lower

from accounts.models import Identity, User
from namespaces import standing
from namespaces.access import Role
from namespaces.models import Grant, Membership, Namespace
from namespaces.standing import Standing

RECENTLY = timedelta(days=7)
FORMER_SHOWN = 50
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
    """People of a namespace: some of those in it, and those whose membership ended not long ago or not yet provably.

    `former_beside` is how many more of these there are than are shown.
    """

    current: list[Row]
    former: list[Row]
    former_beside: int = 0

    @property
    def is_final(self) -> bool:
        """Whether no row will change by itself soon."""
        return all(row.standing.is_final for row in (*self.current, *self.former))


def memberships_of(person: User) -> QuerySet[Membership]:
    """Return where a person is a member now, by the name of the namespace."""
    current = Membership.objects.current().filter(person=person)
    return current.select_related("namespace__cluster").order_by("namespace__name")


def members(namespace: Namespace) -> QuerySet[Membership]:
    """Return who is in a namespace; sorted by `place`, admins come first, and all by name."""
    ranks = [When(role=role, then=Value(str(rank))) for rank, role in enumerate(reversed(Role.values))]
    place = Concat(Case(*ranks, default=Value("9")), Lower("person__name"), output_field=TextField())
    current = Membership.objects.current().filter(namespace=namespace).annotate(place=place)
    return current.select_related("person", "added_by").order_by("place", "pk")


def of(
    namespace: Namespace,
    current: Sequence[Membership],
    *,
    with_former: bool = True,
    who: str = "",
    now: datetime,
) -> Roster:
    """Return the rows of these members, and of former ones whose name has `who` in it, in a constant number of
    queries."""
    left = _former(namespace, now).filter(person__name__icontains=who)
    former = list(left[: FORMER_SHOWN + 1]) if with_former else []
    beside = left.count() - FORMER_SHOWN if len(former) > FORMER_SHOWN else 0
    former = former[:FORMER_SHOWN]
    people = {membership.person_id for membership in (*current, *former)}
    stands = standing.of_members(namespace, people)
    several = _several_identities(people)

    def row(membership: Membership) -> Row:
        person = membership.person_id
        restorable = _was_removed(membership, now)
        return Row(membership, stands[person], several.get(person, ()), can_be_restored=restorable)

    return Roster([row(each) for each in current], [row(each) for each in former], beside)


def _former(namespace: Namespace, now: datetime) -> QuerySet[Membership]:
    """Return the last membership of each person who is out, lately or not yet provably, newest end first."""
    of_namespace = Membership.objects.filter(namespace=namespace)
    held = Grant.objects.filter(namespace=namespace, identity__person=OuterRef("person"))
    later = of_namespace.filter(person=OuterRef("person"), ended_at__gt=OuterRef("ended_at"))
    found = of_namespace.filter(
        Q(ended_at__gt=now - RECENTLY) | Exists(held.exclude(state=Grant.State.REVOKED)),
        ~Exists(later),
        ~Exists(Membership.objects.current().filter(namespace=namespace, person=OuterRef("person"))),
        ended_at__isnull=False,
    )
    return found.select_related("person", "added_by").order_by("-ended_at", "-pk")


def _was_removed(membership: Membership, now: datetime) -> bool:
    """Whether a removal can be undone, by the clock of this process; the action judges it by that of the database."""
    by_another = membership.ended_by_id not in (None, membership.person_id)
    return bool(by_another and membership.ended_at and now - membership.ended_at < UNDO_WITHIN)


def _several_identities(people: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    """Return what each active identity of these people belongs to, oldest first, for who has more than one."""
    active = Identity.objects.filter(state=Identity.State.ACTIVE, person__in=people)
    found: dict[UUID, tuple[str, ...]] = {}
    for identity in active.order_by("created_at", "pk"):
        found[identity.person_id] = (
            *found.get(identity.person_id, ()),
            identity.institution or identity.issuer,
        )
    return {person: institutions for person, institutions in found.items() if len(institutions) > 1}
