"""The way from the first login to the first command, as steps that tick themselves off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import User
from audit.models import Event
from namespaces.kit import DOWNLOADED
from namespaces.models import Membership, Request

AFTER_DOWNLOAD = timedelta(days=1)
STEPS = ("login", "find", "ask", "in", "file", "command")


@dataclass(frozen=True)
class Step:
    """One step: done, or the next one to take, or later."""

    name: str
    is_done: bool
    is_next: bool


def of(person: User, *, now: datetime) -> list[Step]:
    """Return the steps, or nothing for somebody who has been through them.

    Berth cannot see the first command; the list goes away a day after the file was downloaded.
    """
    downloads = Event.objects.filter(object_id=str(person.pk), act=DOWNLOADED).order_by("id")
    first = downloads.values_list("at", flat=True).first()
    asked = Request.objects.filter(person=person, kind=Request.Kind.JOIN).exists()
    member = Membership.objects.current().filter(person=person).exists()
    is_in = member and not person.is_guest
    if is_in and first and now - first > AFTER_DOWNLOAD:
        return []
    done = {
        "login": True,
        "find": asked or member,
        "ask": asked or member,
        "in": is_in,
        "file": is_in and bool(first),
    }
    following = next((name for name in STEPS if not done.get(name)), "")
    return [Step(name, done.get(name, False), name == following) for name in STEPS]
