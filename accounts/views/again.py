"""Show again who you are: what pages ask for before an act that a stolen session must not be enough for."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import fresh, second_factor
from accounts.forms import IssuerForm
from accounts.guards import KnownRequest, login_needed
from accounts.issuers import Issuer
from accounts.models import Identity
from accounts.provider import further
from accounts.provider.further import Purpose
from accounts.provider.limit import limited
from accounts.submissions import not_done, repeatable
from accounts.terms import before_terms

_TYPED = "typed_before"
_MOST_TYPED = 20_000
"""More than any form of ours takes is not kept in a session."""


@before_terms  # it decides nothing, and who asks to be deleted needs it
@repeatable
@never_cache
@login_needed
@require_POST
@limited("POST")
def show_again(request: KnownRequest) -> HttpResponse:
    """Send the reader to their issuer, and from there back to the page that asked."""
    form = IssuerForm(request.POST)
    if not form.is_valid():
        raise BadRequest(_("The field “issuer” names no identity provider."))
    return further.begin(request, form.cleaned_data["issuer"], Purpose.SHOW_AGAIN, form.cleaned_data["next"])


def showing(request: KnownRequest, page: str, *, within: timedelta = fresh.FOR_ACTS) -> dict[str, Any]:
    """Return what a page needs that holds such an act: whether the reader has shown who they are within this time, with
    which identity, and if not, with what they can (accounts/_show_again.html) and where to go on then.
    """
    shown = fresh.is_shown(request, within)
    return {
        "shown": shown,
        "shown_identity": fresh.identity(request, within) if shown else None,
        "own_issuers": [] if shown else _own_issuers(request),
        "has_second_factor": not shown and second_factor.of(request.user).exists(),
        "back_to": page,
    }


def ask_again(request: KnownRequest, *page: Any, keeps: bool = False) -> HttpResponse:
    """Lead back to the page, which asks who the reader is: they were not, or no longer, shown lately enough. What was
    typed is there again once they have shown it, if the view `keeps` it.
    """
    request.session.pop(_TYPED, None)
    fields = request.POST.copy()
    fields.pop("csrfmiddlewaretoken", None)
    if keeps and len(typed := fields.urlencode()) <= _MOST_TYPED:
        request.session[_TYPED] = {"form": request.path, "fields": typed, "at": int(time.time())}
    messages.info(request, _("Nothing was done yet. Show again who you are, then do it once more."))
    return not_done(redirect(*page))


def typed_before(request: KnownRequest, form: str) -> QueryDict | None:
    """Return once what was sent to the address of this form before the reader was asked who they are, if they have
    shown it since, and within the time that showing it holds. The session forgets it then.
    """
    kept = request.session.get(_TYPED)
    if not kept or kept["form"] != form or not fresh.is_shown(request):
        return None
    del request.session[_TYPED]
    return QueryDict(kept["fields"]) if time.time() - kept["at"] <= fresh.FOR_ACTS.total_seconds() else None


def _own_issuers(request: KnownRequest) -> list[Issuer]:
    own = request.user.identities.filter(state=Identity.State.ACTIVE).values_list("issuer", flat=True)
    mine = set(own)
    return [issuer for issuer in settings.ISSUERS if issuer.issuer in mine]
