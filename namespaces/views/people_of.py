"""A page of the people of a namespace, as its own page and that of its members show them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone

from namespaces import roster
from namespaces.models import Namespace
from namespaces.views import keyset, parameters

PAGE_SIZE = 50
PARAMETERS = {"after": parameters.as_given, "before": parameters.as_given, "who": parameters.text(100)}
_BY_PLACE = keyset.Order("place", keyset.Text())


def shown(request: HttpRequest, namespace: Namespace, *, with_former: bool) -> dict[str, Any]:
    """Return a page of the members by their place, those whose name has `who` in it if that is asked; with it, on the
    first page, likewise the former ones. Raises BadRequest for a place that is none."""
    place = {name: str(request.GET[name]) for name in ("after", "before") if request.GET.get(name)}
    who = parameters.text(100)("who", str(request.GET.get("who", "")))
    found = roster.members(namespace)
    number = found.count()
    if who:
        found = found.filter(person__name__icontains=who)
    rows = keyset.page(found.order_by(), _BY_PLACE, PAGE_SIZE, **place)
    with_former = with_former and not place
    people = roster.of(namespace, rows.rows, with_former=with_former, who=who, now=timezone.now())
    return {
        "roster": people,
        "number": number,
        "who": who,
        "is_long": number > PAGE_SIZE,
        "here": _query(who=who, **place),
        "earlier": _query(who=who, before=rows.before) if rows.before else "",
        "later": _query(who=who, after=rows.after) if rows.after else "",
    }


def _query(**given: str) -> str:
    """Return the query of an address of this page: of what it knows, and nothing else that stood in the address."""
    told = {name: value for name, value in given.items() if value}
    return f"?{urlencode(told)}" if told else ""
