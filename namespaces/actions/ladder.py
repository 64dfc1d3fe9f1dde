"""What becomes of requests that nobody answers: they climb to others, and after a time they are over.

Workers call this again and again; each step is one transaction, and two who do the same at once do it once.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.record import draft, record, record_all
from namespaces import messages, waiting
from namespaces.actions.one_by_one import each
from namespaces.models import Request, RequestQuerySet, Rung

MOST_AT_ONCE = 1000


def climb(now: datetime) -> int:
    """Remind whoever should have answered by now, and whoever comes after them; return how many requests climbed.

    One that should have climbed several rungs, because no worker was there, climbs them at once, and is told of once.
    """
    could = Request.objects.open().filter(waiting.may_climb()).order_by("created_at", "pk")
    return each(lambda request: _climb(request, now), could[:MOST_AT_ONCE])


@transaction.atomic
def _climb(request: Request, now: datetime) -> bool:
    rung = waiting.rung_due(request, now)
    if not Request.objects.open().filter(pk=request.pk, rung__lt=rung).update(rung=rung):
        return False  # not yet, or somebody else was here
    climbed = Request.objects.select_related("namespace__cluster", "person").get(pk=request.pk)
    record(
        "request.climbed", by=None, about=climbed, namespace_id=climbed.namespace_id or "",
        before={"rung": Rung(request.rung).name.lower()}, after={"rung": Rung(rung).name.lower()},
    )  # fmt: skip
    messages.request_waits(climbed)
    return True


@transaction.atomic
def expire(requests: RequestQuerySet | None = None) -> int:
    """Write down which of these requests, or of all, have run out, and tell who asked; return how many.

    What somebody is just deciding is passed over: they find out by themselves, or the next call does.
    """
    overdue = (Request.objects.all() if requests is None else requests).run_out().order_by("created_at")
    rows = overdue.select_for_update(skip_locked=True, of=("self",)).select_related(
        "namespace__cluster", "person"
    )
    found = list(rows[:MOST_AT_ONCE])
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
    for request in found:
        messages.request_expired(request)
    return len(found)
