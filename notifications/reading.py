"""What somebody was told, what of it they have seen, and how mails come to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Subquery
from django.db.models.functions import Now

from notifications.kinds import ALWAYS_AT_ONCE, Kind, Way, default_way
from notifications.models import Choice, Delivery, DeliveryQuerySet


def told(person_id: Any) -> DeliveryQuerySet:
    """Return what somebody reads in the page, newest first."""
    return Delivery.objects.inbox().filter(person=person_id)


def unseen(person_id: Any) -> DeliveryQuerySet:
    """Return what somebody was told in the page and has not seen."""
    return Delivery.objects.unseen().filter(person=person_id)


def see(person_id: Any, *, until: Delivery) -> int:
    """Note that somebody has seen what they were told, up to this message; return how many that were.

    What was told later they may not have seen.
    """
    # As it is in the row: SQLite compares moments as text, and writes its own otherwise than Django does.
    moment = Delivery.objects.filter(pk=until.pk).values("created_at")
    seen = unseen(person_id).filter(created_at__lte=Subquery(moment))
    return seen.update(seen_at=Now())


def ways(person_id: Any) -> dict[Kind, Way]:
    """Return how mails of each kind that can be chosen about come to somebody."""
    chosen = dict(Choice.objects.filter(person=person_id).values_list("kind", "way"))
    return {kind: Way(chosen.get(kind, default_way(kind))) for kind in Kind if kind not in ALWAYS_AT_ONCE}


@transaction.atomic
def choose(person_id: Any, chosen: Mapping[Kind, Way]) -> None:
    """Let mails of these kinds come so from now on; what waits already comes as it was to come."""
    for kind, way in chosen.items():
        Choice.objects.update_or_create(person_id=person_id, kind=kind, defaults={"way": way})
