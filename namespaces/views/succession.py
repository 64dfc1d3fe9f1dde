"""Who takes over from an admin: named in advance, or at once when they leave."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import User
from namespaces.access import Permission, Role
from namespaces.actions import succession
from namespaces.actions.members import successor_of, successors_of, without_another_admin
from namespaces.forms import HeirForm
from namespaces.models import Membership, Namespace
from namespaces.policy import role_of
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import blame, page
from namespaces.views.head import head


def of_members(reader: User, namespace: Namespace) -> dict[str, Any]:
    """Return what the page of the members says of successors."""
    is_admin = role_of(reader, namespace) == Role.ADMIN
    return {"named": succession.named_in(namespace), "names": is_admin}


def after(membership: Membership) -> dict[str, Any]:
    """Return what becomes of the role of an admin whose membership ends: who takes over, or that nobody can."""
    is_last = membership.role == Role.ADMIN and membership.namespace in without_another_admin(
        membership.person
    )
    heir = successor_of(membership) if is_last else None
    return {
        "heir": heir and heir.person,
        "is_last": is_last and heir is None,
        "may_hand_over": membership.role == Role.ADMIN,
    }


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def successor(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Say who takes over from the reader; name somebody else, or nobody (POST with `nobody`)."""
    namespace = _of_admin_or_404(request, cluster, name)
    heir = _heir(request.user, namespace)
    is_over = request.method == "POST" and "nobody" in request.POST
    given = request.POST if request.method == "POST" and not is_over else None
    form = HeirForm(given, initial={"successor": heir}, namespace=namespace, by=request.user)
    refusal = None
    if is_over or form.is_valid():
        chosen = None if is_over else form.cleaned_data["successor"]
        try:
            succession.name(namespace=namespace, successor=chosen, by=request.user)
        except Refusal as error:
            refusal = error
        else:
            messages.success(request, _named(chosen))
            return redirect("members", cluster, name)
    if refusal and form.is_bound:
        blame(form, refusal)
    context = {"form": form, "heir": heir, **head(request.user, namespace)}
    invalid = bool(form.errors) and refusal is None
    return page(request, "namespaces/successor.html", context, refusal=refusal, invalid=invalid)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show what handing over will change, and do it: another member becomes an admin, and the reader is out."""
    namespace = _of_admin_or_404(request, cluster, name)
    heir = _heir(request.user, namespace)
    given = request.POST if request.method == "POST" else None
    form = HeirForm(given, initial={"successor": heir}, namespace=namespace, by=request.user)
    refusal = None
    if form.is_valid():
        chosen = form.cleaned_data["successor"]
        try:
            succession.hand_over_and_leave(namespace=namespace, successor=chosen, by=request.user)
        except Refusal as error:
            refusal = error
            blame(form, error)
        else:
            words = _("%(person)s is an admin of %(namespace)s, and you have left it.")
            messages.success(request, words % {"person": chosen, "namespace": namespace})
            return redirect("home")
    context = {"form": form, "can": Role.ADMIN.can, **head(request.user, namespace)}
    invalid = bool(form.errors) and refusal is None
    return page(request, "namespaces/hand_over.html", context, refusal=refusal, invalid=invalid)


def of_reader(reader: User, namespace: Namespace) -> list[User]:
    """Return the admins who have named the reader."""
    return [each.person for each in succession.named_in(namespace) if _is_named(each, reader)]


def _is_named(naming: Membership, reader: User) -> bool:
    return naming.successor is not None and naming.successor.person_id == reader.pk


def _heir(reader: User, namespace: Namespace) -> User | None:
    """Return whom the reader has named."""
    named = successors_of(reader).filter(namespace=namespace).first()
    return named.person if named else None


def _named(chosen: User | None) -> str:
    if chosen is None:
        return _("Nobody is named any more to take over from you.")
    return _("%(person)s takes over if you leave and nobody else is an admin. They were told.") % {
        "person": chosen
    }


def _of_admin_or_404(request: KnownRequest, cluster: str, name: str) -> Namespace:
    """Return the namespace if the reader is an admin of it; operators who are none have no part to hand over."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    if role_of(request.user, namespace) != Role.ADMIN:
        raise PermissionDenied(_("Only the admins of this namespace say who takes over from them."))
    return namespace
