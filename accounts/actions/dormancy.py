"""Who has not logged in for long is warned, and suspended if they still do not; only with BERTH_SUSPEND_DORMANT.

Counted from the last login here: clusters tell nobody who uses them. Operators are passed over, so that the last one
cannot go that way; a break-glass operator has its own end. The clock is that of the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import messages
from accounts.actions import people, suspensions
from accounts.errors import StateConflict
from accounts.models import Identity, User
from notifications.models import Channel, Delivery

MOST_AT_ONCE = 200
"""So many at most in one look: the first after this was switched on would otherwise take longer than a task may."""

LAST_AT = Coalesce("last_seen_at", "created_at")
"""The moment from which somebody's days away are counted."""


def dormant(days: float) -> QuerySet[User]:
    """Return who has not logged in for so many days."""
    return User.objects.alias(counted_from=LAST_AT).filter(counted_from__lt=Now() - timedelta(days=days))


def warn_and_suspend() -> tuple[int, int]:
    """Warn who will be dormant soon, and suspend who is and was warned long enough ago; return how many of each."""
    if not settings.SUSPEND_DORMANT:
        return 0, 0
    return _warn(), _suspend()


def _in_question(days: float) -> QuerySet[User]:
    return dormant(days).filter(is_active=True, is_superuser=False).order_by(LAST_AT, "pk")


def _warn() -> int:
    soon = _in_question(settings.DORMANT_DAYS - settings.DORMANT_WARNING_DAYS)
    unwarned = soon.filter(Q(warned_at=None) | Q(warned_at__lt=LAST_AT))
    warned = 0
    for person in unwarned[:MOST_AT_ONCE]:
        with transaction.atomic():
            # Somebody else may have been here, or the person.
            if not unwarned.order_by().filter(pk=person.pk).update(warned_at=Now()):
                continue
            after_warning = timezone.now() + timedelta(days=settings.DORMANT_WARNING_DAYS)
            day = max(_last_at(person) + timedelta(days=settings.DORMANT_DAYS), after_warning)
            messages.dormant(person, seen_at=_last_at(person), day=day)
        warned += 1
    return warned


def _last_at(person: User) -> datetime:
    return person.last_seen_at or person.created_at


def _suspend() -> int:
    long_ago = Now() - timedelta(days=settings.DORMANT_WARNING_DAYS)
    due = _in_question(settings.DORMANT_DAYS).filter(warned_at__gte=LAST_AT, warned_at__lt=long_ago)
    due = due.filter(_was_reached())
    suspended = 0
    for person in due[:MOST_AT_ONCE]:
        try:
            with transaction.atomic():
                people.lock(person)
                if not due.filter(pk=person.pk).exists():
                    continue  # they have logged in
                days = (timezone.now() - _last_at(person)).days
                reason = _("No login for %(days)d days, and none after a warning.") % {"days": days}
                suspensions.keep_out(person=person, reason=reason, until=None, by=None)
        except StateConflict as conflict:
            _leave_to_operators(person, due, conflict)
        else:
            suspended += 1
    return suspended


def _was_reached() -> Q:
    """Return whose warning was sent to some address of theirs: in the page nobody reads it who is away."""
    identities = Identity.objects.filter(person=OuterRef("pk"), state=Identity.State.ACTIVE).exclude(email="")
    warnings = Delivery.objects.filter(person=OuterRef("pk"), event__startswith=messages.DORMANT)
    mails = warnings.filter(channel=Channel.MAIL)
    sent, unsent = mails.filter(state=Delivery.State.SENT), mails.exclude(state=Delivery.State.SENT)
    is_sent = Q(Exists(sent)) | ~Q(Exists(unsent))  # those that were sent are forgotten after a month
    return is_sent & (~Q(email="") | Q(Exists(identities)))


@transaction.atomic
def _leave_to_operators(person: User, due: QuerySet[User], why: StateConflict) -> None:
    """Ask the operators to suspend somebody for whom nobody takes over yet; and again after as long as a warning."""
    if due.order_by().filter(pk=person.pk).update(warned_at=Now()):
        messages.dormant_admin(person, why=why.message)
