"""The namespace manager: what I manage, and creating a namespace."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import User
from accounts.policy import may_create_namespaces
from accounts.submissions import repeatable
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import inbox
from namespaces.access import Role
from namespaces.actions import namespaces as actions
from namespaces.actions import requests
from namespaces.forms import CreateForm, NamespaceWishForm
from namespaces.models import Membership, Namespace, is_open
from namespaces.organisations import suggestions
from namespaces.policy import may_ask_for_namespace
from namespaces.views import parameters, state
from namespaces.views.answers import blame, page

_TYPED = dict.fromkeys(("institution", "approve-institution"), parameters.text())


@login_needed
@require_safe
def manage(request: KnownRequest) -> HttpResponse:
    """Show the reader's level and every namespace that they manage."""
    own = Membership.objects.current().filter(person=request.user, role=Role.ADMIN)
    people = Count("memberships", filter=Q(memberships__ended_at=None), distinct=True)
    waiting = Count("requests", filter=is_open("requests__"), distinct=True)
    namespaces = Namespace.objects.filter(pk__in=own.values("namespace")).select_related("cluster")
    counted = namespaces.annotate(people=people, waiting=waiting).order_by("name", "cluster")
    context = {
        "lines": state.lines(request.user, [] if request.user.is_guest else list(counted)),
        **_allowance(request.user),
    }
    return page(request, "namespaces/manage.html", context)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: KnownRequest) -> HttpResponse:
    """Create a namespace; the reader becomes its admin."""
    if not may_create_namespaces(request.user):
        raise PermissionDenied(_("People of level admin and operators create namespaces."))
    form = _form(request)
    if form.is_valid():
        return _create(request, form)
    return page(
        request, "namespaces/create.html", {"form": form, **_allowance(request.user)}, invalid=form.is_bound
    )


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: KnownRequest) -> HttpResponse:
    """Ask for a namespace of one's own; whoever has asked already is led to their request."""
    if not may_ask_for_namespace(request.user):
        raise PermissionDenied(_("Guests do not ask for namespaces. Ask to become a user first."))
    form = NamespaceWishForm(
        request.POST if request.method == "POST" else None,
        clusters=Cluster.objects.filter(name__in=configured_clusters()),
        initial={"institution": request.user.institution},
    )
    if request.method != "POST":
        asked = inbox.open_for_namespace(request.user)
        return redirect(asked) if asked else page(request, "namespaces/ask.html", {"form": form})
    if not form.is_valid():
        return page(request, "namespaces/ask.html", {"form": form}, invalid=True)
    try:
        made = requests.ask_for_namespace(**form.cleaned_data, by=request.user)
    except Refusal as refusal:
        blame(form, refusal)
        return page(request, "namespaces/ask.html", {"form": form}, refusal=refusal)
    messages.success(request, _("You asked for the namespace %(name)s.") % {"name": made.name})
    return redirect(made)


@repeatable
@login_needed
@require_POST
def name_check(request: KnownRequest) -> HttpResponse:
    """Say whether the name in the form could be used, and which rules it breaks: while one types. Nothing is stored.

    By POST, because an address has no room for everything that can be pasted into a field.
    """
    if not may_ask_for_namespace(request.user):
        raise PermissionDenied(_("Guests do not ask for namespaces. Ask to become a user first."))
    form = _form(request)
    form.full_clean()
    values, typed = form.cleaned_data, (form["name"].value() or "").strip()
    problems = [str(error) for error in form.errors.get("name", ())] if typed else []
    if name := values.get("name"):
        problems = actions.problems_of_name(name, override_style=values.get("override_style", False))
        if Namespace.objects.filter(name=name, cluster=values.get("cluster")).exists():
            problems.append(_("A namespace of this name exists already."))
    return page(request, "namespaces/_name_check.html", {"name": typed, "problems": problems})


@login_needed
@require_safe
def organisations(request: KnownRequest) -> HttpResponse:
    """Complete the name of an institution: the choices of a field, while one types."""
    typed = next(iter(parameters.read(request.GET, _TYPED).values()), "")
    return page(request, "namespaces/_organisations.html", {"suggestions": suggestions(typed)})


def _form(request: KnownRequest) -> CreateForm:
    clusters = Cluster.objects.filter(name__in=configured_clusters())
    return CreateForm(
        request.POST if request.method == "POST" else None,
        clusters=clusters,
        is_operator=request.user.is_operator,
        initial={"institution": request.user.institution, "pi_name": request.user.name},
    )


def _create(request: KnownRequest, form: CreateForm) -> HttpResponse:
    values = form.cleaned_data
    try:
        made = actions.create(
            cluster=values["cluster"],
            name=values["name"],
            page=form.page(),
            by=request.user,
            override_style=values.get("override_style", False),
        )
    except Refusal as refusal:
        blame(form, refusal)
        context = {"form": form, **_allowance(request.user)}
        return page(request, "namespaces/create.html", context, refusal=refusal)
    messages.success(request, _("You created %(namespace)s and are its admin.") % {"namespace": made})
    return redirect(made)


def _allowance(person: User) -> dict[str, Any]:
    """Return how many namespaces the person has created, and how many they may."""
    return {
        "may_create": may_create_namespaces(person),
        "may_ask": may_ask_for_namespace(person),
        "created": Namespace.objects.filter(created_by=person).count(),
        "most": None if person.is_operator else settings.NAMESPACES_PER_ADMIN,
    }
