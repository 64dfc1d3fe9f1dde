"""How long requests wait: whom they go to next and when, how long it usually takes, when one may ask or remind again.

A request that nobody answers climbs a ladder, so that it cannot be forgotten. Days of work are Monday to Friday in the
time zone of the installation: holidays differ too much between the institutions of one cluster.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median

from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from accounts.wishes import PAUSE
from namespaces.models import Namespace, Request, RequestQuerySet, Rung

WORKING_DAYS = {Rung.DECIDERS: 2, Rung.ADMINS: 5, Rung.OPERATORS: 10}
"""After how many working days a request reaches each rung."""

REMIND_EVERY = timedelta(days=1)
"""How often somebody may remind those with whom their request lies."""

_SATURDAY = 5
_COUNTED, _LOOKED_BACK, _FEWEST = 50, timedelta(days=365), 3


def reaches(request: Request, rung: Rung) -> datetime:
    """Return when a request that nobody decides reaches a rung."""
    return after_working_days(request.created_at, WORKING_DAYS[rung])


def rung_due(request: Request, now: datetime) -> Rung:
    """Return how far a request that waits should have climbed by now."""
    return max((rung for rung in WORKING_DAYS if reaches(request, rung) <= now), default=Rung.NONE)


def after_working_days(moment: datetime, days: int) -> datetime:
    """Return the moment after so many working days: at the same time of the day, never on a weekend."""
    here = timezone.localtime(moment)
    while days:
        here += timedelta(days=1)
        days -= here.weekday() < _SATURDAY
    return here


def may_climb() -> Q:
    """Return the condition that a request could be due for a rung: by days of the calendar, which is never too late."""
    return Q(
        *(
            Q(rung__lt=rung, created_at__lte=Now() - timedelta(days=days))
            for rung, days in WORKING_DAYS.items()
        ),
        _connector=Q.OR,
    )


def usual(request: Request) -> timedelta | None:
    """Return how long half of the requests like this one waited for a yes or no; None where too few were answered.

    Like it are those to the same namespace, else all to join one; those for the same level; those for a namespace. The
    latest count.
    """
    answered = Request.objects.filter(
        state__in=(Request.State.APPROVED, Request.State.DENIED),
        kind=request.kind, level=request.level, decided_at__gt=Now() - _LOOKED_BACK,
    )  # fmt: skip
    waits: list[float] = []
    if request.kind == Request.Kind.JOIN:
        waits = _waits(answered.filter(namespace=request.namespace_id))
    if len(waits) < _FEWEST:
        waits = _waits(answered)
    return timedelta(seconds=median(waits)) if len(waits) >= _FEWEST else None


def _waits(answered: RequestQuerySet) -> list[float]:
    """Return how many seconds each of the latest waited."""
    took = ExpressionWrapper(F("decided_at") - F("created_at"), output_field=DurationField())
    latest = answered.order_by("-decided_at").values_list(took, flat=True)[:_COUNTED]
    return [each.total_seconds() for each in latest]


def pause_until(
    person: User, *, namespace: Namespace | None = None, level: str = "", name: str = ""
) -> datetime | None:
    """Return until when this person may not ask again to join the namespace, for the level, or for a namespace of this
    name: it was denied."""
    denied = Request.objects.asked().filter(
        person=person, state=Request.State.DENIED, decided_at__gt=Now() - PAUSE, level=level, name=name
    )
    same = denied.filter(namespace=namespace) if namespace else denied  # only promotions have a level
    latest = same.order_by("-decided_at").values_list("decided_at", flat=True).first()
    return latest + PAUSE if latest else None


def next_reminder(request: Request) -> datetime:
    """Return from when on who asked may remind those with whom it lies."""
    return (request.reminded_at or request.created_at) + REMIND_EVERY
