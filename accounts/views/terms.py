"""The terms of use: to read for everybody, to accept for who is logged in, to publish for operators."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import policy
from accounts import terms as rules
from accounts.actions import terms as actions
from accounts.errors import StateConflict
from accounts.forms import AcceptForm, TermsForm
from accounts.guards import KnownRequest, login_needed
from accounts.models import Terms, User
from accounts.redirects import is_own_path
from accounts.terms import before_terms


@before_terms
@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the newest version, from when it binds, and the one that binds until then."""
    return _terms(request, wanted=request.GET.get("next", ""))


@before_terms
@login_needed
@require_POST
def accept(request: KnownRequest) -> HttpResponse:
    """Accept the version that was read, and go on to where the reader was going."""
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _terms(request, wanted=request.POST.get("next", ""), form=form)
    try:
        actions.accept(version=form.cleaned_data["version"], by=request.user)
    except StateConflict as conflict:
        form.add_error(None, conflict.message)
        return _terms(request, wanted=request.POST.get("next", ""), form=form, status=409)
    wanted = form.cleaned_data["next"]
    return redirect(wanted if is_own_path(wanted) else "home")


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: KnownRequest) -> HttpResponse:
    """Publish a new version; the form begins with the text of the last one."""
    if not policy.is_operator(request.user):
        raise PermissionDenied(_("Only operators publish the terms of use."))
    last = rules.newest()
    given = request.POST if request.method == "POST" else None
    form = TermsForm(given, initial={"text": last.text if last else ""})
    if form.is_valid():
        published = actions.publish(
            text=form.cleaned_data["text"], binds_from=form.cleaned_data["binds_from"], by=request.user
        )
        messages.success(request, _("Published: %(version)s.") % {"version": published})
        return redirect("terms")
    return render(request, "accounts/terms_publish.html", {"form": form}, status=400 if form.errors else 200)


def _terms(
    request: HttpRequest, *, wanted: str, form: AcceptForm | None = None, status: int = 400
) -> HttpResponse:
    newest, binding = rules.newest(), rules.in_force()
    context = {
        "newest": newest,
        "until_then": binding if binding != newest else None,
        "accepted": _accepted(request.user, newest) if newest else None,
        "next": wanted if is_own_path(wanted) else "",
        "may_publish": policy.is_operator(request.user),
        "form": form,
    }
    return render(request, "accounts/terms.html", context, status=status if form else 200)


def _accepted(reader: object, version: Terms) -> object:
    return reader.acceptances.filter(terms=version).first() if isinstance(reader, User) else None
