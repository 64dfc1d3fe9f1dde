"""The identity that somebody has just shown to be theirs, kept in their session until they say yes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.http import HttpRequest

from accounts.claims import Claims

WITHIN = timedelta(minutes=10)
"""From the first login to the yes (identity.md, section 4)."""
_KEY = "identity_to_link"


@dataclass(frozen=True)
class _Kept:
    person: str
    at: float
    claims: dict[str, object]


def keep(request: HttpRequest, claims: Claims) -> None:
    """Remember what was shown, for the person who is logged in; nothing is written yet."""
    request.session[_KEY] = asdict(_Kept(str(request.user.pk), time.time(), asdict(claims)))


def shown(request: HttpRequest) -> Claims | None:
    """Return what the reader has shown within ten minutes, or None."""
    kept = request.session.get(_KEY)
    if not kept:
        return None
    found = _Kept(**kept)
    if found.person != str(request.user.pk) or time.time() - found.at > WITHIN.total_seconds():
        return None
    return Claims(**found.claims)  # type: ignore[arg-type]


def forget(request: HttpRequest) -> None:
    """Drop what was shown: it was linked, or is not to be."""
    request.session.pop(_KEY, None)
