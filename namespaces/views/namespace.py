"""One namespace, and asking to join it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audience import Audience
from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.models import User
from namespaces import bibtex, directory, drift, inbox, seen_limits, structured, waiting
from namespaces.access import Permission, Role
from namespaces.actions import requests
from namespaces.forms import JoinForm
from namespaces.models import Namespace
from namespaces.policy import audience_of, permissions
from namespaces.shortcuts import get_namespace_or_404
from namespaces.showing import Card
from namespaces.views import parameters, people_of, state, succession
from namespaces.views.answers import blame, page
from namespaces.views.head import head

_USE = "use"  # the id of the part of the page that tells what is used
_PARAMETERS = {"seen": parameters.text(16), **people_of.PARAMETERS}


@require_safe
def namespace(request: HttpRequest, cluster: str, name: str) -> HttpResponse:
    """Show a namespace: the public part, to its members the people in it, and how the reader's own access stands."""
    found = get_namespace_or_404(request.user, cluster, name, Permission.SEE_PAGE)
    seen = parameters.read(request.GET, _PARAMETERS).get("seen", "")
    reader = request.user if isinstance(request.user, User) else None
    line = state.line(reader, found) if reader else None
    if request.htmx and request.htmx.target != _USE:  # type: ignore[attr-defined]
        return state.answer(request, line, seen)
    context = head(request.user, found) | {
        "line": line,
        "own_request": inbox.asked_by(reader).filter(namespace=found).first() if reader else None,
    }
    cards = directory.current().by_id[found.pk]
    card = cards[audience_of(request.user, context["may"])]
    context |= _preview(cards[Audience.PUBLIC]) | {"card": card, "about": _about(card, reader)}
    if Permission.SEE_PEOPLE.name in context["may"]:
        context |= people_of.shown(request, found, with_former=False)
        context["named_by"] = succession.of_reader(reader, found) if reader else ()
    if Permission.SEE_LIMITS.name in context["may"]:
        context["seen"] = seen_limits.of(found)
    if Permission.SEE_DRIFT.name in context["may"]:
        context["beside"] = drift.of(found)
        context["residual"] = drift.residual([found])
    if request.htmx:  # type: ignore[attr-defined]
        return page(request, "namespaces/_use.html", context)
    response = page(request, "namespaces/namespace.html", context)
    if not card.is_listed:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _about(card: Card, reader: User | None) -> SafeString:
    """Return what the page says of the namespace as HTML, made once. Two audiences may have one card, and who is not
    logged in reads other words where nobody is named."""
    key = f"about {get_language()} {reader is not None}"
    if key not in card.fragments:
        context = {"card": card, "is_known": reader is not None}
        card.fragments[key] = render_to_string("namespaces/_about.html", context)
    return card.fragments[key]


@require_safe
def publications(request: HttpRequest, cluster: str, name: str) -> HttpResponse:
    """Give as BibTeX the publications that the reader finds on the page, which may be none."""
    found = get_namespace_or_404(request.user, cluster, name, Permission.SEE_PAGE)
    may = {permission.name for permission in permissions(request.user, found)}
    card = directory.current().by_id[found.pk][audience_of(request.user, may)]
    response = HttpResponse(bibtex.export(card.publications), content_type=bibtex.CONTENT_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}.bib"'
    if not card.is_listed:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _preview(card: Card) -> dict[str, Any]:
    """Return what the page says to programs, which is what everybody may read; nothing where that is nothing."""
    if not card.is_reachable:
        return {"social": None}
    if "structured" not in card.fragments:
        card.fragments["structured"] = structured.project(card)
    about = (
        card.summary
        or card.title
        or _("A namespace of the cluster %(cluster)s.") % {"cluster": card.cluster_title}
    )
    return {
        "structured": card.fragments["structured"],
        "address": structured.address_of(card),
        "social": {
            "title": f"{card.name}: {card.title}" if card.title else card.name,
            "about": about,
            "image": structured.logo_of(card),
            "image_alt": _("Logo of %(namespace)s") % {"namespace": card.name},
        },
    }


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Ask to be let in."""
    found = get_namespace_or_404(request.user, cluster, name, Permission.ASK_TO_JOIN)
    form = JoinForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _ask(request, found, form)
    return page(
        request, "namespaces/join.html", _join_context(request.user, found, form), invalid=form.is_bound
    )


def _ask(request: KnownRequest, namespace: Namespace, form: JoinForm) -> HttpResponse:
    role, reason = Role(form.cleaned_data["role"]), form.cleaned_data["reason"]
    try:
        made = requests.ask_to_join(namespace=namespace, role=role, reason=reason, by=request.user)
    except Refusal as refusal:
        blame(form, refusal)
        return page(
            request, "namespaces/join.html", _join_context(request.user, namespace, form), refusal=refusal
        )
    messages.success(request, _("You asked to join %(namespace)s.") % {"namespace": namespace})
    return redirect(made)


def _join_context(reader: User, namespace: Namespace, form: JoinForm) -> dict[str, Any]:
    admins = inbox.admins_of([namespace], reader)[namespace.pk]
    pause = None if form.is_bound else waiting.pause_until(reader, namespace=namespace)
    return {"namespace": namespace, "form": form, "admins": admins, "pause": pause}
