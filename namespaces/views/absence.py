"""Who decides for the reader while they are away."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from namespaces.actions import absences
from namespaces.forms import AbsenceForm
from namespaces.policy import is_admin_somewhere
from namespaces.views.answers import blame, page


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def absence(request: KnownRequest) -> HttpResponse:
    """Say who decides for the reader, and until when; name somebody else (POST)."""
    form = AbsenceForm(request.POST if request.method == "POST" else None, by=request.user)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            absences.begin(deputy=given["deputy"], until=given["until"], by=request.user)
        except Refusal as refusal:
            blame(form, refusal)
            return _shown(request, form, refusal)
        messages.success(request, _("%(person)s decides for you.") % {"person": given["deputy"]})
        return redirect("requests")
    return _shown(request, form)


@login_needed
@require_POST
def end(request: KnownRequest) -> HttpResponse:
    """Decide oneself again."""
    try:
        absences.end(by=request.user)
    except Refusal as refusal:
        return _shown(request, AbsenceForm(by=request.user), refusal)
    messages.success(request, _("Nobody decides in your place any more."))
    return redirect("requests")


def _shown(request: KnownRequest, form: AbsenceForm, refusal: Refusal | None = None) -> HttpResponse:
    context = {
        "form": form,
        "absence": absences.current(request.user),
        "may_be_away": is_admin_somewhere(request.user),
    }
    invalid = form.is_bound and not form.is_valid()
    return page(request, "namespaces/absence.html", context, refusal=refusal, invalid=invalid)
