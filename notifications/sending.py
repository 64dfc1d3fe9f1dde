"""Sending what waits, by workers: each delivery under a lease, again after a while where it fails, at last given up.

A mail is sent at least once: between the server's yes and the row that says so a worker may die. The mail has the same
id then.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from notifications.errors import NotNow, Refused, Unreachable
from notifications.mail import Mail
from notifications.models import Channel, Delivery, DeliveryQuerySet

logger = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
"""So long whoever sends something has it to themselves: longer than a mail takes (EMAIL_TIMEOUT for each answer)."""
AGAIN_AFTER = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4),
    timedelta(hours=12), timedelta(hours=24), timedelta(hours=24),
)  # fmt: skip
"""How long after each failure it is tried again; after the last it is given up, as mail servers do after some days."""
PAUSE = timedelta(minutes=1)
"""So long nothing is sent in a way that cannot be reached."""
RUN_SECONDS = 25
KEPT_FOR = (
    (Q(channel=Channel.MAIL, state=Delivery.State.SENT), timedelta(days=30)),
    (Q(channel=Channel.INBOX) | Q(state=Delivery.State.FAILED), timedelta(days=365)),
)
MOST_AT_ONCE = 1000


class Sender(Protocol):
    """One way to reach people. The next one is a class like `Mail` and a line in SENDERS."""

    def send(self, deliveries: Sequence[Delivery]) -> None: ...
    def close(self) -> None: ...


SENDERS: dict[str, Callable[[], Sender]] = {Channel.MAIL: Mail}


def send_due() -> int:
    """Send what is due, for half a minute at most; return how many deliveries were sent."""
    until, sent = time.monotonic() + RUN_SECONDS, 0
    if not settings.MAIL_FROM:
        return sent
    for channel, sender in SENDERS.items():
        sent += _send(channel, sender(), until)
    return sent


def _send(channel: str, sender: Sender, until: float) -> int:
    sent = 0
    # One at a time: a server that answers slowly must not hold every process that could end somebody's rights.
    if Delivery.objects.filter(channel=channel, lease_until__gt=Now()).exists():
        return sent
    try:
        while time.monotonic() < until and (batch := _take(channel)):
            try:
                sender.send(batch)
            except Unreachable as error:
                _pause(channel)
                # After the others: it may be this one alone after all.
                _held(batch).update(
                    attempts=F("attempts") - 1, error=str(error)[:500], lease_holder=None, lease_until=None,
                    due_at=Now() + PAUSE + timedelta(seconds=1),
                )  # fmt: skip
                logger.error("messages cannot be sent", channel=channel, error=str(error))  # noqa: TRY400
                break
            except (Refused, NotNow) as error:
                _fail(batch, error)
            except Exception as error:  # a fault of ours, or the end of the time that a task has
                _fail(batch, error)
                raise
            else:
                sent += _held(batch).update(
                    state=Delivery.State.SENT, error="", lease_holder=None, lease_until=None
                )
    finally:
        sender.close()
    return sent


@transaction.atomic
def _take(channel: str) -> list[Delivery]:
    """Return what is sent next, under a lease: one delivery, or all that is due of one address's day."""
    due = Delivery.objects.due().filter(channel=channel)
    # Of a day only by its first: the rest of it is left to the worker that holds that one, and goes in the same mail.
    earlier = Q(due_at__lt=OuterRef("due_at")) | Q(due_at=OuterRef("due_at"), pk__lt=OuterRef("pk"))
    same_day = due.order_by().filter(
        earlier, is_digest=True, person=OuterRef("person"), address=OuterRef("address")
    )
    heads = due.exclude(Exists(same_day), is_digest=True)
    first = heads.select_for_update(skip_locked=True).first()
    if first is None:
        return []
    batch = Q(pk=first.pk)
    if first.is_digest:
        batch |= Q(is_digest=True, person=first.person_id, address=first.address)
    rows = due.filter(batch).order_by("created_at", "pk").select_for_update(skip_locked=True)
    found = list(rows[:MOST_AT_ONCE])
    holder = uuid.uuid4()
    Delivery.objects.filter(pk__in=[row.pk for row in found]).update(
        lease_holder=holder, lease_until=Now() + LEASE, attempts=F("attempts") + 1, tried_at=Now()
    )
    for row in found:
        row.lease_holder, row.attempts = holder, row.attempts + 1
    return found


def _held(batch: Sequence[Delivery]) -> DeliveryQuerySet:
    """Return those rows of a batch whose lease is still ours."""
    holders = {row.lease_holder for row in batch}
    return Delivery.objects.filter(pk__in=[row.pk for row in batch], lease_holder__in=holders)


def _fail(batch: Sequence[Delivery], error: Exception) -> None:
    """Let each be tried again later, or give it up: refused, or tried often enough."""
    said = str(error) or type(error).__name__
    for row in batch:
        values: dict[str, Any] = {"error": said[:500], "lease_holder": None, "lease_until": None}
        if isinstance(error, Refused) or row.attempts > len(AGAIN_AFTER):
            values["state"] = Delivery.State.FAILED
            logger.warning("message given up", delivery=str(row.pk), attempts=row.attempts)
        else:
            values["due_at"] = Now() + AGAIN_AFTER[row.attempts - 1]
        _held([row]).update(**values)


def _pause(channel: str) -> None:
    """Let everything wait a little that would go the same way: it would fail as well, after a long wait. However long
    that goes on, nothing is given up for it."""
    Delivery.objects.due().filter(channel=channel).order_by().update(due_at=Now() + PAUSE)


def try_again(delivery: Delivery) -> bool:
    """Let one that was given up, or waits to be tried again, be sent now; return whether there is such a one."""
    found = Delivery.objects.failing().order_by().filter(pk=delivery.pk)
    return bool(found.update(state=Delivery.State.WAITING, due_at=Now(), attempts=0))


def forget_old() -> int:
    """Delete what was told long ago; return how many rows. What waits is never deleted."""
    now, forgotten = timezone.now(), 0
    for which, kept in KEPT_FOR:
        old = Delivery.objects.filter(which, created_at__lt=now - kept)
        old = old.exclude(state=Delivery.State.WAITING).order_by("created_at")
        forgotten += Delivery.objects.filter(
            pk__in=list(old.values_list("pk", flat=True)[:MOST_AT_ONCE])
        ).delete()[0]
    return forgotten
