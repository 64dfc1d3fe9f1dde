"""Deciding what a namespace may use: as a form, with a preview, for operators."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal, StateConflict
from accounts.guards import KnownRequest, login_needed
from namespaces import preview, seen_limits
from namespaces.access import Permission
from namespaces.actions import limits as actions
from namespaces.limits_form import LimitsForm, initial
from namespaces.models import Namespace
from namespaces.profiles import configured_profiles
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views import parameters
from namespaces.views.answers import blame, page, start_from_now
from namespaces.views.head import head

_TEMPLATE = "namespaces/limits.html"


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show the form with what is decided, or with a profile (GET); show what it changes, or store it (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.DECIDE_LIMITS)
    if request.method != "POST":
        return page(request, _TEMPLATE, _context(request, namespace, _filled(request, namespace)))
    form = LimitsForm(request.POST)
    if not form.is_valid():
        return page(request, _TEMPLATE, _context(request, namespace, form), invalid=True)
    if "save" not in request.POST:
        shown = {"preview": preview.of_limits(namespace, form.amounts)}
        return page(request, _TEMPLATE, _context(request, namespace, form) | shown)
    return _save(request, namespace, form)


def _save(request: KnownRequest, namespace: Namespace, form: LimitsForm) -> HttpResponse:
    version = form.cleaned_data["version"]
    try:
        actions.decide(namespace=namespace, amounts=form.amounts, version=version, by=request.user)
    except Refusal as refusal:
        blame(form, refusal)
        if isinstance(refusal, StateConflict):
            namespace.refresh_from_db(fields=["limits_version"])
            start_from_now(form, namespace.limits_version)
        return page(request, _TEMPLATE, _context(request, namespace, form), refusal=refusal)
    messages.success(request, _("The limits of %(namespace)s are decided.") % {"namespace": namespace})
    return redirect(namespace)


def _filled(request: KnownRequest, namespace: Namespace) -> LimitsForm:
    profiles = configured_profiles().by_name
    chosen = parameters.read(request.GET, {"profile": parameters.one_of(profiles)}).get("profile")
    amounts = profiles[chosen].amounts if chosen else actions.of(namespace)
    return LimitsForm(initial={"version": namespace.limits_version, **initial(amounts)})


def _context(request: KnownRequest, namespace: Namespace, form: LimitsForm) -> dict[str, Any]:
    return head(request.user, namespace) | {
        "form": form,
        "profiles": configured_profiles().by_name.values(),
        "seen": seen_limits.of(namespace),
    }
