"""Writing an audit event, in the transaction of what it records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog
from django.db import models, transaction

from audit.models import Event


class Actor(Protocol):
    """A person, or anything with a key: audit knows no accounts."""

    @property
    def pk(self) -> Any: ...


def record(
    act: str,
    *,
    by: Actor | None,
    about: models.Model | None,
    namespace_id: object = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: Event.Outcome = Event.Outcome.DONE,
    reason: str = "",
) -> Event:
    """Add one event. `by` is the person who acted, or None when Berth itself did; `about` is None only
    for what was refused before it was known whom or what it concerned.

    `before` and `after` hold the fields that changed, never names, addresses or secrets. A change is recorded in its
    own transaction, so that there is no change without an event; calling this outside one is an error of the
    programmer.
    """
    event = draft(act, by=by, about=about, namespace_id=namespace_id, before=before, after=after)
    event.outcome, event.reason = outcome, reason[:2000]
    (written,) = record_all([event])
    return written


def draft(
    act: str,
    *,
    by: Actor | None,
    about: models.Model | None,
    namespace_id: object = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Event:
    """Return an event that something was done, which `record_all` writes with others."""
    return Event(
        act=act,
        actor="" if by is None else str(by.pk),
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        object_type="" if about is None else about._meta.label_lower,
        object_id="" if about is None else str(about.pk),
        object_text=str(getattr(about, "audit_text", ""))[:200],
        namespace_id=str(namespace_id),
        before=dict(before or {}),
        after=dict(after or {}),
    )


def record_all(events: Sequence[Event]) -> list[Event]:
    """Add these events, in this order, in the transaction of what they record."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit event must be written in the transaction of the change that it records")
    return Event.objects.bulk_create(events)
