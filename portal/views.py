"""The start page, and the choice of light or dark."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.redirects import is_own_path
from accounts.submissions import repeatable
from accounts.terms import before_terms
from namespaces import checklist, directory, inbox
from namespaces.models import Membership, Namespace
from namespaces.showing import Card
from namespaces.views import state
from portal.context import THEME_COOKIE, THEMES

_YEAR = timedelta(days=365)
_SOCIAL = {
    "title": settings.SITE_NAME,
    "about": gettext_lazy("Find your group’s namespace, ask to join, and work with kubectl."),
}
_RECENT_REQUESTS, _FIRST_TO_DECIDE = 5, 5


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is (anonymous), or what needs the reader now, their namespaces, their requests."""
    if isinstance(request.user, User):
        return render(request, "portal/home.html", _mine(request.user))
    known = directory.current()
    counts = known.remember("welcome", lambda: _counts(known.cards()))
    context = {**counts, "social": _SOCIAL, "address": f"{settings.BASE_URL}/", "structured": ""}
    return render(request, "portal/welcome.html", context)


def _counts(cards: list[Card]) -> dict[str, int]:
    """Return how many namespaces are public, and of how many institutions."""
    institutions = {name for card in cards for name in (card.institution, *dict(card.institutions)) if name}
    return {"namespaces": len(cards), "institutions": len(institutions)}


def _mine(person: User) -> dict[str, Any]:
    memberships = {
        membership.namespace_id: membership
        for membership in Membership.objects.current().filter(person=person)
    }
    namespaces = list(Namespace.objects.filter(pk__in=memberships).select_related("cluster"))
    return {
        "steps": checklist.of(person, now=timezone.now()),
        "to_decide": inbox.to_decide(person)[:_FIRST_TO_DECIDE],
        "lines": [(line, memberships[line.namespace.pk]) for line in state.lines(person, namespaces)],
        "asked": inbox.with_admins(list(inbox.asked_by(person)[:_RECENT_REQUESTS]), person),
    }


@before_terms
@repeatable
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or automatic in a cookie, and go back to where the reader was."""
    chosen, back = request.POST.get("theme"), request.POST.get("next", "").strip()
    if chosen not in THEMES:
        raise BadRequest(_("The field “theme” is one of: %(values)s.") % {"values": ", ".join(THEMES)})
    response = redirect(back if is_own_path(back) else "home")
    secure = request.is_secure()
    response.set_cookie(THEME_COOKIE, chosen, max_age=_YEAR, httponly=True, samesite="Lax", secure=secure)
    return response
