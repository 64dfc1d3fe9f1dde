"""The reader's own page: who Berth takes them for, who reads their name, and where they are logged in."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import second_factor, sessions
from accounts.actions import people
from accounts.actions import sessions as actions
from accounts.audience import Audience
from accounts.forms import NamedToForm
from accounts.guards import KnownRequest, login_needed
from accounts.models import Merge
from accounts.terms import before_terms


@before_terms
@login_needed
@require_safe
def profile(request: KnownRequest) -> HttpResponse:
    """Show name, institution, level, identities and sessions: what comes from the institution, and is not edited here;
    and who reads the name.
    """
    return _profile(request, NamedToForm(initial={"named_to": request.user.named_to}))


@before_terms
@login_needed
@require_POST
def named_to(request: KnownRequest) -> HttpResponse:
    """Let the reader choose who reads their name where they are admin of a namespace."""
    form = NamedToForm(request.POST)
    if not form.is_valid():
        return _profile(request, form)
    people.set_named_to(
        person=request.user, audience=Audience(form.cleaned_data["named_to"]), by=request.user
    )
    messages.success(request, _("Your choice counts from now on."))
    return redirect("profile")


def _profile(request: KnownRequest, form: NamedToForm) -> HttpResponse:
    context = {
        "form": form,
        "identities": request.user.identities.order_by("created_at"),
        "merges": request.user.merges.exclude(state=Merge.State.WITHDRAWN).select_related(
            "shown", "decided_by"
        ),
        "has_second_factor": second_factor.of(request.user).exists(),
        "must_have_second_factor": second_factor.must_have(request.user),
        "sessions": sessions.of(request.user),
        "idle_hours": settings.SESSION_IDLE // timedelta(hours=1),
        "longest_days": settings.SESSION_LONGEST.days,
    }
    return render(request, "accounts/profile.html", context, status=400 if form.errors else 200)


@before_terms
@login_needed
@require_POST
def end_session(request: KnownRequest, handle: str) -> HttpResponse:
    """End one of the reader's sessions; the current one by logging out."""
    found = next((session for session in sessions.of(request.user) if session.handle == handle), None)
    if found is None:
        raise Http404
    if found.session_key == request.session.session_key:
        return redirect("account_logout")
    actions.end_one(session=found, by=request.user)
    messages.success(request, _("The session has ended: %(device)s.") % {"device": found.device})
    return redirect("profile")


@before_terms
@login_needed
@require_POST
def end_other_sessions(request: KnownRequest) -> HttpResponse:
    """End all of the reader's sessions but the current one."""
    ended = actions.end_others(current=request.session.session_key or "", by=request.user)
    text = ngettext("%(number)d other session has ended.", "%(number)d other sessions have ended.", ended)
    messages.success(request, text % {"number": ended})
    return redirect("profile")
