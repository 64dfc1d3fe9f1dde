"""Two accounts that somebody has shown to be theirs: an operator looks at both and decides."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import fresh, policy
from accounts.actions import merging as actions
from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Merge
from accounts.views.again import ask_again, showing
from namespaces.forms import DenyForm
from namespaces.roster import memberships_of
from namespaces.views.answers import page


@leads_to_issuers
@login_needed
@require_safe
def merge(request: KnownRequest, merge_id: UUID) -> HttpResponse:
    """Show both accounts, which login showed them to be one person's, and what merging does."""
    return _page(request, _for_operators_or_404(request, merge_id))


@leads_to_issuers
@login_needed
@require_POST
def approve(request: KnownRequest, merge_id: UUID) -> HttpResponse:
    """Merge them; the operator has shown who they are within a quarter of an hour."""
    found = _for_operators_or_404(request, merge_id)
    if not fresh.is_shown(request):
        return ask_again(request, "merge", merge_id)
    try:
        done = actions.approve(merge=found, by=request.user)
    except Refusal as refusal:
        return _page(request, found, refusal=refusal)
    messages.success(request, _("Merged: everything is %(person)s's now.") % {"person": done.kept})
    return redirect("person", done.kept_id)


@leads_to_issuers
@login_needed
@require_POST
def deny(request: KnownRequest, merge_id: UUID) -> HttpResponse:
    """Say no, and why."""
    found = _for_operators_or_404(request, merge_id)
    form = DenyForm(request.POST, prefix="deny")
    if not form.is_valid():
        return _page(request, found, form=form)
    try:
        actions.deny(merge=found, note=form.cleaned_data["note"], by=request.user)
    except Refusal as refusal:
        return _page(request, found, form=form, refusal=refusal)
    messages.success(request, _("Denied. The two accounts stay as they are."))
    return redirect("merge", merge_id)


@login_needed
@require_POST
def withdraw(request: KnownRequest, merge_id: UUID) -> HttpResponse:
    """Take one's own wish back."""
    found = get_object_or_404(Merge, pk=merge_id, kept=request.user)
    try:
        actions.withdraw(merge=found, by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Withdrawn. The two accounts stay as they are."))
    return redirect("profile")


def _for_operators_or_404(request: KnownRequest, merge_id: UUID) -> Merge:
    if not policy.is_operator(request.user):
        raise Http404
    both = Merge.objects.select_related("kept", "emptied", "shown", "shown_with", "decided_by")
    return get_object_or_404(both, pk=merge_id)


def _page(
    request: KnownRequest, found: Merge, *, form: DenyForm | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    found = _for_operators_or_404(request, found.pk)
    context = {
        "merge": found,
        "accounts": [(account, memberships_of(account)) for account in (found.kept, found.emptied)],
        "is_pending": found.state == Merge.State.PENDING,
        **showing(request, reverse("merge", args=[found.pk])),
        "deny_form": form or DenyForm(prefix="deny"),
    }
    return page(
        request, "namespaces/merge.html", context, refusal=refusal, invalid=bool(form and form.errors)
    )
