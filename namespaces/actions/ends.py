"""Memberships that end on a date: who is warned of it, and the end itself.

Workers call this again and again; each membership is one transaction, and two who are at the same do it once.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.timezone import localtime

from accounts.errors import StateConflict
from audit.record import record
from namespaces import messages
from namespaces.access import Role
from namespaces.actions.members import forget_successors, keep_an_admin, lock
from namespaces.actions.one_by_one import each
from namespaces.lanes import REVOCATIONS
from namespaces.models import Membership, MembershipQuerySet
from namespaces.tasks import request_reconcile

WARNED_BEFORE = (timedelta(days=7), timedelta(days=1))
POSTPONED_BY = timedelta(days=7)
MOST_AT_ONCE = 500


def warn() -> int:
    """Tell members, and the admins of the namespace, which memberships end soon; return of how many was told."""
    soon = (
        Membership.objects.current().filter(_is_owed_a_warning(), ends_at__gt=Now()).order_by("ends_at", "pk")
    )
    return each(lambda membership: _warn(membership, soon), _with_people(soon)[:MOST_AT_ONCE])


def end_due() -> int:
    """End the memberships whose moment has come, by the clock of the database; return how many.

    From a last admin whom they named takes over; without one they stay for another week, and who could do something
    about it is told.
    """
    due = Membership.objects.current().filter(ends_at__lte=Now()).order_by("ends_at", "pk")
    return each(lambda membership: _end(membership, due), _with_people(due)[:MOST_AT_ONCE])


def _is_owed_a_warning() -> Q:
    """Return the condition that the end is near, and that nobody was told since it came so near. A date that is moved
    is told of anew."""
    return Q(
        *(
            Q(ends_at__lte=Now() + before) & (Q(warned_at=None) | Q(warned_at__lt=F("ends_at") - before))
            for before in WARNED_BEFORE
        ),
        _connector=Q.OR,
    )


@transaction.atomic
def _warn(membership: Membership, soon: MembershipQuerySet) -> bool:
    if not soon.order_by().filter(pk=membership.pk).update(warned_at=Now()):
        return False  # another worker was here, or the date was moved
    messages.ends_soon(membership)
    return True


@transaction.atomic
def _end(membership: Membership, due: MembershipQuerySet) -> bool:
    lock(membership.namespace)
    current = _with_people(due).filter(pk=membership.pk).first()
    if current is None:
        return False
    namespace = current.namespace
    if current.role == Role.ADMIN:
        try:
            keep_an_admin(namespace, without=current.person, by=None)
        except StateConflict:
            _postpone(current)
            return False
    current.ended_at = Now()
    current.save(update_fields=["ended_at"])
    forget_successors(current, by=None)
    record(
        "member.ended", by=None, about=current, namespace_id=namespace.pk,
        before={"role": current.role, "person": str(current.person_id)},
    )  # fmt: skip
    request_reconcile(namespace.pk, lane=REVOCATIONS)
    messages.ended(current)
    return True


def _postpone(membership: Membership) -> None:
    """Let the last admin stay a while: no namespace loses its last one. They are told here, and not warned of an end
    that will not be one, unless somebody moves it."""
    assert membership.ends_at is not None  # noqa: S101 - it is due
    before, membership.ends_at = membership.ends_at, localtime() + POSTPONED_BY
    membership.warned_at = membership.ends_at
    membership.save(update_fields=["ends_at", "warned_at"])
    record(
        "member.kept", by=None, about=membership, namespace_id=membership.namespace_id,
        before={"until": before.isoformat()},
        after={"person": str(membership.person_id), "until": membership.ends_at.isoformat()},
    )  # fmt: skip
    messages.last_admin_kept(membership)


def _with_people(memberships: MembershipQuerySet) -> MembershipQuerySet:
    return memberships.select_related("person", "namespace__cluster")
