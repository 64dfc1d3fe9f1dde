"""Who decides the requests that wait for an admin who is away."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import User
from audit.record import record
from namespaces import messages
from namespaces.access import Role
from namespaces.models import Absence, Membership
from namespaces.policy import is_admin_somewhere

LONGEST = timedelta(days=180)


def candidates(person: User) -> QuerySet[User]:
    """Return who may be the deputy of this person: other admins and editors of the namespaces that they are an admin
    of, as far as they count."""
    theirs = Membership.objects.admins().filter(person=person).values("namespace")
    there = Membership.objects.with_effect().filter(namespace__in=theirs, role__in=(Role.EDITOR, Role.ADMIN))
    return User.objects.filter(pk__in=there.values("person")).exclude(pk=person.pk).order_by("name", "pk")


def current(person: User) -> Absence | None:
    """Return the absence of this person that lasts."""
    return Absence.objects.current().filter(person=person).select_related("deputy").first()


@transaction.atomic
def begin(*, deputy: User, until: datetime, by: User) -> Absence:
    """Let somebody decide the requests that wait for `by` as an admin, until a moment; in place of whoever did before.

    Raises NotAllowed for who is no admin of anything, BadInput (until), StateConflict for a deputy who cannot be it.
    """
    people.lock(by)
    if not is_admin_somewhere(by):
        raise NotAllowed(_("Only admins of a namespace name a deputy."))
    now = timezone.now()
    if not now < until <= now + LONGEST + timedelta(days=1):
        raise BadInput(
            "until", _("Give a day from today on, at most %(days)d days ahead.") % {"days": LONGEST.days}
        )
    if not candidates(by).filter(pk=deputy.pk).exists():
        raise StateConflict(
            _("%(person)s cannot decide for you: only an editor or admin of one of your namespaces can.")
            % {"person": deputy}
        )
    _end(Q(person=by), by)
    absence = Absence.objects.create(person=by, deputy=deputy, until=until)
    record(
        "absence.begun", by=by, about=absence,
        after={"person": str(by.pk), "deputy": str(deputy.pk), "until": until.isoformat()},
    )  # fmt: skip
    messages.deputy_named(absence)
    return absence


@transaction.atomic
def end(*, by: User) -> None:
    """Decide oneself again, before the day that was given. Raises StateConflict if nobody decides in one's place."""
    people.lock(by)
    if not _end(Q(person=by), by):
        raise StateConflict(_("Nobody decides in your place."))


def on_person_leaves(sender: type[User], person: User, by: User, **_kwargs: object) -> None:
    """An account is being deleted: it has no deputy any more and is nobody's, in the same transaction."""
    end_of(person, by=by)


def end_of(*accounts: User, by: User) -> None:
    """End the absences of people, and those in which they are the deputy: for other actions, in their transaction."""
    _end(Q(person__in=accounts) | Q(deputy__in=accounts), by)


def _end(which: Q, by: User) -> int:
    """End absences, with an event each for those that still lasted; return how many did."""
    current = Absence.objects.filter(which, ended_at__isnull=True)
    lasting = list(current.filter(until__gt=Now()))
    current.update(ended_at=Now())
    for absence in lasting:
        after = {"person": str(absence.person_id), "deputy": str(absence.deputy_id)}
        record("absence.ended", by=by, about=absence, after=after)
    return len(lasting)
