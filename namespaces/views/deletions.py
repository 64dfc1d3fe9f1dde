"""Deleting an account: the person asks and may withdraw, an operator carries it out."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import fresh, policy, sessions
from accounts.actions import deletions as actions
from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Deletion, User
from accounts.terms import before_terms
from accounts.views.again import ask_again, showing, typed_before
from namespaces.actions import succession
from namespaces.actions.members import without_another_admin
from namespaces.forms import DeletionForm, SuccessorsForm
from namespaces.inbox import asked_by
from namespaces.roster import memberships_of
from namespaces.views.answers import page


@before_terms  # who does not accept them can go
@leads_to_issuers
@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def deletion(request: KnownRequest) -> HttpResponse:
    """Say what deleting the reader's account means; ask for it on POST."""
    form = DeletionForm(request.POST if request.method == "POST" else None)
    refusal: Refusal | None = None
    if form.is_valid() and not fresh.is_shown(request):
        return ask_again(request, "deletion")
    if form.is_valid():
        try:
            actions.ask(by=request.user)
        except Refusal as error:
            refusal = error
        else:
            messages.success(
                request, _("Asked. An operator deletes your account; until then you can withdraw.")
            )
            return redirect("profile")
    context = {
        "form": form,
        "asked": request.user.deletion,
        "orphans": without_another_admin(request.user),
        "is_last_operator": actions.is_last_operator(request.user),
        "memberships": memberships_of(request.user),
        **showing(request, reverse("deletion")),
    }
    return page(request, "namespaces/deletion.html", context, refusal=refusal, invalid=bool(form.errors))


@before_terms
@login_needed
@require_POST
def withdraw(request: KnownRequest) -> HttpResponse:
    """Take one's own wish back."""
    try:
        actions.withdraw(by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Withdrawn. Your account stays as it is."))
    return redirect("profile")


@leads_to_issuers
@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Show an operator what goes with an account whose person asked for it; begin to delete it on POST."""
    if not policy.may_see_people(request.user):
        raise Http404
    found = get_object_or_404(User, pk=person_id)
    if not policy.may_delete(request.user, found):
        raise PermissionDenied(_("Only operators delete accounts, and nobody their own."))
    asked = found.deletion
    if (asked is None or asked.state != Deletion.State.ASKED) and request.method != "POST":
        return redirect("person", person_id)
    here = reverse("person_delete", args=[found.pk])
    given = request.POST if request.method == "POST" else typed_before(request, here)
    form = DeletionForm(request.POST if request.method == "POST" else None)  # that one is sure is said anew
    successors = SuccessorsForm(given, person=found, by=request.user)
    is_valid = form.is_valid() and successors.is_valid()
    refusal: Refusal | None = None
    if is_valid and not fresh.is_shown(request):
        return ask_again(request, "person_delete", person_id, keeps=True)
    if is_valid:
        try:
            succession.delete(person=found, by=request.user, successors=successors.successors())
        except Refusal as error:
            refusal = error
        else:
            words = _("The account of %(person)s is being deleted. The name goes last.")
            messages.success(request, words % {"person": found})
            return redirect("person", person_id)
    context = {
        "person": found,
        "asked": asked,
        "form": form,
        "successors": successors,
        "memberships": memberships_of(found),
        "waiting": asked_by(found).open().count(),
        "sessions": sessions.of(found).count(),
        **showing(request, here),
    }
    invalid = bool(form.errors or successors.errors)
    return page(request, "namespaces/delete.html", context, refusal=refusal, invalid=invalid)
