"""A request that nobody decides comes to an end, and what was denied is not asked for again at once.

Both by the clock of the database.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.wishes import PAUSE
from audit.record import draft, record_all
from namespaces.models import Namespace, Request, RequestQuerySet

MOST_AT_ONCE = 1000


@transaction.atomic
def expire(requests: RequestQuerySet | None = None) -> int:
    """Write down which of these requests, or of all, have run out; return how many.

    What somebody is just deciding is passed over: they find out by themselves, or the next call does.
    """
    overdue = (Request.objects.all() if requests is None else requests).run_out().order_by("created_at")
    found = list(overdue.select_for_update(skip_locked=True)[:MOST_AT_ONCE])
    for request in found:
        request.state, request.decided_at = Request.State.EXPIRED, request.expires_at
    Request.objects.bulk_update(found, ["state", "decided_at"], batch_size=100)
    record_all(
        [
            draft(
                "request.expired", by=None, about=request, namespace_id=request.namespace_id or "",
                before={"state": Request.State.PENDING}, after={"state": Request.State.EXPIRED},
            )
            for request in found
        ]
    )  # fmt: skip
    return len(found)


def pause_until(person: User, *, namespace: Namespace | None = None, level: str = "") -> datetime | None:
    """Return until when this person may not ask again to join the namespace, or for the level: it was denied."""
    denied = Request.objects.filter(
        person=person, state=Request.State.DENIED, decided_at__gt=Now() - PAUSE, level=level
    )
    same = denied.filter(namespace=namespace) if namespace else denied  # only promotions have a level
    latest = same.order_by("-decided_at").values_list("decided_at", flat=True).first()
    return latest + PAUSE if latest else None
