"""The public directory: finding namespaces by words and facets.

The cards of all namespaces are kept in memory, for each audience, and made again when something that they show has
changed. Whether it has is asked of the database with each request (`_stamp`): every change of a namespace, its members,
its page or the name of somebody in it counts up `generation`, `page_version` or `shown_version`. Answers made from the
cards are kept with them, and dropped with them.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection

from accounts.audience import Audience
from namespaces import search, showing
from namespaces.models import Namespace
from namespaces.showing import Card, Cards

T = TypeVar("T")
PAGE_SIZE = 24
ANSWERS_KEPT = 200


SORTS: dict[str, Callable[[Card, float], float]] = {
    "relevance": lambda _card, rank: -rank,
    "name": lambda _card, _rank: 0.0,
    "newest": lambda card, _rank: -card.created_at.timestamp(),
    "publications": lambda card, _rank: float(-len(card.publications)),
}
"""What comes first by each, from how well a card was found; then comes the name."""
FACETS: dict[str, Callable[[Card], tuple[str, ...]]] = {
    "institution": lambda card: (card.institution,) if card.institution else (),
    "software": lambda card: card.software,
    "field": lambda card: (card.field,) if card.field else (),
}


class Key(NamedTuple):
    """A place in a list: of the card that a page begins after, or ends before. It stays when others come and go."""

    value: float
    name: str
    id: UUID

    def __str__(self) -> str:
        return f"{self.value!r}~{self.name}~{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> Key:
        """Return the key that was written so. Raises ValueError for what is none."""
        value, name, key = text.split("~")
        if not math.isfinite(number := float(value)):
            raise ValueError(text)
        return cls(number, name, UUID(key))


@dataclass(frozen=True)
class Query:
    """What is looked for: every word must be found somewhere, every facet chosen must hold."""

    q: str = ""
    institution: str = ""
    software: str = ""
    field: str = ""
    sort: str = ""
    after: Key | None = None
    before: Key | None = None

    def chosen(self) -> dict[str, str]:
        """Return the facets that are chosen, with their values."""
        return {name: getattr(self, name) for name in FACETS if getattr(self, name)}

    @property
    def order(self) -> str:
        """What the cards are sorted by: what was asked for, else how well they were found."""
        if self.sort and (self.q or self.sort != "relevance"):
            return self.sort
        return "relevance" if self.q else "name"


@dataclass(frozen=True)
class Found:
    """One page of the cards found, where it begins, how many there are in all, the keys for the page before and the one
    after, and how many each value of each facet would leave."""

    cards: tuple[Card, ...]
    start: int
    total: int
    before: Key | None
    after: Key | None
    facets: dict[str, list[tuple[str, int]]]

    @property
    def numbers(self) -> tuple[int, int]:
        """The number of the first and of the last card."""
        return self.start + 1, self.start + len(self.cards)


@dataclass(frozen=True)
class Directory:
    """The cards of all namespaces as of one moment, and what was made from them since."""

    stamp: tuple[object, ...]
    versions: dict[UUID, tuple[object, ...]]
    by_id: dict[UUID, Cards]
    answers: dict[object, Any] = dataclasses.field(default_factory=dict, repr=False)

    def cards(
        self,
        audience: Audience = Audience.PUBLIC,
        own: Collection[UUID] = (),
        among: Iterable[UUID] | None = None,
    ) -> list[Card]:
        """Return what is listed as this audience reads it, and of the reader's own namespaces all that members read:
        of all namespaces, or only among some.

        Operators read all as members do, also what is not listed.
        """
        everything = audience == Audience.MEMBERS
        known = self.by_id
        chosen = known.items() if among is None else [(key, known[key]) for key in among if key in known]
        return [
            cards[Audience.MEMBERS if key in own else audience]
            for key, cards in chosen
            if everything or key in own or cards[audience].is_listed
        ]

    def telling(self, own: Collection[UUID], audience: Audience) -> frozenset[UUID]:
        """Return which of these namespaces tell their members more than others: mostly none, and then all readers get
        the same answers."""
        found = (key for key in own if key in self.by_id)
        return frozenset(
            key
            for key in found
            if not (cards := self.by_id[key])[audience].is_listed
            or cards[audience] is not cards[Audience.MEMBERS]
        )

    def remember(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` returned for this key. What the answer depends on, beside the cards, is in the key."""
        if key in self.answers:
            known: T = self.answers[key]
            return known
        made = make()
        if len(self.answers) >= ANSWERS_KEPT:
            self.answers.clear()
        self.answers[key] = made
        return made


_STAMP = (
    "SELECT COUNT(*), SUM(generation), SUM(page_version), SUM(shown_version),"  # noqa: S608
    f" MAX(created_at), MAX(changed_at) FROM {Namespace._meta.db_table}"
)
_lock = threading.Lock()
_directory: Directory | None = None


def current() -> Directory:
    """Return the directory as it is now; in one query, or six when something has changed."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    stamp = _stamp()
    if _directory is not None and _directory.stamp == stamp:
        return _directory
    with _lock:
        if _directory is None or _directory.stamp != stamp:
            _directory = _renewed(_directory, stamp)
        return _directory


def _renewed(known: Directory | None, stamp: tuple[object, ...]) -> Directory:
    """Return the directory with new cards of the namespaces that have changed: to make all takes a second."""
    rows = Namespace.objects.order_by().values_list("pk", "generation", "page_version", "shown_version")
    versions: dict[UUID, tuple[object, ...]] = {key: tuple(counts) for key, *counts in rows}
    kept = (
        {key: cards for key, cards in known.by_id.items() if versions.get(key) == known.versions[key]}
        if known
        else {}
    )
    changed = versions.keys() - kept.keys()
    wanted = (
        Namespace.objects.filter(pk__in=changed) if len(changed) <= showing.FEW else Namespace.objects.all()
    )
    made = {cards[Audience.PUBLIC].id: cards for cards in showing.cards(wanted)} if changed else {}
    return Directory(
        stamp, {key: versions[key] for key in versions if key in kept or key in made}, kept | made
    )


def forget() -> None:
    """Drop what is kept in memory: for tests, whose database changes under it."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    _directory = None
    search.forget()


def find(query: Query, matching: list[Card], ranks: Mapping[UUID, float] | None = None) -> Found:
    """Return what the query asks for of the cards in which its words were found, how well say the ranks
    (`search.matching`)."""
    chosen = query.chosen()
    fitting = [card for card in matching if _fits(card, chosen)] if chosen else matching
    found = {_key(query, card, ranks or {}): card for card in fitting}
    keys = sorted(found)
    start = _start(query, keys)
    end = min(start + PAGE_SIZE, len(keys))
    if query.before:
        start, end = max(0, start - PAGE_SIZE), start
    return Found(
        cards=tuple(found[key] for key in keys[start:end]),
        start=start,
        total=len(keys),
        before=keys[start] if 0 < start < len(keys) else None,
        after=keys[end - 1] if 0 < end < len(keys) else None,
        facets={name: _counts(name, matching, chosen) for name in FACETS},
    )


def _key(query: Query, card: Card, ranks: Mapping[UUID, float]) -> Key:
    return Key(SORTS[query.order](card, ranks.get(card.id, 0.0)), card.name, card.id)


def _start(query: Query, keys: list[Key]) -> int:
    """Return where the page begins that comes after a key, or where the one ends that comes before it."""
    place = query.after or query.before
    if place is None:
        return 0
    if query.order == "relevance":  # where SQLite ranks, each new document changes the ranks of all
        place = next((key for key in keys if key.id == place.id), place)
    return bisect_right(keys, place) if query.after else bisect_left(keys, place)


def _fits(card: Card, chosen: dict[str, str]) -> bool:
    return all(value in FACETS[name](card) for name, value in chosen.items())


def _counts(name: str, matching: list[Card], chosen: dict[str, str]) -> list[tuple[str, int]]:
    """Count the values of a facet among what the search and the *other* facets leave, most frequent first."""
    others = {other: value for other, value in chosen.items() if other != name}
    fitting = [card for card in matching if _fits(card, others)] if others else matching
    counter = Counter(value for card in fitting for value in FACETS[name](card))
    return sorted(counter.items(), key=lambda item: (-item[1], item[0].casefold(), item[0]))


def _stamp() -> tuple[object, ...]:
    """Return what differs after every change to what cards show; the counters only ever grow.

    This is asked with each request: as SQL, because putting the same question together from objects takes the web
    process ten times as long as the database takes to answer it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return tuple(cursor.fetchone())
