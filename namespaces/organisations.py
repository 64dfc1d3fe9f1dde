"""Institutions as the Research Organization Registry knows them: completing a name, and which one it means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length

from namespaces.models import Organisation
from namespaces.ror import OTHER_NAMES_LENGTH, Record
from namespaces.search import words

LEAST_LETTERS, MOST_SUGGESTIONS = 3, 10
_BATCH = 500
_MOST_WORDS = 8
_WITH_COUNTRY = re.compile(r"(.+) \(([A-Z]{2})\)\Z")


class Suggestion(NamedTuple):
    """What stands in the field when it is chosen, and what tells it from others."""

    value: str
    about: str


def store(records: Iterable[Record]) -> dict[str, int]:
    """Add these, or renew those that are there; return how many there were of each status."""
    counts: dict[str, int] = {}
    following = iter(records)
    while some := list(islice(following, _BATCH)):
        rows = {record.ror: _row(record) for record in some}
        for record in some:
            counts[record.status] = counts.get(record.status, 0) + 1
        Organisation.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["ror"],
            update_fields=["name", "other_names", "country", "status", "folded"],
        )
    return counts


def suggestions(typed: str) -> list[Suggestion]:
    """Return organisations in whose names every word that was typed begins a word, the likeliest first."""
    wanted = words(typed)[:_MOST_WORDS]
    if sum(map(len, wanted)) < LEAST_LETTERS:
        return []
    having = Q()
    for word in wanted:
        having &= Q(folded__contains=f" {word}")
    first = When(folded__startswith=f" {' '.join(wanted)}", then=Value(0))
    rows = list(
        Organisation.objects.active()
        .filter(having)
        .annotate(place=Case(first, default=Value(1), output_field=IntegerField()))
        .order_by("place", Length("name"), "name", "ror")[:MOST_SUGGESTIONS]
    )
    names = [row.name for row in rows]
    known = Counter(Organisation.objects.active().filter(name__in=names).values_list("name", flat=True))
    return [
        Suggestion(
            f"{row.name} ({row.country})" if known[row.name] > 1 and row.country else row.name,
            _about(row, wanted),
        )
        for row in rows
    ]


def matching(name: str) -> str:
    """Return the id of the one organisation of this name, perhaps with its country behind it; empty if there is none,
    or more than one."""
    if not name:
        return ""
    found = _only(Organisation.objects.active().filter(name=name))
    if not found and (parts := _WITH_COUNTRY.match(name)):
        found = _only(Organisation.objects.active().filter(name=parts[1], country=parts[2]))
    return found


def _only(rows: QuerySet[Organisation]) -> str:
    keys = list(rows.values_list("ror", flat=True)[:2])
    return keys[0] if len(keys) == 1 else ""


def _about(row: Organisation, wanted: list[str]) -> str:
    """Return the country, the other names in which something of this was found, and the id."""
    others = [
        other
        for other in row.other_names.split("\n")
        if any(part.startswith(word) for part in words(other) for word in wanted)
    ]
    return " · ".join(filter(None, (row.country, *others[:2], f"ror.org/{row.ror}")))


def _row(record: Record) -> Organisation:
    others = ""
    for other in record.other_names:
        if len(others) + len(other) < OTHER_NAMES_LENGTH:
            others += f"\n{other}" if others else other
    return Organisation(
        ror=record.ror,
        name=record.name,
        other_names=others,
        country=record.country,
        status=record.status,
        folded=f" {' '.join(words(record.name, others))}",
    )
