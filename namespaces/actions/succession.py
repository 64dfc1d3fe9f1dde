"""Who takes over the namespaces that would be without an admin: chosen with the act that would leave them so, and made
admin in its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import policy
from accounts.actions import deletions, people, suspensions
from accounts.errors import StateConflict
from accounts.models import Deletion, Level, Suspension, User
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

    Choices for namespaces that have another admin meanwhile are passed over. Who acts without being an operator is left
    to the act to refuse.
    """
    people.lock(person, by, *successors.values())
    if not policy.is_operator(people.as_stored(by)):
        return
    members.lock_all(Membership.objects.current().filter(person=person).values_list("namespace", flat=True))
    orphans = members.without_another_admin(person)
    missing = [namespace for namespace in orphans if namespace.pk not in successors]
    if missing:
        raise members.last_admin(person, missing)
    for namespace in orphans:
        _take_over(namespace, successors[namespace.pk], instead_of=person, by=by)


def _take_over(namespace: Namespace, successor: User, *, instead_of: User, by: User) -> None:
    if not candidates(namespace, instead_of=instead_of, by=by).filter(pk=successor.pk).exists():
        words = _("%(person)s cannot take over %(namespace)s any more. Choose again.")
        raise StateConflict(words % {"person": successor, "namespace": namespace})
    membership = Membership.objects.current().filter(namespace=namespace, person=successor).first()
    if membership is None:
        members.add(namespace=namespace, person=successor, role=Role.ADMIN, by=by)
    else:
        members.set_role(membership=membership, role=Role.ADMIN, by=by)
