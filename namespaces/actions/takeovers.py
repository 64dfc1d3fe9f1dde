"""Asking who takes over from admins who may be gone, and leaving it where they are here again.

Workers call this again and again; each step is one transaction, and two who do the same at once do it once. Whoever
decides such a request does so in `requests`.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from accounts.actions import people
from audit.record import record
from namespaces import messages, signs
from namespaces.actions import requests
from namespaces.actions.one_by_one import each
from namespaces.models import Membership, Request, RequestQuerySet, Sign

ASKED_AGAIN_AFTER = timedelta(days=90)
"""So long "they stay" holds for the same sign."""

MOST_AT_ONCE = 200


def look() -> tuple[int, int]:
    """Close what has become needless, and ask about whoever may be gone; return how many of each."""
    return each(_close, _open()[:MOST_AT_ONCE]), sum(_ask_about(sign) for sign in Sign)


def _open() -> RequestQuerySet:
    found = Request.objects.open().filter(kind=Request.Kind.TAKEOVER)
    return found.select_related("namespace__cluster", "person").order_by("created_at", "pk")


@transaction.atomic
def _close(request: Request) -> bool:
    people.lock(request.person)
    asked = Membership.objects.current().filter(namespace=request.namespace_id, person=request.person)
    membership = asked.first()
    sign = signs.of(membership) if membership else None
    if sign is None:
        return requests.end(request, Request.State.WITHDRAWN, "", None)
    if sign != request.sign:
        Request.objects.open().filter(pk=request.pk).update(sign=sign)
    return False


def _ask_about(sign: Sign) -> int:
    about = {"namespace": OuterRef("namespace"), "person": OuterRef("person"), "kind": Request.Kind.TAKEOVER}
    waiting = Request.objects.open().filter(**about)
    answered = Request.objects.filter(
        **about, state=Request.State.DENIED, sign=sign, decided_at__gt=Now() - ASKED_AGAIN_AFTER
    )
    unasked = signs.admins(sign).exclude(Exists(waiting)).exclude(Exists(answered))
    due = [membership for membership in unasked if signs.of(membership) == sign]
    return each(_ask, due[:MOST_AT_ONCE])


@transaction.atomic
def _ask(membership: Membership) -> bool:
    people.lock(membership.person)
    sign = signs.of(membership)
    if sign is None:
        return False  # they are here again
    try:
        with transaction.atomic():
            asked = Request.objects.create(
                kind=Request.Kind.TAKEOVER,
                namespace=membership.namespace,
                person=membership.person,
                sign=sign,
            )
    except IntegrityError:
        return False  # another worker was here, or it has run out and nobody has written so yet
    record("request.made", by=None, about=asked, namespace_id=membership.namespace_id, after={"sign": sign})
    messages.takeover_asked(asked)
    return True
