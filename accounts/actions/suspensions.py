"""Keeping somebody out for a while, and letting them in again.

One transaction takes everything: the sessions, and by `person_changed` every right in the clusters. Memberships stay as
they are, so that lifting a suspension restores exactly what was there; the sessions stay ended.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import messages, policy, sessions
from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import Suspension, User
from accounts.signals import person_changed
from audit.record import record


@transaction.atomic
def suspend(*, person: User, reason: str, until: datetime | None, by: User) -> Suspension:
    """Keep somebody out, until a moment or until it is lifted. Operators only, nobody themselves.

    So the last operator stays: whoever suspends another is one, and their own row is held as well; a break-glass
    operator does not count. Raises NotAllowed,
    BadInput (until), and StateConflict for somebody who is out already; listeners may raise StateConflict.
    """
    people.lock(
        person, by
    )  # of two operators who suspend each other, the second finds that they are none any more
    if not policy.may_suspend(people.as_stored(by), person):
        raise NotAllowed(_("Only operators suspend people, and nobody themselves."))
    people.keep_an_operator(without=person, by=by)
    if until is not None and until <= timezone.now():
        raise BadInput("until", _("Give a day that is still to come."))
    if not people.as_stored(person).is_active:
        words = (
            _("%(person)s is suspended already.") if person.suspension else _("This account is not active.")
        )
        raise StateConflict(words % {"person": person})
    return keep_out(person=person, reason=reason, until=until, by=by)


def keep_out(*, person: User, reason: str, until: datetime | None, by: User | None) -> Suspension:
    """Take everything from somebody whose row is held and who is in; `by` is None where Berth itself does it. For other
    actions, in their transaction; listeners may raise StateConflict."""
    suspension = Suspension.objects.create(person=person, reason=reason, until=until, by=by)
    _let(person, active=False)
    ended = sessions.end(person)
    record(
        "person.suspended", by=by, about=person, reason=reason, before={"is_active": True},
        after={"is_active": False, "until": until.isoformat() if until else None, "sessions": ended},
    )  # fmt: skip
    person_changed.send(sender=User, person=person, by=by)
    messages.suspended(suspension)
    return suspension


@transaction.atomic
def lift(*, person: User, by: User) -> Suspension:
    """Let somebody in again. Operators only. Raises NotAllowed, and StateConflict for somebody who is not suspended."""
    people.lock(
        person, by
    )  # of two operators who suspend each other, the second finds that they are none any more
    if not policy.may_suspend(people.as_stored(by), person):
        raise NotAllowed(_("Only operators lift suspensions."))
    suspension = person.suspension
    if suspension is None:
        raise StateConflict(_("%(person)s is not suspended.") % {"person": person})
    return _end(suspension, by=by)


def lift_due() -> int:
    """Let those in again whose suspension has reached its end, by the clock of the database; return how many."""
    due = Suspension.objects.current().filter(until__lte=Now())
    lifted = 0
    for person in User.objects.filter(pk__in=due.values("person")):
        with transaction.atomic():
            people.lock(person)
            suspension = due.filter(person=person).first()  # another worker may have been here
            if suspension is not None:
                _end(suspension, by=None)
                lifted += 1
    return lifted


def _end(suspension: Suspension, *, by: User | None) -> Suspension:
    person = suspension.person
    suspension.ended_at, suspension.ended_by = Now(), by
    suspension.save(update_fields=["ended_at", "ended_by"])
    _let(person, active=True)
    sessions.end(person)  # whatever came about meanwhile
    record(
        "person.suspension_ended", by=by, about=person, before={"is_active": False}, after={"is_active": True}
    )
    person_changed.send(sender=User, person=person, by=by, counts_as_before=True)
    messages.suspension_ended(person)
    return suspension


def _let(person: User, *, active: bool) -> None:
    # Who was away for long and is let in is warned anew before that is held against them again.
    User.objects.filter(pk=person.pk).update(is_active=active, warned_at=None)
    person.refresh_from_db()
