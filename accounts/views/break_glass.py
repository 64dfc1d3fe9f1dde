"""The page on which a break-glass operator logs in. There is none unless the settings say so."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.actions import break_glass
from accounts.forms import BreakGlassForm, CodeForm
from accounts.submissions import repeatable
from accounts.terms import before_terms


@before_terms
@repeatable
@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Ask for password and code, and say of neither alone whether it was right."""
    if not settings.BREAK_GLASS:
        raise Http404
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    form = BreakGlassForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        limited: HttpResponse | None = ratelimit.consume_or_429(request, action="login")
        if limited:
            return limited
        person = break_glass.find(form.cleaned_data["password"])
        shown = CodeForm(user=person, data=request.POST) if person else None
        if person and shown and shown.is_valid():
            get_adapter(request).login(request, person)
            shown.save()
            break_glass.note_use(person)
            return redirect(settings.LOGIN_REDIRECT_URL)
        break_glass.note_refusal()
        form.add_error(None, _("Password or code is wrong, or was used too often."))
    status = 400 if form.is_bound else 200
    return render(request, "account/break_glass.html", {"form": form}, status=status)
