"""Logins of somebody who is logged in: to show anew who they are, or to show a further identity to be theirs.

Neither opens a session, stores a row or changes who is logged in. Both are bound to the session and the person that
began them, and the provider must have asked the person since.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts import fresh, issuers, linking
from accounts.claims import Claims
from accounts.models import Identity, User
from accounts.provider.errors import LoginError, Refused

_PURPOSE, _PERSON, _BEGUN = "purpose", "person", "begun"


class Purpose(StrEnum):
    """What a login of somebody who is logged in is for."""

    SHOW_AGAIN = "show again"
    LINK = "link"


def begin(request: HttpRequest, issuer_id: str, purpose: Purpose, next_page: str) -> HttpResponse:
    """Send the browser of somebody who is logged in to an issuer, and from there to `next_page`.

    Answers with words where the issuer cannot be reached. Raises UnknownIssuer.
    """
    provider = get_adapter(request).get_provider(request, provider=issuers.by_id(issuer_id).id)
    state = {_PURPOSE: str(purpose), _PERSON: str(request.user.pk), _BEGUN: str(time.time())}
    answer: HttpResponse
    try:
        answer = provider.redirect_further(request, next_url=next_page, **state)
    except LoginError as error:
        context = {"state": {"next": next_page}}
        answer = render_authentication_error(request, provider, exception=error, extra_context=context)
    return answer


def is_meant(state: Mapping[str, Any]) -> bool:
    """Whether the login that comes back was begun here."""
    return _PURPOSE in state


def arrive(request: HttpRequest, state: Mapping[str, Any], claims: Claims) -> HttpResponse:
    """Take in what was shown, and go on. Raises Refused."""
    person = request.user
    if not isinstance(person, User) or not person.is_active or str(person.pk) != state[_PERSON]:
        raise Refused("somebody_else_logged_in")
    if not fresh.is_since(claims, float(state[_BEGUN])):
        raise Refused("not_shown_anew")
    if state[_PURPOSE] == Purpose.LINK:
        linking.keep(request, claims)
    else:
        _show_again(request, person, claims)
    return HttpResponseRedirect(state["next"])


def _show_again(request: HttpRequest, person: User, claims: Claims) -> None:
    own = Identity.objects.filter(person=person, state=Identity.State.ACTIVE)
    shown = own.filter(issuer=claims.issuer, subject=claims.subject).first()
    if shown is None:
        raise Refused("not_your_identity")
    fresh.note(request, shown, claims)
