"""Sessions in the database, in rows that say whose they are: so that they can be listed, and ended.

A session ends when its row is deleted, when it was not used for SESSION_IDLE, and SESSION_LONGEST after the login. The
cookie may live as long as the session: the row alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Identity, Session, User
from accounts.prepared import Prepared

logger = structlog.get_logger(__name__)

OPENED = "opened"
"""Under this name a session itself keeps what its row says of the login: Django writes the row anew from it."""

NOTED_EVERY = timedelta(minutes=1)
"""The last use is written down no more often than this: reading a page is no reason to write to the database."""


class SessionStore(db.SessionStore):
    """The engine. `used_at` is when the session that was loaded was last used, as far as it was noted."""

    used_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        """Take a key that Django cannot have made for none: PostgreSQL answers one with a NUL character with an
        error."""
        return bool(super()._validate_session_key(key)) and str(key).isascii() and str(key).isalnum()  # type: ignore[misc]

    def load(self) -> dict[str, Any]:
        """Read the session, and keep when it was used."""
        for data, ends_at, used_at in _row.rows(key=self.session_key or ""):
            if ends_at > timezone.now():
                self.used_at = used_at
                return self.decode(data)
        self._session_key = None  # whoever goes on gets a key that we made
        return {}

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row: what Django keeps, and what `on_login` noted."""
        opened, now = data.get(OPENED, {}), timezone.now()
        return Session(
            session_key=self._get_or_create_session_key(),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=_end(opened, now),
            person_id=data.get(SESSION_KEY),
            identity_id=opened.get("identity"),
            opened_at=_opened_at(opened),
            last_used_at=now,
            address=opened.get("address"),
            agent=opened.get("agent", ""),
        )


_row = Prepared(
    lambda key: Session.objects.filter(pk=key).values_list("session_data", "expire_date", "last_used_at")
)


class LastUse:
    """Note when a session was used, which puts its idle end off. Fails nobody's page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session, now = request.session, timezone.now()
        # One that the request changed is saved with the moment anyway; one that nobody has logged in to is not listed.
        if (
            isinstance(session, SessionStore)
            and not session.modified
            and session.used_at is not None
            and now - session.used_at >= NOTED_EVERY
            and OPENED in session
        ):
            _note_use(session, now)
        return response


def _note_use(session: SessionStore, now: datetime) -> None:
    try:
        Session.objects.filter(pk=session.session_key).update(
            last_used_at=now, expire_date=_end(session[OPENED], now)
        )
    except DatabaseError as error:  # it takes no writes, or is busy
        logger.warning("last use of a session not noted", error=str(error))


def _opened_at(opened: Mapping[str, str]) -> datetime | None:
    return datetime.fromisoformat(opened["at"]) if opened else None


def _end(opened: Mapping[str, str], used_at: datetime) -> datetime:
    idle: datetime = used_at + settings.SESSION_IDLE
    opened_at = _opened_at(opened)
    return idle if opened_at is None else min(idle, opened_at + settings.SESSION_LONGEST)


def on_login(sender: object, request: HttpRequest, user: User, **_kwargs: object) -> None:
    """Django has opened a session: note in it when, from where, and with which identity."""
    identity = opens_with(request)
    agent = request.META.get("HTTP_USER_AGENT", "")[: Session.AGENT_MAX_LENGTH]
    request.session[OPENED] = {
        "at": timezone.now().isoformat(),
        "identity": str(identity.pk) if identity else None,
        "address": address_of(request),
        "agent": "".join(character for character in agent if character.isprintable()),
    }


def address_of(request: HttpRequest) -> str | None:
    """Return where a request comes from as far as the proxies that we trust tell it, None if they do not."""
    try:
        address: str = get_adapter(request).get_client_ip(request)
    except (PermissionDenied, ImproperlyConfigured):  # what the proxies say is no address, or not theirs
        return None
    return address


def will_open_with(request: HttpRequest, identity: Identity | None) -> None:
    """Say which identity this request logs in with, if it does."""
    request.identity = identity  # type: ignore[attr-defined]


def opens_with(request: HttpRequest) -> Identity | None:
    """Return the identity that this request logs in with, if any."""
    return getattr(request, "identity", None)


def was_opened(request: HttpRequest, *, within: timedelta) -> bool:
    """Whether the login that opened the session of this request is so long ago at most."""
    opened_at = _opened_at(request.session.get(OPENED) or {})
    return opened_at is not None and timezone.now() - opened_at <= within


def of(person: User) -> QuerySet[Session]:
    """Return the sessions of a person that are open, the one used last first."""
    return Session.objects.filter(person=person, expire_date__gt=timezone.now()).order_by("-last_used_at")


def was_ended(request: HttpRequest) -> bool:
    """Whether the session of this request was ended while it ran: whoever goes on with it has to open another."""
    return not request.session.exists(request.session.session_key or "")


def forget_expired() -> int:
    """Delete the rows of sessions that are over, by the clock of the database; return how many."""
    return Session.objects.filter(expire_date__lt=Now()).delete()[0]


def end(person: User, *, identity: Identity | None = None, but: str | None = None) -> int:
    """End the sessions of a person, or those that were opened with one identity, all but the one with the key `but`.

    Return how many. The rows are deleted: their cookies are worth nothing, whatever becomes of the person later.
    """
    found = Session.objects.filter(person=person)
    if identity is not None:
        found = found.filter(identity=identity)
    if but is not None:
        found = found.exclude(session_key=but)
    return found.delete()[0]
