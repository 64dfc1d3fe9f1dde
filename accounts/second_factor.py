"""The second factor: what somebody shows here beside the word of their identity provider, before they change anything.

allauth keeps the factors (an app with codes that change, passkeys, recovery codes) and notes in the session when one
was shown. Whether one is demanded, and of whom, is decided here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from accounts import fresh
from accounts.models import Level, User
from accounts.redirects import lead_by_way_of
from accounts.submissions import not_done
from audit.models import Event
from audit.record import record

V = TypeVar("V", bound=Callable[..., object])
HOLDS = timedelta(hours=12)
"""So long after it was shown in a session a second factor is not asked for again there."""


def before_second_factor(view: V) -> V:
    """Mark a view whose forms somebody may send who owes a second factor."""
    view.is_before_second_factor = True  # type: ignore[attr-defined]
    return view


def of(person: User) -> QuerySet[Authenticator]:
    """Return the factors of a person. Recovery codes are none: they stand for one that is lost."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=person)
    return found.exclude(type=Authenticator.Type.RECOVERY_CODES)


def must_have(person: User) -> bool:
    """Whether this person may change nothing before they have one: a rule of the installation."""
    if settings.SECOND_FACTOR == "admins" and person.level == Level.ADMIN:
        return True
    return person.is_operator and settings.SECOND_FACTOR != "nobody"


def is_owed(request: HttpRequest) -> bool:
    """Whether the reader has to show one before anything is changed: everybody who has one, and who must have one."""
    person = request.user
    if not isinstance(person, User) or was_shown(request, within=HOLDS):
        return False
    return must_have(person) or of(person).exists()


def was_shown(request: HttpRequest, *, within: timedelta) -> bool:
    """Whether the reader showed one in this session, so long ago at most, that they still have: one that was lost or
    stolen, and taken away, shows nothing any more."""
    notes = [note for note in get_authentication_records(request, request.user) if note["method"] == "mfa"]
    lately = [note["id"] for note in notes if time.time() - note["at"] < within.total_seconds()]
    return bool(lately) and Authenticator.objects.filter(pk__in=lately, user=request.user.pk).exists()


def on_shown(
    sender: object, request: HttpRequest, user: User, authenticator: Authenticator, **_kwargs: object
) -> None:
    """Somebody showed one: that also says who they are, as a login anew would."""
    fresh.note_second_factor(request, authenticator)
    _record(user, authenticator.type)


def on_failed(sender: object, user: User, authenticator: Authenticator, **_kwargs: object) -> None:
    """Somebody gave a wrong code."""
    note_failure(user, authenticator.type)


def note_failure(person: User, kind: str) -> None:
    """Write down that somebody tried to show one of this kind and could not."""
    _record(person, kind, outcome=Event.Outcome.DENIED)


def _record(person: User, kind: str, **more: Any) -> None:
    with transaction.atomic():
        record("second_factor.shown", by=person, about=person, after={"kind": kind}, **more)


class SecondFactorFirst(MiddlewareMixin):
    """Whoever owes a second factor may read, and is led to it before a form is done."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponse | None:
        """Let the view run if it changes nothing that others see, or nothing is owed."""
        marks = ("is_before_second_factor", "is_before_terms", "is_repeatable")
        if request.method in {"GET", "HEAD", "OPTIONS"} or any(getattr(view, mark, False) for mark in marks):
            return None
        if not is_owed(request):
            return None
        messages.info(request, _("Nothing was done yet. Show your second factor, then do it once more."))
        return not_done(lead_by_way_of("mfa_reauthenticate", request))
