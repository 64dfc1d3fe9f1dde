"""Pages by key: the address says after or before which row, so that no row is lost or shown twice when others come and
go between two pages, and the last page costs what the first does.

A key is what the row is sorted by, `~` and its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import F, Model, OrderBy, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

Row = TypeVar("Row", bound=Model)
NEVER = "never"


class Text:
    """How text is written into a key."""

    def write(self, value: str) -> str:
        return value

    def read(self, text: str) -> str:
        if "\0" in text:  # PostgreSQL has no such text
            raise ValueError(text)
        return text


class Moment:
    """How a moment is written into a key, or that there is none."""

    def write(self, value: datetime | None) -> str:
        return NEVER if value is None else value.astimezone(UTC).isoformat()

    def read(self, text: str) -> datetime | None:
        return None if text == NEVER else datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True)
class Key:
    """The row that a page begins after, or ends before."""

    value: Any
    id: UUID


@dataclass(frozen=True)
class Order:
    """By one column and then by id, both in one direction; rows without a value come last, so only where it descends.

    `is_fixed` is for a column that never changes and that the clock of the database fills: it is compared with what the
    row has there, because SQLite compares moments as text and writes its own otherwise than Django does.
    """

    column: str
    kind: Text | Moment
    descends: bool = False
    is_fixed: bool = False

    def write(self, row: Model) -> str:
        """Return the key of a row."""
        return f"{self.kind.write(getattr(row, self.column))}~{row.pk}"

    def read(self, name: str, text: str) -> Key:
        """Return the key; raises BadRequest that names the parameter for one that `write` would not have written."""
        value, _tilde, id_ = text.rpartition("~")
        try:
            key = Key(self.kind.read(value), UUID(id_))
            is_ours = f"{self.kind.write(key.value)}~{key.id}" == text
        except (ValueError, OverflowError):
            is_ours = False
        if not is_ours:
            raise _no_place(name)
        return key

    def terms(self, *, backwards: bool) -> list[OrderBy]:
        """Return what to sort by."""
        # Only where some rows have no value: PostgreSQL would not take the index otherwise.
        is_told = (self.descends and not self.is_fixed) or None
        if self.descends == backwards:
            return [F(self.column).asc(nulls_first=is_told), F("pk").asc()]
        return [F(self.column).desc(nulls_last=is_told), F("pk").desc()]

    def beyond(self, key: Key, bound: Any, *, backwards: bool) -> Q:
        """Return which rows come after the key, or before it. The first comparison is one that an index answers."""
        side = "gt" if self.descends == backwards else "lt"
        beside = Q((f"pk__{side}", key.id))
        if key.value is None:
            nothing = Q((self.column, None))
            return ~nothing | beside if backwards else nothing & beside
        there = Q((f"{self.column}__{side}e", bound)) & (Q((f"{self.column}__{side}", bound)) | beside)
        return there | Q((self.column, None)) if self.descends and not backwards else there


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the keys for the page before and the one after; each empty where there is none."""

    rows: list[Row]
    before: str
    after: str


def page(found: QuerySet[Row], order: Order, size: int, *, after: str = "", before: str = "") -> Page[Row]:
    """Return the rows after the one key or before the other, `size` at most. Raises BadRequest for what is no key."""
    if after and before:
        raise BadRequest(_("Give one of the parameters “after” and “before”, not both."))
    backwards, text = bool(before), before or after
    rows = found.order_by(*order.terms(backwards=backwards))
    if text:
        name = "before" if backwards else "after"
        key = order.read(name, text)
        rows = rows.filter(order.beyond(key, _bound(found, order, key, name), backwards=backwards))
    some = list(rows[: size + 1])
    is_more = len(some) > size
    some = some[:size]
    if backwards:
        some.reverse()
    if not some:
        return Page([], "", "")
    first, last = order.write(some[0]), order.write(some[-1])
    return Page(some, first if after or (backwards and is_more) else "", last if before or is_more else "")


def _bound(found: QuerySet[Row], order: Order, key: Key, name: str) -> Any:
    if not order.is_fixed:
        return key.value
    row = found.model._default_manager.filter(pk=key.id)
    if not row.exists():
        raise _no_place(name)
    return Subquery(row.values(order.column))


def _no_place(name: str) -> BadRequest:
    return BadRequest(
        _("The parameter “%(name)s” is no place in this list. Begin with its first page.") % {"name": name}
    )
