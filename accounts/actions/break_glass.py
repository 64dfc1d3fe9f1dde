"""A break-glass operator: a local account with password and codes, for when no identity provider can be used.

There is at most one at a time. It has no identity, so no cluster knows it: it decides in the pages and nowhere else.
Only a command on the server makes and ends one, and every use is told to all operators: by a message, and on every
page (portal/banners.py).
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from dataclasses import dataclass

import structlog
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import messages, sessions
from accounts.actions import people
from accounts.errors import StateConflict
from accounts.models import BreakGlass, Level, User
from accounts.signals import person_changed
from audit.models import Event
from audit.record import record

logger = structlog.get_logger(__name__)

PASSWORD_BYTES, SECRET_BYTES = 24, 20


@dataclass(frozen=True)
class Made:
    """What is said once, and kept nowhere in the clear: the password, and the secret of the codes (base 32)."""

    person: User
    password: str
    secret: str


def current() -> User | None:
    """Return the break-glass operator, if there is one."""
    found = BreakGlass.objects.filter(is_current=True).select_related("person").first()
    return found.person if found else None


def find(password: str) -> User | None:
    """Return the break-glass operator whose password this is. An answer takes as long where there is none."""
    person = current()
    kept = person.password if person else make_password(None)
    return person if check_password(password, kept) and person and person.is_active else None


@transaction.atomic
def make(*, name: str) -> Made:
    """Make one. Raises StateConflict while there is another."""
    password, secret = (
        secrets.token_urlsafe(PASSWORD_BYTES),
        b32encode(secrets.token_bytes(SECRET_BYTES)).decode(),
    )
    person = User(name=name, level=Level.ADMIN, is_superuser=True)
    person.set_password(password)
    person.save(force_insert=True)
    try:
        with transaction.atomic():
            BreakGlass.objects.create(person=person)
    except IntegrityError:
        raise StateConflict(_("There is a break-glass operator already. End that one first.")) from None
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": encrypt(secret)})
    record("break_glass.made", by=None, about=person, after={"level": Level.ADMIN, "is_superuser": True})
    messages.break_glass(_("A break-glass operator was made"))
    return Made(person, password, secret)


@transaction.atomic
def note_use(person: User) -> None:
    """Write down that it logged in: every operator reads so on every page."""
    BreakGlass.objects.filter(person=person).update(used_at=Now())
    record("break_glass.used", by=person, about=person)
    messages.break_glass(_("A break-glass operator has logged in"))
    logger.warning("break-glass operator logged in", person=str(person.pk))


@transaction.atomic
def note_refusal() -> None:
    """Write down that somebody tried."""
    record("break_glass.used", by=None, about=None, outcome=Event.Outcome.DENIED)
    # Once in an hour: whoever tries again and again writes no heap of mails.
    hour = timezone.now().strftime("%Y-%m-%dT%H")
    messages.break_glass(
        _("Somebody tried to log in as a break-glass operator"), event=f"break-glass.refused {hour}"
    )
    logger.warning("break-glass login refused")


@transaction.atomic
def end() -> User | None:
    """End the one that there is, with its sessions, for ever; return it."""
    person = current()
    if person is None:
        return None
    people.lock(person)
    person = User.objects.get(pk=person.pk)
    person.set_unusable_password()
    person.is_active = person.is_superuser = False
    person.save(update_fields=["password", "is_active", "is_superuser"])
    person.suspensions.current().update(ended_at=Now())  # or its end would let them in
    BreakGlass.objects.filter(person=person).update(is_current=None, ended_at=Now())
    Authenticator.objects.filter(user=person).delete()
    record("break_glass.ended", by=None, about=person, after={"sessions": sessions.end(person)})
    messages.break_glass(_("A break-glass operator was ended"))
    person_changed.send(sender=User, person=person, by=None)
    return person
