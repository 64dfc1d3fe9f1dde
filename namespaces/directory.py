"""The public directory: finding namespaces by words and facets.

The cards of all namespaces are kept in memory and made again when something that they show has changed. Whether it has
is asked of the database with each request (`_stamp`): every change of a namespace, its members or its page counts up
`generation` or `page_version`. Only people's names may be old, for `NAMES_MAX_AGE` seconds: they change at login,
which touches no namespace. The same cards serve everybody; what the reader may not know of is filtered out.
Answers made from the cards are kept with them, and dropped with them.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.models import Level
from namespaces.access import Role
from namespaces.models import Membership, Namespace, Publication, Software, Visibility

T = TypeVar("T")
NAMES_MAX_AGE = 60.0
PAGE_SIZE = 24
ANSWERS_KEPT = 200
DESCRIPTION_LENGTH = 220


@dataclass(frozen=True)
class Card:
    """What the directory says of one namespace. `words` is what the search looks at."""

    id: UUID
    cluster: str
    cluster_title: str
    name: str
    title: str
    description: str
    pi_name: str
    institution: str
    field: str
    is_listed: bool
    created_at: datetime
    software: tuple[str, ...]
    publications: int
    institutions: tuple[str, ...]
    admins: tuple[str, ...]
    words: str = dataclasses.field(repr=False)
    fragments: dict[str, SafeString] = dataclasses.field(default_factory=dict, repr=False, compare=False)


SORTS: dict[str, Callable[[Card], tuple[object, ...]]] = {
    "name": lambda card: (card.name, card.cluster),
    "newest": lambda card: (-card.created_at.timestamp(), card.name),
    "publications": lambda card: (-card.publications, card.name),
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
    made_at: float
    by_id: dict[UUID, Card]
    answers: dict[object, Any] = dataclasses.field(default_factory=dict, repr=False)

    def cards(self, *, hidden: Collection[UUID] = (), everything: bool = False) -> list[Card]:
        """Return the public cards, and of the others those that the reader may see: `hidden`, or all of them."""
        return [card for card in self.by_id.values() if card.is_listed or everything or card.id in hidden]

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
    "SELECT COUNT(*), SUM(generation), SUM(page_version), MAX(created_at), MAX(changed_at)"  # noqa: S608
    f" FROM {Namespace._meta.db_table}"
)
_lock = threading.Lock()
_directory: Directory | None = None


def current() -> Directory:
    """Return the directory as it is now; in one query, or six when something has changed."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    stamp = _stamp()
    if _is_fresh(_directory, stamp):
        return cast(Directory, _directory)
    with _lock:
        if not _is_fresh(_directory, stamp):
            _directory = Directory(stamp, time.monotonic(), {card.id: card for card in _make_cards()})
        return cast(Directory, _directory)


def forget() -> None:
    """Drop what is kept in memory: for tests, whose database changes under it."""
    global _directory  # noqa: PLW0603  (the one cache of this module)
    _directory = None


def find(query: Query, among: Iterable[Card]) -> Found:
    """Return the cards that the query asks for. A page after the last is empty."""
    words = fold(query.q).split()
    chosen = query.chosen()
    matching = [card for card in among if all(word in card.words for word in words)]
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


def _fits(card: Card, chosen: dict[str, str]) -> bool:
    return all(value in FACETS[name](card) for name, value in chosen.items())


def _counts(name: str, matching: list[Card], chosen: dict[str, str]) -> list[tuple[str, int]]:
    """Count the values of a facet among what the search and the *other* facets leave, most frequent first."""
    others = {other: value for other, value in chosen.items() if other != name}
    counter = Counter(value for card in matching if _fits(card, others) for value in FACETS[name](card))
    return sorted(counter.items(), key=lambda item: (-item[1], item[0].casefold()))


def _is_fresh(known: Directory | None, stamp: tuple[object, ...]) -> bool:
    return known is not None and known.stamp == stamp and time.monotonic() - known.made_at < NAMES_MAX_AGE


def _stamp() -> tuple[object, ...]:
    """Return what differs after every change to what cards show; the counters only ever grow.

    This is asked with each request: as SQL, because putting the same question together from objects takes the web
    process ten times as long as the database takes to answer it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return tuple(cursor.fetchone())


def _make_cards() -> Iterable[Card]:
    """Make the cards of all namespaces, in four queries."""
    software: dict[UUID, list[str]] = defaultdict(list)
    for namespace_id, name in Software.objects.values_list("namespace", "name").order_by("name"):
        software[namespace_id].append(name)
    publications = dict(Publication.objects.order_by().values_list("namespace").annotate(Count("pk")))
    admins: dict[UUID, list[str]] = defaultdict(list)
    institutions: dict[UUID, set[str]] = defaultdict(set)
    members = Membership.objects.current().filter(person__is_active=True).exclude(person__level=Level.GUEST)
    for membership in members.select_related("person").only(
        "role", "namespace", "person__name", "person__institution"
    ):
        institutions[membership.namespace_id].add(membership.person.institution)
        if membership.role == Role.ADMIN:
            admins[membership.namespace_id].append(membership.person.name)
    for namespace in Namespace.objects.select_related("cluster"):
        yield _card(
            namespace,
            software=tuple(software[namespace.pk]),
            publications=publications.get(namespace.pk, 0),
            institutions=tuple(sorted(institutions[namespace.pk] - {""})),
            admins=tuple(sorted(filter(None, admins[namespace.pk]))),
        )


def _card(
    namespace: Namespace,
    *,
    software: tuple[str, ...],
    publications: int,
    institutions: tuple[str, ...],
    admins: tuple[str, ...],
) -> Card:
    texts = (
        namespace.name, namespace.title, namespace.pi_name, namespace.institution, namespace.field,
        namespace.description, *software, *admins,
    )  # fmt: skip
    return Card(
        id=namespace.pk,
        cluster=namespace.cluster.name,
        cluster_title=namespace.cluster.title,
        name=namespace.name,
        title=namespace.title,
        description=Truncator(" ".join(namespace.description.split())).chars(DESCRIPTION_LENGTH),
        pi_name=namespace.pi_name,
        institution=namespace.institution,
        field=namespace.field,
        is_listed=namespace.visibility == Visibility.LISTED,
        created_at=namespace.created_at,
        software=software,
        publications=publications,
        institutions=institutions,
        admins=admins,
        words=fold("\n".join(texts)),
    )
