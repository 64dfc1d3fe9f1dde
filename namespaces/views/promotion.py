"""Asking for the level after one's own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import Level
from namespaces import inbox, waiting
from namespaces.actions import requests
from namespaces.forms import PromotionForm
from namespaces.views.answers import blame, page

_TEMPLATE = "namespaces/promotion.html"


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def promotion(request: KnownRequest) -> HttpResponse:
    """Ask to become a user, or for level admin; whoever has asked already is led to their request."""
    if request.method == "POST":
        return _post(request)
    if asked := inbox.open_promotion(request.user):
        return redirect(asked)
    level = Level(request.user.level).following
    if level is None:
        return page(request, _TEMPLATE, {})
    form = PromotionForm(level=level, initial={"institution": request.user.institution})
    context = _context(level, form) | {"pause": waiting.pause_until(request.user, level=level)}
    return page(request, _TEMPLATE, context)


def _post(request: KnownRequest) -> HttpResponse:
    """Ask for the level that the form was about, whatever the reader's own is meanwhile: the action judges it."""
    level = Level.USER if request.POST.get("level") == Level.USER else Level.ADMIN
    form = PromotionForm(request.POST, level=level)
    if not form.is_valid():
        return page(request, _TEMPLATE, _context(level, form), invalid=True)
    given = {name: form.cleaned_data[name] for name in form.fields if name != "level"}
    try:
        made = requests.ask_for_level(level=level, by=request.user, **given)
    except Refusal as refusal:
        blame(form, refusal)
        return page(request, _TEMPLATE, _context(level, form), refusal=refusal)
    messages.success(request, _("You asked for the level %(level)s.") % {"level": level.label})
    return redirect(made)


def _context(level: Level, form: PromotionForm) -> dict[str, Any]:
    return {"level": level, "form": form}
