"""Show again who you are: what pages ask for before an act that a stolen session must not be enough for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
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


def ask_again(request: KnownRequest, *page: Any) -> HttpResponse:
    """Lead back to the page, which asks who the reader is: they were not, or no longer, shown lately enough."""
    messages.info(request, _("Nothing was done yet. Show again who you are, then do it once more."))
    return not_done(redirect(*page))


def _own_issuers(request: KnownRequest) -> list[Issuer]:
    own = request.user.identities.filter(state=Identity.State.ACTIVE).values_list("issuer", flat=True)
    mine = set(own)
    return [issuer for issuer in settings.ISSUERS if issuer.issuer in mine]
