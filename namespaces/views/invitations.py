"""Invitations: for admins making and ending them, for who holds a link the page that it opens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import NotAllowed, Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import User
from accounts.policy import may_vouch
from accounts.redirects import login_address
from namespaces import links
from namespaces.access import Permission, Role
from namespaces.actions import invitations as actions
from namespaces.invitation_forms import CourseForm, InviteForm, names_of
from namespaces.models import Invitation, Membership, Namespace
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import blame, page
from namespaces.views.head import head


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Invite one person (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form(request, namespace, "namespaces/invite.html", form)
    given = form.cleaned_data
    try:
        made = actions.invite(
            namespace=namespace, role=Role(given["role"]), address=given["address"], title=given["title"],
            expires_at=given["expires"], access_ends_at=given["until"], by=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        blame(form, refusal)
        return _form(request, namespace, "namespaces/invite.html", form, refusal)
    _say_made(request, made)
    return redirect(_address(made))


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def course(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Make the link of a course (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    form = CourseForm(
        request.POST if request.method == "POST" else None, namespace=namespace, by=request.user
    )
    if not form.is_valid():
        return _form(request, namespace, "namespaces/course.html", form)
    try:
        made = actions.open_course(namespace=namespace, course=form.course(), by=request.user)
    except Refusal as refusal:
        blame(form, refusal)
        return _form(request, namespace, "namespaces/course.html", form, refusal)
    messages.success(request, _("The link of %(course)s is ready.") % {"course": made})
    return redirect(_address(made))


@login_needed
@require_safe
def one(request: KnownRequest, cluster: str, name: str, invitation_id: UUID) -> HttpResponse:
    """Show an invitation to the admins: its link, what it gives, and who came by it."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    return _one(request, _invitation_or_404(namespace, invitation_id))


@login_needed
@require_POST
def renew(request: KnownRequest, cluster: str, name: str, invitation_id: UUID) -> HttpResponse:
    """Make a new link, and send it where there is an address."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    invitation = _invitation_or_404(namespace, invitation_id)
    try:
        renewed = actions.renew(invitation=invitation, by=request.user)
    except Refusal as refusal:
        return _one(request, invitation, refusal)
    _say_made(request, renewed)
    return redirect(_address(renewed))


@login_needed
@require_POST
def withdraw(request: KnownRequest, cluster: str, name: str, invitation_id: UUID) -> HttpResponse:
    """Take an invitation back."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    invitation = _invitation_or_404(namespace, invitation_id)
    try:
        actions.withdraw(invitation=invitation, by=request.user)
    except Refusal as refusal:
        return _one(request, invitation, refusal)
    messages.success(request, _("The invitation was taken back. Its link lets nobody in any more."))
    return redirect(_address(invitation)) if invitation.is_course else redirect("members", cluster, name)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: KnownRequest, cluster: str, name: str, invitation_id: UUID) -> HttpResponse:
    """Say who would be out if a course ended now (GET), and end it (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    invitation = _invitation_or_404(namespace, invitation_id)
    if not invitation.is_course:
        raise Http404
    context = _context(request, invitation)
    if request.method != "POST":
        return page(request, "namespaces/course_end.html", context)
    try:
        ended = actions.end_course(invitation=invitation, by=request.user)
    except Refusal as refusal:
        return page(request, "namespaces/course_end.html", context, refusal=refusal)
    words = ngettext("%(number)d person is out.", "%(number)d people are out.", len(ended))
    messages.success(request, words % {"number": len(ended)})
    if left := len(context["came"]) - len(ended):
        messages.warning(
            request,
            ngettext(
                "%(number)d stays: nobody else is an admin.",
                "%(number)d stay: nobody else is an admin.",
                left,
            )
            % {"number": left},
        )
    return redirect("members", cluster, name)


@require_http_methods(["GET", "HEAD", "POST"])
def opened(request: HttpRequest, invitation_id: UUID, serial: int, proof: str) -> HttpResponse:
    """Say what a link lets its holder into; logged in, they accept it (POST). Nothing happens by opening it."""
    if not links.is_genuine(invitation_id, serial, proof):
        raise Http404
    kept = Invitation.objects.select_related("namespace__cluster", "created_by")
    invitation = get_object_or_404(kept, pk=invitation_id)
    if request.method != "POST":
        return _opened(request, invitation, serial)
    if not isinstance(request.user, User):
        return redirect(login_address(request.path))
    try:
        membership = actions.accept(invitation=invitation, serial=serial, by=request.user)
    except Refusal as refusal:
        return _opened(request, invitation, serial, refusal)
    if membership is None:
        messages.info(request, _("The invitation is kept for you. Open the link again once you are a user."))
        return redirect(request.path)
    texts = {"namespace": membership.namespace, "role": membership.get_role_display()}
    messages.success(request, _("You are %(role)s in %(namespace)s now.") % texts)
    return redirect(membership.namespace)


def _opened(
    request: HttpRequest, invitation: Invitation, serial: int, refusal: Refusal | None = None
) -> HttpResponse:
    reader = request.user if isinstance(request.user, User) else None
    needs_voucher = reader is not None and reader.is_guest and not may_vouch(invitation.created_by)
    is_kept = reader is not None and invitation.person_id == reader.pk
    own = Membership.objects.current().filter(namespace=invitation.namespace, person=reader)
    context: dict[str, Any] = {
        "invitation": invitation,
        "namespace": invitation.namespace,
        "over": actions.why_not(invitation, serial),
        "is_member": reader is not None and own.exists(),
        "can": Role(invitation.role).can,
        "login": login_address(request.path),
        "needs_voucher": needs_voucher,
        "is_kept": is_kept,
        "may_accept": not isinstance(refusal, NotAllowed)
        and not (needs_voucher and (is_kept or invitation.is_course)),
    }
    response = page(request, "namespaces/invitation_opened.html", context, refusal=refusal)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _form(
    request: KnownRequest,
    namespace: Namespace,
    template: str,
    form: InviteForm | CourseForm,
    refusal: Refusal | None = None,
) -> HttpResponse:
    context = head(request.user, namespace) | {"form": form, "may_vouch": may_vouch(request.user)}
    invalid = form.is_bound and not form.is_valid()
    return page(request, template, context, refusal=refusal, invalid=invalid)


def _one(request: KnownRequest, invitation: Invitation, refusal: Refusal | None = None) -> HttpResponse:
    return page(request, "namespaces/invitation.html", _context(request, invitation), refusal=refusal)


def _context(request: KnownRequest, invitation: Invitation) -> dict[str, Any]:
    over = actions.why_not(invitation, invitation.serial)
    return head(request.user, invitation.namespace) | {
        "invitation": invitation,
        "over": over,
        "link": ""
        if over or not _may_pass_on(request.user, invitation)
        else settings.BASE_URL + links.path(invitation),
        "used": actions.used(invitation),
        "came": actions.came_by(invitation),
        "institutions": names_of(invitation.institutions),
        "vouches": may_vouch(invitation.created_by),
    }


def _may_pass_on(reader: User, invitation: Invitation) -> bool:
    """Whether the reader sees the link. Where its maker vouches for the guests who come by it, nobody chooses these for
    them but who could vouch as well."""
    by = invitation.created_by
    return reader.pk == by.pk or bool(invitation.address) or not may_vouch(by) or may_vouch(reader)


def _invitation_or_404(namespace: Namespace, invitation_id: UUID) -> Invitation:
    kept = Invitation.objects.select_related("namespace__cluster", "created_by", "person")
    return get_object_or_404(kept, pk=invitation_id, namespace=namespace)


def _address(invitation: Invitation) -> str:
    namespace = invitation.namespace
    return reverse("invitation_made", args=(namespace.cluster.name, namespace.name, invitation.pk))


def _say_made(request: KnownRequest, invitation: Invitation) -> None:
    if invitation.address and settings.MAIL_FROM:
        text = _("An invitation goes to %(address)s.") % {"address": invitation.address}
    else:
        text = _("The link is ready. Pass it on.")
    messages.success(request, text)
