"""The public directory."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.audience import Audience
from accounts.models import User
from accounts.policy import Reader, is_known, is_operator
from accounts.terms import before_terms
from namespaces import search, structured
from namespaces.access import Role
from namespaces.directory import FACETS, SORTS, Directory, Found, Key, Query, current, find
from namespaces.models import Membership
from namespaces.showing import Card
from namespaces.views import parameters


def _place(name: str, value: str) -> Key:
    try:
        return Key.read(value)
    except ValueError:
        raise BadRequest(
            _("The parameter “%(name)s” is no place in this list. Begin with its first page.")
            % {"name": name}
        ) from None


_PARAMETERS = {
    "q": parameters.text(),
    **{name: parameters.text() for name in FACETS},
    "sort": parameters.one_of(SORTS),
    "after": _place,
    "before": _place,
}
_FACET_LABELS = {
    "institution": gettext_lazy("Institution"),
    "software": gettext_lazy("Software"),
    "field": gettext_lazy("Field"),
}
_SORT_LABELS = {
    "relevance": gettext_lazy("Relevance"),
    "name": gettext_lazy("Name"),
    "newest": gettext_lazy("Newest"),
    "publications": gettext_lazy("Publications"),
}
_VALUES_SHOWN = 6
_VALUE = '<li><a href="{}"><span>{}</span><span class="quiet">{}</span></a></li>'
_SOCIAL = {
    "title": gettext_lazy("Namespaces"),
    "about": gettext_lazy("Who works on what on this cluster, with which software and which publications."),
}


@before_terms
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Search the namespaces that the reader may know of."""
    query = read_query(request)
    known, audience = current(), _audience(request.user)
    own = known.telling(_own_of(request.user), audience)
    key = (query, audience, own, get_language())
    results = known.remember(key, lambda: _results(query, found(query, known, audience, own)))
    context = {
        "query": query,
        "results": results,
        "social": _SOCIAL,
        "address": settings.BASE_URL + reverse("directory"),
        "structured": known.remember("structured", lambda: structured.collection(_first(known))),
    }
    return render(request, "namespaces/directory.html", context)


def _first(known: Directory) -> tuple[Card, ...]:
    return find(Query(), known.cards()).cards


def read_query(request: HttpRequest) -> Query:
    """Return what is asked for. Raises BadRequest that names the parameter that cannot be."""
    query = Query(**parameters.read(request.GET, _PARAMETERS))
    if query.after and query.before:
        raise BadRequest(_("Give one of the parameters “after” and “before”, not both."))
    return query


def found(query: Query, known: Directory, audience: Audience, own: frozenset[UUID]) -> Found:
    """Return what this audience finds, with `own` read as members do."""
    ranks = search.matching(query.q, audience, own) if query.q else None
    return find(query, known.cards(audience, own, ranks), ranks)


def _audience(reader: Reader) -> Audience:
    """Return what the reader is to namespaces that are not their own; operators read everywhere what members do."""
    if is_operator(reader):
        return Audience.MEMBERS
    return Audience.SIGNED_IN if is_known(reader) else Audience.PUBLIC


def _own_of(reader: Reader) -> list[UUID]:
    """Return the namespaces that this reader is a member of."""
    if not isinstance(reader, User) or reader.is_guest:
        return []
    own = Membership.objects.current().filter(person=reader, role__in=Role.values)
    return list(own.values_list("namespace", flat=True))


def _results(query: Query, found: Found) -> SafeString:
    """Return what was found as HTML: the same for all readers who may see the same cards."""
    context = {
        "query": query,
        "found": found,
        "cards": [_render(card) for card in found.cards],
        "facets": [_facet(name, query, found) for name in FACETS],
        "sorts": [
            (label, _address(query, sort="" if name == Query(q=query.q).order else name), query.order == name)
            for name, label in _SORT_LABELS.items()
            if query.q or name != "relevance"
        ],
        "previous": _address(query, before=found.before) if found.before else "",
        "next": _address(query, after=found.after) if found.after else "",
    }
    return render_to_string("namespaces/_results.html", context)


def _render(card: Card) -> SafeString:
    """Return the card as HTML, which is the same for every reader and made once."""
    language = get_language() or ""
    if language not in card.fragments:
        card.fragments[language] = render_to_string("namespaces/_card.html", {"card": card})
    return card.fragments[language]


def _address(query: Query, **changes: Any) -> str:
    """Return the address of this search with some values changed; any change but of the place begins at the start."""
    values = {name: getattr(query, name) for name in ("q", *FACETS, "sort")} | changes
    given = {name: str(value) for name, value in values.items() if value}
    return f"{_here()}?{urlencode(given)}" if given else _here()


@cache
def _here() -> str:
    """Return the address of the directory, which stands in a page some sixty times."""
    return reverse("directory")


def _facet(name: str, query: Query, found: Found) -> dict[str, Any]:
    """Return a facet: its values with their counts and links, the frequent ones first."""
    chosen = getattr(query, name)
    values = [
        (_address(query, **{name: value}), value, count)
        for value, count in found.facets[name]
        if value != chosen
    ]
    shown = 0 if chosen else _VALUES_SHOWN
    return {
        "label": _FACET_LABELS[name],
        "chosen": chosen,
        "without": _address(query, **{name: ""}),
        "shown": format_html_join("", _VALUE, values[:shown]),
        "more": format_html_join("", _VALUE, values[shown:]),
        "number": len(values) - shown,
    }
