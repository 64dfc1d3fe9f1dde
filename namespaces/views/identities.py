"""The reader's own identities: what each gives them in the clusters, linking a further one, retiring one."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import fresh, linking, sessions
from accounts.actions import identities as actions
from accounts.actions import merging
from accounts.claims import Claims
from accounts.errors import Refusal, StateConflict
from accounts.forms import IssuerForm
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Identity, User, account_uid
from accounts.provider import further
from accounts.provider.further import Purpose
from accounts.provider.limit import limited
from accounts.submissions import repeatable
from accounts.views.again import ask_again, showing
from namespaces import preview, standing
from namespaces.views.answers import page


@login_needed
@require_safe
def identity(request: KnownRequest, identity_id: UUID) -> HttpResponse:
    """Show one of the reader's identities, and how the access by it stands; asked by the script, only that."""
    shown = _own_or_404(request, identity_id)
    stands = standing.of_identity(shown)
    context = {
        "identity": shown,
        "stands": stands,
        "is_final": all(each.is_final for _namespace, each in stands),
        "may_retire": shown.state == Identity.State.ACTIVE and actions.may_be_retired(shown),
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "namespaces/_identity_access.html", context)
    return render(request, "namespaces/identity.html", context)


@repeatable
@leads_to_issuers
@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
@limited("POST")
def link(request: KnownRequest) -> HttpResponse:
    """Lead through two logins: first with an identity of the reader's, then with the one to be linked."""
    again = showing(request, reverse("identity_link"), within=fresh.FOR_IDENTITIES)
    if not request.user.identities.exists():
        raise PermissionDenied(
            _("This account has no identity, and gets none: it is there to break the glass.")
        )
    form = IssuerForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and again["shown"]:
        return further.begin(request, form.cleaned_data["issuer"], Purpose.LINK, reverse("identity_confirm"))
    if form.is_valid():
        return ask_again(request, "identity_link")
    context = {"form": form, "issuers": settings.ISSUERS, **again}
    return page(request, "namespaces/identity_link.html", context, invalid=form.is_bound)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: KnownRequest) -> HttpResponse:
    """Name both identities and what the clusters will get; link on POST the one that was named."""
    own, other = fresh.identity(request, linking.WITHIN), linking.shown(request)
    if own is None or other is None:
        messages.info(request, _("Both logins are needed within ten minutes. Begin again."))
        return redirect("identity_link")
    if request.method != "POST" and _is_linked(other, request.user):
        linking.forget(request)
        text = _("%(identity)s is yours already. At the identity provider, choose the other institution.")
        messages.info(request, text % {"identity": other.subject})
        return redirect("identity_link")
    account = merging.other_account(other, request.user)
    is_unused = account is not None and merging.is_unused(account)
    refusal: Refusal | None = None
    named = account_uid(other.issuer, other.subject)
    if request.method == "POST" and request.POST.get("shown") != named:
        refusal = StateConflict(_("You have shown another identity since. Look at it, and decide."))
    elif request.method == "POST":
        linking.forget(request)
        try:
            if account is not None and not is_unused:
                merging.ask(claims=other, shown_with=own, by=request.user)
                messages.success(request, _("Asked. An operator looks at both accounts and decides."))
                return redirect("profile")
            link_or_take_over = merging.take_over if is_unused else actions.link
            linked = link_or_take_over(claims=other, by=request.user)
        except Refusal as error:
            refusal = error
        else:
            messages.success(request, _("Linked. From now on you can log in with either."))
            return redirect("identity", linked.pk)
    context = {
        "account": account,
        "is_unused": is_unused,
        "own": own,
        "other": other,
        "named": named,
        "lines": preview.of_identity(request.user, other.issuer, other.subject),
    }
    return page(request, "namespaces/identity_confirm.html", context, refusal=refusal)


@leads_to_issuers
@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def retire(request: KnownRequest, identity_id: UUID) -> HttpResponse:
    """Say what retiring an identity takes away; retire it on POST."""
    found = _own_or_404(request, identity_id)
    again = showing(request, reverse("identity_retire", args=[found.pk]), within=fresh.FOR_IDENTITIES)
    refusal: Refusal | None = None
    if request.method == "POST" and again["shown"]:
        try:
            actions.retire(identity=found, by=request.user)
        except Refusal as error:
            refusal = error
        else:
            if sessions.was_ended(request):  # they had logged in with it
                logout(request)
            messages.success(request, _("Retired. Nobody can log in with it, and its access is being ended."))
            return redirect("identity", found.pk)
    elif request.method == "POST":
        return ask_again(request, "identity_retire", found.pk)
    context = {
        "identity": found,
        **again,
        "may_retire": found.state == Identity.State.ACTIVE and actions.may_be_retired(found),
        "lines": preview.of_identity(request.user, found.issuer, found.subject),
    }
    return page(request, "namespaces/identity_retire.html", context, refusal=refusal)


def _is_linked(claims: Claims, person: User) -> bool:
    own = person.identities.filter(state=Identity.State.ACTIVE)
    return own.filter(issuer=claims.issuer, subject=claims.subject).exists()


def _own_or_404(request: KnownRequest, identity_id: UUID) -> Identity:
    return get_object_or_404(Identity, pk=identity_id, person=request.user)
