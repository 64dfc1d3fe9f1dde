"""Query parameters: each page names those it knows; an unknown, doubled or impossible one is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.core.exceptions import BadRequest, ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.text import clean_text

Reader = Callable[[str, str], Any]


def read(query: QueryDict, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the parameters that are given, each read by its reader. Raises BadRequest that names the parameter."""
    values = {}
    for name, given in query.lists():
        if name not in readers:
            raise BadRequest(_("This page knows no parameter “%(name)s”.") % {"name": name[:40]})
        if len(given) != 1:
            raise BadRequest(_("The parameter “%(name)s” is given more than once.") % {"name": name})
        if given[0]:
            values[name] = readers[name](name, given[0])
    return values


def text(limit: int = 200) -> Reader:
    """Return a reader of text of limited length."""

    def read_text(name: str, value: str) -> str:
        if len(value) > limit:
            raise BadRequest(
                _("The parameter “%(name)s” has more than %(limit)d characters.")
                % {"name": name, "limit": limit}
            )
        try:
            return clean_text(value).strip()
        except ValidationError as error:
            raise BadRequest(
                _("The parameter “%(name)s” cannot be used: %(reason)s")
                % {"name": name, "reason": " ".join(error.messages)}
            ) from error

    return read_text


def one_of(values: Collection[str]) -> Reader:
    """Return a reader of one of these values."""

    def read_choice(name: str, value: str) -> str:
        if value not in values:
            raise BadRequest(
                _("The parameter “%(name)s” is one of: %(values)s.")
                % {"name": name, "values": ", ".join(values)}
            )
        return value

    return read_choice


def as_given(_name: str, value: str) -> str:
    """Leave the value to whoever can judge it: a key depends on what a list is sorted by."""
    return value
