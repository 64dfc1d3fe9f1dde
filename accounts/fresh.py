"""How long ago somebody showed their identity provider who they are: some acts want that to be minutes.

A stolen session, or a browser that was left open, is not enough for what cannot be taken back lightly. Only the
provider's own word counts (`auth_time` of the ID token), and only of an identity that is still the person's.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.http import HttpRequest

from accounts.claims import Claims
from accounts.models import Identity
from accounts.provider.id_token import LEEWAY_SECONDS

FOR_IDENTITIES = timedelta(minutes=5)
"""For linking and retiring identities (security.md, rule 11)."""
FOR_ACTS = timedelta(minutes=15)
"""For the other acts that a stolen session must not be enough for (same rule)."""
_KEY = "fresh_login"


@dataclass(frozen=True)
class _Fresh:
    identity: str
    at: int


def note(request: HttpRequest, identity: Identity, claims: Claims) -> None:
    """Remember in the session when this identity was shown; a provider that does not say when is not believed."""
    if claims.authenticated_at is None or claims.authenticated_at > time.time() + LEEWAY_SECONDS:
        return
    request.session[_KEY] = asdict(_Fresh(str(identity.pk), claims.authenticated_at))


def is_since(claims: Claims, moment: float) -> bool:
    """Whether the person showed who they are after this moment (seconds since 1970), as far as two clocks can tell."""
    earliest, latest = moment - LEEWAY_SECONDS, time.time() + LEEWAY_SECONDS
    return claims.authenticated_at is not None and earliest <= claims.authenticated_at <= latest


def identity(request: HttpRequest, within: timedelta) -> Identity | None:
    """Return the identity that was shown within this time, or None."""
    kept = request.session.get(_KEY)
    if not kept or not request.user.is_authenticated:
        return None
    shown = _Fresh(**kept)
    if time.time() - shown.at > within.total_seconds():
        return None
    own = Identity.objects.filter(person=request.user, state=Identity.State.ACTIVE)
    return own.filter(pk=shown.identity).first()
