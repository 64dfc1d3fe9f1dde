"""Who takes over from an admin: named by them in advance, or chosen with the act that would leave a namespace without
one, and made admin in its transaction.

Where nobody is chosen, `members` lets whom they named take over, whatever ends their part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import policy
from accounts.actions import deletions, people, suspensions
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Deletion, Level, Suspension, User
from namespaces import messages
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Membership, Namespace

Successors = Mapping[UUID, User]
"""By namespace, who becomes its admin."""


def candidates(namespace: Namespace, *, instead_of: User, by: User) -> QuerySet[User]:
    """Return who may take over: the members who count; where there is none, the operator who acts.

    Whoever else is to take over is added to the namespace first.
    """
    counting = User.objects.filter(is_active=True).exclude(level=Level.GUEST).exclude(pk=instead_of.pk)
    here = Membership.objects.current().filter(namespace=namespace)
    members_who_count = counting.filter(pk__in=here.values("person"))
    return (members_who_count if members_who_count.exists() else counting.filter(pk=by.pk)).order_by("name")


@transaction.atomic
def suspend(
    *, person: User, reason: str, until: datetime | None, by: User, successors: Successors
) -> Suspension:
    """Suspend somebody after the successors have taken over. Raises as `suspensions.suspend`, and StateConflict without
    a successor for each namespace that would be without an admin, or for one who cannot be it any more."""
    hand_over(person, successors, by=by)
    return suspensions.suspend(person=person, reason=reason, until=until, by=by)


@transaction.atomic
def set_level(*, person: User, level: Level, by: User, successors: Successors) -> User:
    """Set a level, after the successors have taken over from somebody who becomes a guest. Raises as
    `people.set_level`, and StateConflict as `suspend`."""
    if level == Level.GUEST:
        hand_over(person, successors, by=by)
    return people.set_level(person=person, level=level, by=by)


@transaction.atomic
def delete(*, person: User, by: User, successors: Successors) -> Deletion:
    """Begin to delete an account after the successors have taken over. Raises as `deletions.begin`, and StateConflict
    as `suspend`."""
    hand_over(person, successors, by=by)
    return deletions.begin(person=person, by=by)


def hand_over(person: User, successors: Successors, *, by: User) -> None:
    """Make the successors admins where nobody else is one: for other actions, in their transaction.

    Choices for namespaces that have another admin meanwhile are passed over; without a choice whoever is named takes
    over. Who acts without being an operator is left to the act to refuse.
    """
    people.lock(person, by, *successors.values())
    if not policy.is_operator(people.as_stored(by)):
        return
    members.lock_all(Membership.objects.current().filter(person=person).values_list("namespace", flat=True))
    orphans = members.without_another_admin(person)
    for namespace in orphans:
        if namespace.pk in successors:
            take_over(namespace, successors[namespace.pk], instead_of=person, by=by)
    members.pass_on(person, [each for each in orphans if each.pk not in successors], by=by)


def take_over(namespace: Namespace, successor: User, *, instead_of: User, by: User) -> None:
    """Make one of the candidates an admin: for other actions, after their own checks, in their transaction, with the
    namespace held. Raises StateConflict for who is none any more."""
    if not candidates(namespace, instead_of=instead_of, by=by).filter(pk=successor.pk).exists():
        words = _("%(person)s cannot take over %(namespace)s any more. Choose again.")
        raise StateConflict(words % {"person": successor, "namespace": namespace})
    membership = Membership.objects.current().filter(namespace=namespace, person=successor).first()
    if membership is None:
        members.add(namespace=namespace, person=successor, role=Role.ADMIN, by=by)
    else:
        members.take_over(membership, instead_of=instead_of, by=by)


def heirs(namespace: Namespace, *, of: User) -> QuerySet[User]:
    """Return whom an admin may name: the other members who count."""
    here = Membership.objects.with_effect().filter(namespace=namespace, role__in=Role.values)
    return User.objects.filter(pk__in=here.values("person")).exclude(pk=of.pk).order_by("name", "pk")


def named_in(namespace: Namespace) -> list[Membership]:
    """Return the memberships of the admins who have named somebody that counts, by name."""
    naming = Membership.objects.current().filter(
        namespace=namespace, role=Role.ADMIN, successor__in=Membership.objects.with_effect()
    )
    return list(naming.select_related("person", "successor__person").order_by("person__name", "pk"))


@transaction.atomic
def name(*, namespace: Namespace, successor: User | None, by: User) -> Membership:
    """Name who takes over from oneself as an admin of this namespace, in place of whoever was named, or nobody.

    Raises NotAllowed for who is no admin there, and StateConflict for one who cannot be it.
    """
    members.lock(namespace)
    own = _own(namespace, by)
    heir = _heir(namespace, successor, by) if successor else None
    if own.successor == heir:
        return own
    before = own.successor
    members.name_successor(own, heir, by=by)
    if before is not None:
        messages.successor_no_more(own, before.person)
    if heir is not None:
        messages.successor_named(own, heir.person)
    return own


@transaction.atomic
def hand_over_and_leave(*, namespace: Namespace, successor: User, by: User) -> Membership:
    """Make another member an admin in place of oneself, and leave. Raises as `name`."""
    members.lock(namespace)
    own = _own(namespace, by)
    members.take_over(_heir(namespace, successor, by), instead_of=by, by=by)
    return members.remove(membership=own, by=by)


def _own(namespace: Namespace, by: User) -> Membership:
    """Return the membership by which somebody is an admin who counts. Raises NotAllowed where there is none."""
    own = Membership.objects.admins().filter(namespace=namespace, person=by)
    found = own.select_related("person", "namespace__cluster", "successor__person").first()
    if found is None:
        raise NotAllowed(_("Only the admins of this namespace say who takes over from them."))
    return found


def _heir(namespace: Namespace, successor: User, by: User) -> Membership:
    found = Membership.objects.current().filter(
        namespace=namespace, person=successor, person__in=heirs(namespace, of=by)
    )
    heir = found.select_related("person", "namespace__cluster").first()
    if heir is None:
        raise StateConflict(_("%(person)s is no member who could take over.") % {"person": successor})
    return heir
