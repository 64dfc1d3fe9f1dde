"""Who is in a namespace: for its admins the table with everything that changes it, for members the way out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.days import in_words
from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import User
from accounts.policy import may_vouch
from namespaces.access import Permission, Role
from namespaces.actions import adding, invitations
from namespaces.actions import members as actions
from namespaces.add_many_form import AddManyForm
from namespaces.forms import AddMemberForm, RoleForm, UntilForm
from namespaces.models import Membership, Namespace
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views import parameters, people_of, succession
from namespaces.views.answers import blame, page
from namespaces.views.head import head

SEARCH_MIN_LENGTH, SEARCH_MAX_ROWS = 3, 10


@login_needed
@require_safe
def members(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show who is in the namespace; asked by the script, only how everybody's access stands."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    parameters.read(request.GET, people_of.PARAMETERS)
    if request.htmx:  # type: ignore[attr-defined]
        context = {
            "namespace": namespace,
            "swap": True,
            **people_of.shown(request, namespace, with_former=True),
        }
        return render(request, "namespaces/_standings.html", context)
    return _members(request, namespace)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Search for somebody (GET), give them a role (POST). The search is in the address of both, so nothing is lost."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    query = parameters.read(request.GET, {"q": parameters.text()}).get("q", "")
    if request.method != "POST":
        return _members(request, namespace, query=query)
    form = AddMemberForm(request.POST)
    if not form.is_valid():
        return _members(request, namespace, query=query, form=form)
    person, role = form.cleaned_data["person"], Role(form.cleaned_data["role"])
    was_guest = person.is_guest
    try:
        ends_at = form.cleaned_data["until"]
        actions.add(namespace=namespace, person=person, role=role, ends_at=ends_at, by=request.user)
    except Refusal as refusal:
        return _members(request, namespace, query=query, refusal=refusal)
    _say_added(request, person, role, vouched=was_guest)
    return redirect("members", cluster, name)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def add_many(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Take a list of people: say what adding it would do (POST), and do it (POST with `save`)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    if request.method != "POST":
        return _many(request, namespace, AddManyForm())
    form = AddManyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _many(request, namespace, form)
    form.data = form.pasted()
    entries = form.cleaned_data["entries"]
    if "save" not in request.POST:
        return _many(request, namespace, form, entries=entries)
    try:
        lines = adding.add(
            namespace=namespace, entries=entries, together=form.cleaned_data["together"],
            inviting=form.cleaned_data["inviting"], by=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        blame(form, refusal)
        return _many(request, namespace, form, entries=entries, refusal=refusal)
    _say_added_many(request, lines)
    return redirect("members", cluster, name)


@login_needed
@require_POST
def role(request: KnownRequest, cluster: str, name: str, membership_id: UUID) -> HttpResponse:
    """Change somebody's role."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    membership = _membership_or_404(namespace, membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _members(request, namespace, form=form)
    try:
        changed = actions.set_role(
            membership=membership, role=Role(form.cleaned_data["role"]), by=request.user
        )
    except Refusal as refusal:
        return _members(request, namespace, refusal=refusal)
    texts = {"person": changed.person, "role": changed.get_role_display()}
    messages.success(request, _("%(person)s is %(role)s now.") % texts)
    return _back(request, changed)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def until(request: KnownRequest, cluster: str, name: str, membership_id: UUID) -> HttpResponse:
    """Say until when somebody is a member, and change it (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    membership = _membership_or_404(namespace, membership_id)
    if request.method != "POST":
        shown = {"until": membership.last_day and timezone.localdate(membership.last_day)}
        return _until(request, membership, UntilForm(initial=shown))
    form = UntilForm(request.POST)
    if not form.is_valid():
        return _until(request, membership, form)
    try:
        changed = actions.set_end(membership=membership, ends_at=form.cleaned_data["until"], by=request.user)
    except Refusal as refusal:
        blame(form, refusal)
        return _until(request, membership, form, refusal)
    _say_until(request, changed)
    return redirect("members", cluster, name)


@login_needed
@require_POST
def extend(request: KnownRequest, cluster: str, name: str, membership_id: UUID) -> HttpResponse:
    """Let a membership last longer, in one click."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    membership = _membership_or_404(namespace, membership_id)
    try:
        shown = _moment(request.POST.get("ends_at", ""))
        _say_until(request, actions.extend(membership=membership, ends_at=shown, by=request.user))
    except Refusal as refusal:
        return _members(request, namespace, refusal=refusal)
    return redirect("members", cluster, name)


@login_needed
@require_POST
def restore(request: KnownRequest, cluster: str, name: str, membership_id: UUID) -> HttpResponse:
    """Undo a removal."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    membership = _membership_or_404(namespace, membership_id)
    try:
        restored = actions.restore(membership=membership, by=request.user)
    except Refusal as refusal:
        return _members(request, namespace, refusal=refusal)
    texts = {"person": restored.person, "role": restored.get_role_display()}
    messages.success(request, _("%(person)s is %(role)s again.") % texts)
    return redirect("members", cluster, name)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: KnownRequest, cluster: str, name: str, membership_id: UUID) -> HttpResponse:
    """Say what somebody would lose (GET), end their membership (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    membership = _membership_or_404(namespace, membership_id)
    if request.method != "POST":
        context = {"membership": membership, **succession.after(membership), **head(request.user, namespace)}
        return page(request, "namespaces/remove.html", context)
    try:
        actions.remove(membership=membership, by=request.user)
    except Refusal as refusal:
        return _members(request, namespace, refusal=refusal)
    messages.success(request, _("%(person)s was removed.") % {"person": membership.person})
    return _back(request, membership)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Say what the reader would lose (GET), end their own membership (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.SEE_PEOPLE)
    current = Membership.objects.current().select_related("person", "namespace__cluster")
    membership = current.filter(namespace=namespace, person=request.user).first()
    if membership is None:
        raise Http404
    context = {"membership": membership, "leaving": True, **succession.after(membership)}
    context |= head(request.user, namespace)
    if request.method != "POST":
        return page(request, "namespaces/remove.html", context)
    try:
        actions.remove(membership=membership, by=request.user)
    except Refusal as refusal:
        return page(request, "namespaces/remove.html", context, refusal=refusal)
    messages.success(request, _("You left %(namespace)s.") % {"namespace": namespace})
    return redirect("home")


def _members(
    request: KnownRequest,
    namespace: Namespace,
    *,
    query: str = "",
    form: RoleForm | None = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    context = head(request.user, namespace) | {
        **people_of.shown(request, namespace, with_former=True),
        "roles": Role.choices,
        "default_role": Role.EDITOR,
        "extension": actions.EXTENSION.days,
        "form": form,
        "invitations": invitations.shown(namespace),
        **succession.of_members(request.user, namespace),
        **_found(namespace, query, request.user),
    }
    return page(request, "namespaces/members.html", context, refusal=refusal, invalid=form is not None)


def _many(
    request: KnownRequest,
    namespace: Namespace,
    form: AddManyForm,
    *,
    entries: Sequence[adding.Entry] = (),
    refusal: Refusal | None = None,
) -> HttpResponse:
    inviting = form.is_bound and bool(form.cleaned_data.get("inviting"))
    lines = adding.judge(namespace=namespace, entries=entries, inviting=inviting, by=request.user)
    context = head(request.user, namespace) | {
        "form": form,
        "lines": lines,
        "adds": sum(line.is_added for line in lines),
        "invites": sum(line.is_invited for line in lines),
        "problems": sum(bool(line.problem) for line in lines),
    }
    invalid = form.is_bound and not entries
    return page(request, "namespaces/add_many.html", context, refusal=refusal, invalid=invalid)


def _say_added_many(request: KnownRequest, lines: Sequence[adding.Line]) -> None:
    if added := sum(line.is_added for line in lines):
        words = ngettext("%(number)d person was added.", "%(number)d people were added.", added)
        messages.success(request, words % {"number": added})
    if invited := sum(line.is_invited for line in lines):
        words = ngettext("%(number)d person was invited.", "%(number)d people were invited.", invited)
        messages.success(request, words % {"number": invited})
    if left := [str(line.entry.number) for line in lines if line.problem]:
        words = ngettext("Line %(numbers)s was not done.", "Lines %(numbers)s were not done.", len(left))
        messages.warning(request, words % {"numbers": ", ".join(left)})


def _until(
    request: KnownRequest, membership: Membership, form: UntilForm, refusal: Refusal | None = None
) -> HttpResponse:
    context = {"membership": membership, "form": form, **head(request.user, membership.namespace)}
    invalid = form.is_bound and not form.is_valid()
    return page(request, "namespaces/until.html", context, refusal=refusal, invalid=invalid)


def _say_until(request: KnownRequest, membership: Membership) -> None:
    if membership.last_day is None:
        words = _("The membership of %(person)s does not end by itself.")
    else:
        words = _("%(person)s is a member until %(day)s.")
    day = membership.last_day and in_words(membership.last_day)
    messages.success(request, words % {"person": membership.person, "day": day})


def _found(namespace: Namespace, query: str, reader: User) -> dict[str, Any]:
    """Find few people, by a part of their name, or by a whole e-mail address or subject."""
    context: dict[str, Any] = {"query": query, "minimum": SEARCH_MIN_LENGTH, "may_vouch": may_vouch(reader)}
    if len(query) < SEARCH_MIN_LENGTH:
        return context | {"found": None}
    matches = Q(name__icontains=query) | Q(email__iexact=query) | Q(identities__subject=query)
    people = User.objects.filter(matches, is_active=True).distinct().order_by("name", "pk")
    found = list(people[: SEARCH_MAX_ROWS + 1])
    members = set(
        Membership.objects.current()
        .filter(namespace=namespace, person__in=found)
        .values_list("person", flat=True)
    )
    rows = [(person, person.pk in members) for person in found[:SEARCH_MAX_ROWS]]
    return context | {"found": rows, "more": len(found) > SEARCH_MAX_ROWS}


def _back(request: KnownRequest, membership: Membership) -> HttpResponse:
    """Go back to the table, or to the public page for somebody who has just changed their own membership."""
    namespace = membership.namespace
    page_name = "namespace" if membership.person_id == request.user.pk else "members"
    return redirect(page_name, namespace.cluster.name, namespace.name)


def _moment(text: str) -> datetime | None:
    """Return the moment that a page wrote into its form; None for anything else, which is no end of anything."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _membership_or_404(namespace: Namespace, membership_id: UUID) -> Membership:
    memberships = Membership.objects.select_related("person", "namespace__cluster")
    return get_object_or_404(memberships, pk=membership_id, namespace=namespace)


def _say_added(request: KnownRequest, person: User, role: Role, *, vouched: bool) -> None:
    texts = {"person": person, "role": role.label}
    if vouched:
        messages.success(request, _("%(person)s is %(role)s now, and a user: you vouched for them.") % texts)
    else:
        messages.success(request, _("%(person)s is %(role)s now.") % texts)
