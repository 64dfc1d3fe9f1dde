"""How long ago somebody showed their identity provider who they are: some acts want that to be minutes.

A stolen session, or a browser that was left open, is not enough for what cannot be taken back lightly. What
counts is the provider's own word (`auth_time` of the ID token) about an identity that is still the person's, or a
second factor that was shown here: for providers that do not say when they asked.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from accounts.claims import Claims
from accounts.models import Identity, User
from accounts.provider.id_token import LEEWAY_SECONDS
from accounts.sessions import OPENED

FOR_IDENTITIES = timedelta(minutes=5)
"""For linking and retiring identities (security.md, rule 11)."""
FOR_ACTS = timedelta(minutes=15)
"""For the other acts that a stolen session must not be enough for (same rule)."""
_KEY = "fresh_login"


@dataclass(frozen=True)
class _Fresh:
    """Which identity was shown, none for who has none (break-glass), when (seconds since 1970), and by which second
    factor, if by one: one that was taken away since shows nothing any more."""

    identity: str
    at: int
    factor: int | None = None


def note(request: HttpRequest, identity: Identity, claims: Claims) -> None:
    """Remember in the session when this identity was shown; a provider that does not say when is not believed."""
    if claims.authenticated_at is None or claims.authenticated_at > time.time() + LEEWAY_SECONDS:
        return
    request.session[_KEY] = asdict(_Fresh(str(identity.pk), claims.authenticated_at))


def note_second_factor(request: HttpRequest, factor: Authenticator) -> None:
    """Remember that a second factor was shown now: it stands for the identity that the session was opened with."""
    opened = request.session.get(OPENED) or {}
    request.session[_KEY] = asdict(_Fresh(opened.get("identity") or "", int(time.time()), factor.pk))


def was_told(request: HttpRequest) -> bool:
    """Whether anybody ever said in this session when the reader showed who they are: some providers never do."""
    return _KEY in request.session


def is_since(claims: Claims, moment: float) -> bool:
    """Whether the person showed who they are after this moment (seconds since 1970), as far as two clocks can tell."""
    earliest, latest = moment - LEEWAY_SECONDS, time.time() + LEEWAY_SECONDS
    return claims.authenticated_at is not None and earliest <= claims.authenticated_at <= latest


def identity(request: HttpRequest, within: timedelta) -> Identity | None:
    """Return the identity that was shown within this time, or None."""
    shown = _shown(request, within)
    return _identity(request, shown) if shown else None


def is_shown(request: HttpRequest, within: timedelta = FOR_ACTS) -> bool:
    """Whether the reader has shown who they are within this time; somebody without any identity, by a second factor."""
    shown = _shown(request, within)
    return shown is not None and (not shown.identity or _identity(request, shown) is not None)


def _identity(request: HttpRequest, shown: _Fresh) -> Identity | None:
    if not shown.identity or not isinstance(request.user, User):
        return None
    own = Identity.objects.filter(person=request.user, state=Identity.State.ACTIVE)
    return own.filter(pk=shown.identity).first()


def _shown(request: HttpRequest, within: timedelta) -> _Fresh | None:
    kept = request.session.get(_KEY)
    if not kept or not request.user.is_authenticated:
        return None
    shown = _Fresh(**kept)
    if time.time() - shown.at > within.total_seconds():
        return None
    if shown.factor is None:
        return shown
    own = Authenticator.objects.filter(pk=shown.factor, user=request.user.pk)
    return shown if own.exists() else None
