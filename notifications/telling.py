"""Telling people something, in the transaction of what is told: the rows that workers send."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.functional import Promise

from notifications.kinds import ALWAYS_AT_ONCE, Kind, Way, default_way
from notifications.models import Channel, Choice, Delivery
from notifications.tasks import knock

DIGEST_HOUR = 7
"""When mails of the day come, in the time zone of the installation."""


@dataclass(frozen=True)
class Message:
    """What is told: a subject, a few sentences, and the path of the page where it is looked at or decided.

    A mail carries no secret, and its link only leads to a page: nothing is done by opening it.
    """

    kind: Kind
    subject: str | Promise
    text: str | Promise = ""
    link: str = ""
    about: Any = None
    by: Any = None
    """The keys of the other people whom the words name: of whom it tells, and who did it."""
    reply_to: str = ""
    """Where answers to a mail go, where somebody reads them."""


@dataclass(frozen=True)
class Recipient:
    """Who is told: the key of a person, and the addresses that mails to them go to, if any are known."""

    person_id: Any
    addresses: Collection[str] = ()


def tell(message: Message, to: Iterable[Recipient], *, event: str = "") -> None:
    """Write down that these people are to be told: in the page always, by mail as they chose.

    `event` names what is told where the same may be told again, so that nobody gets it twice; without one this call is
    an event of its own. Everybody is told in the language of the installation. Calling it outside a transaction is an
    error of the programmer: a message tells of a change, and there is none without it.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a message must be written in the transaction of the change that it tells of")
    # In one order for everybody: of two who tell the same event, none waits for the other while that waits for them.
    by_person = {str(recipient.person_id): recipient for recipient in to}
    recipients = [by_person[key] for key in sorted(by_person)]
    told = _told(message, event)
    ways = ways_of([recipient.person_id for recipient in recipients], message.kind)
    _write([row for recipient in recipients for row in _rows(recipient, told, ways[recipient.person_id])])


def tell_addresses(message: Message, addresses: Iterable[str], *, event: str = "") -> None:
    """Write down that mails are to go to addresses of which nothing else is known; nothing where mails are not sent.

    `event`, and where it may be called, as in `tell`.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a message must be written in the transaction of the change that it tells of")
    told = _told(message, event)
    if settings.MAIL_FROM:
        _write([Delivery(channel=Channel.MAIL, address=each, **told) for each in sorted(set(addresses))])


def take_back(event: str) -> None:
    """Send no more of what still waits of an event, because it is not so any more."""
    Delivery.objects.filter(event=event, state=Delivery.State.WAITING).delete()


def _told(message: Message, event: str) -> dict[str, Any]:
    with translation.override(settings.LANGUAGE_CODE):
        return {
            "event": event or str(uuid.uuid4()), "kind": message.kind, "subject": _one_line(message.subject)[:300],
            "text": str(message.text), "link": message.link, "about_id": message.about, "by_id": message.by,
            "reply_to": message.reply_to,
        }  # fmt: skip


def _write(rows: list[Delivery]) -> None:
    Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    if any(row.channel == Channel.MAIL and not row.is_digest for row in rows):
        _knock_once()


def _knock_once() -> None:
    """Call the workers after the commit, once for all that the transaction tells: each knock costs half a second where
    the broker is away."""
    calls = [call for _ids, call, _robust in transaction.get_connection().run_on_commit]
    if knock not in calls:
        transaction.on_commit(knock, robust=True)


def ways_of(people: Sequence[Any], kind: Kind) -> dict[Any, Way]:
    """Return how mails of a kind come to each of these people, in one query at most."""
    ways = dict.fromkeys(people, default_way(kind))
    if kind not in ALWAYS_AT_ONCE:
        chosen = Choice.objects.filter(person__in=people, kind=kind).values_list("person_id", "way")
        ways |= {person: Way(way) for person, way in chosen}
    return ways


def _rows(recipient: Recipient, told: Mapping[str, Any], way: Way) -> list[Delivery]:
    now = timezone.now()
    person: dict[str, Any] = {"person_id": recipient.person_id, **told}
    rows = [Delivery(channel=Channel.INBOX, state=Delivery.State.SENT, **person)]
    if way == Way.OFF or not settings.MAIL_FROM:
        return rows
    later = {"is_digest": True, "due_at": next_digest(now)} if way == Way.DAILY else {}
    addresses = sorted({address for address in recipient.addresses if address})
    rows += [Delivery(channel=Channel.MAIL, address=address, **person, **later) for address in addresses]
    return rows


def next_digest(now: datetime) -> datetime:
    """Return when the next mails of the day come."""
    here = timezone.localtime(now)
    today = here.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if here < today else today + timedelta(days=1)


def _one_line(text: str | Promise) -> str:
    return " ".join(str(text).split())
