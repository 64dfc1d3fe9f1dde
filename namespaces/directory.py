"""The public directory: finding namespaces by words and facets.

The cards of all namespaces are kept in memory, for each audience, and made again when something that they show has
changed. Whether it has is asked of the database with each request (`_stamp`): every change of a namespace, its members,
its page or the name of somebody in it counts up `generation`, `page_version` or `shown_version`. Answers made from the
cards are kept with them, and dropped with them.
"""

from __future__ import annotations

import dataclasses
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from accounts.audience import Audience
from namespaces import showing
from namespaces.models import Namespace
from namespaces.showing import Card, Cards

T = TypeVar("T")
PAGE_SIZE = 24
ANSWERS_KEPT = 200


SORTS: dict[str, Callable[[Card], tuple[object, ...]]] = {
    "name": lambda card: (card.name, card.cluster),
    "newest": lambda card: (-card.created_at.timestamp(), card.name),
    "publications": lambda card: (-len(card.publications), card.name),
}
FACETS: dict[str, Callable[[Card], tuple[str, ...]]] = {
    "institution": lambda card: (card.institution,) if card.institution else (),
    "software": lambda card: card.software,
    "field": lambda card: (card.field,) if card.field else (),
}


@dataclass(frozen=True)
class Query:
    """What is looked for: every word must be found somewhere, every facet chosen must hold."""

    q: str = ""
    institution: str = ""
    software: str = ""
    field: str = ""
    sort: str = "name"
    page: int = 1

    def chosen(self) -> dict[str, str]:
        """Return the facets that are chosen, with their values."""
        return {name: getattr(self, name) for name in FACETS if getattr(self, name)}


@dataclass(frozen=True)
class Found:
    """One page of the cards found, how many there are in all, and how many each value of each facet would leave."""

    cards: tuple[Card, ...]
    total: int
    pages: int
    facets: dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class Directory:
    """The cards of all namespaces as of one moment, and what was made from them since."""

    stamp: tuple[object, ...]
    by_id: dict[UUID, Cards]
    answers: dict[object, Any] = dataclasses.field(default_factory=dict, repr=False)

    def cards(self, audience: Audience = Audience.PUBLIC, own: Collection[UUID] = ()) -> list[Card]:
        """Return what is listed as this audience reads it, and of the reader's own namespaces all that members read.

        Operators read all as members do, also what is not listed.
        """
        everything = audience == Audience.MEMBERS
        return [
            cards[Audience.MEMBERS if key in own else audience]
            for key, cards in self.by_id.items()
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
    """Return the directory as it is now; in one query, or five when something has changed."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    stamp = _stamp()
    if _directory is not None and _directory.stamp == stamp:
        return _directory
    with _lock:
        if _directory is None or _directory.stamp != stamp:
            made = showing.cards(Namespace.objects.all())
            _directory = Directory(stamp, {cards[Audience.PUBLIC].id: cards for cards in made})
        return _directory


def forget() -> None:
    """Drop what is kept in memory: for tests, whose database changes under it."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    _directory = None


def find(query: Query, among: Iterable[Card]) -> Found:
    """Return the cards that the query asks for. A page after the last is empty."""
    words = fold(query.q).split()
    chosen = query.chosen()
    matching = [card for card in among if all(word in _words(card) for word in words)]
    found = [card for card in matching if _fits(card, chosen)]
    found.sort(key=SORTS[query.sort])
    start = (query.page - 1) * PAGE_SIZE
    return Found(
        cards=tuple(found[start : start + PAGE_SIZE]),
        total=len(found),
        pages=max(1, -(-len(found) // PAGE_SIZE)),
        facets={name: _counts(name, matching, chosen) for name in FACETS},
    )


def fold(text: str) -> str:
    """Return the text as the search compares it: without case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _words(card: Card) -> str:
    texts = (
        card.name, card.title, card.pi_name, card.institution, card.field, card.description,
        *card.software, *card.admins,
    )  # fmt: skip
    return fold("\n".join(texts))


def _fits(card: Card, chosen: dict[str, str]) -> bool:
    return all(value in FACETS[name](card) for name, value in chosen.items())


def _counts(name: str, matching: list[Card], chosen: dict[str, str]) -> list[tuple[str, int]]:
    """Count the values of a facet among what the search and the *other* facets leave, most frequent first."""
    others = {other: value for other, value in chosen.items() if other != name}
    counter = Counter(value for card in matching if _fits(card, others) for value in FACETS[name](card))
    return sorted(counter.items(), key=lambda item: (-item[1], item[0].casefold()))


def _stamp() -> tuple[object, ...]:
    """Return what differs after every change to what cards show; the counters only ever grow.

    This is asked with each request: as SQL, because putting the same question together from objects takes the web
    process ten times as long as the database takes to answer it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return tuple(cursor.fetchone())
