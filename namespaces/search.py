"""Finding namespaces by words, with the full-text search of the database: PostgreSQL's, or FTS5 of SQLite.

A document holds what one audience reads of one namespace (`showing`), as words without case and accents: nobody finds a
namespace by what they may not read. It is written in the transaction of whatever changes it (`write`). How text becomes
words, and which other words a typing error may stand for, is decided here, so that both databases find the same.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, Max, Q, QuerySet, Sum

from accounts.audience import Audience
from accounts.prepared import Prepared
from namespaces import showing
from namespaces.models import Namespace, SearchDocument
from namespaces.showing import Card

MOST_WORDS, LONGEST_WORD = 24, 60
SHORTEST_CORRECTED, LEAST_ALIKE, MOST_CORRECTIONS = 4, 0.4, 5
BATCH = 500
_WORD = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})

Texts = tuple[str, str, str, str]
Key = tuple[UUID, str]


def fold(text: str) -> str:
    """Return the text as the search compares it: without case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character)).translate(
        _LETTERS
    )


def words(*texts: str) -> list[str]:
    """Return the words of texts, in order. Whatever is neither letter nor digit parts them, and means nothing more."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(fold("\n".join(texts)))]


# --- Documents -----------------------------------------------------------------------------------------------------


def write(*namespace_ids: UUID) -> None:
    """Let the documents of namespaces say what their rows say, in the caller's transaction."""
    ids = list(dict.fromkeys(namespace_ids))
    if not ids:
        return
    namespaces = Namespace.objects.filter(pk__in=ids)
    # In one order for everybody. Under it nobody else changes what is read now.
    list(namespaces.select_for_update(no_key=True).order_by("pk").values("pk"))
    namespaces.update(shown_version=F("shown_version") + 1)
    wanted, there = _wanted(namespaces), _there(ids)
    SearchDocument.objects.filter(
        pk__in=[pk for key, (pk, texts) in there.items() if wanted.get(key) != texts]
    ).delete()
    missing = (key for key, texts in wanted.items() if key not in there or there[key][1] != texts)
    SearchDocument.objects.bulk_create(
        SearchDocument(
            namespace_id=key[0], audience=key[1], **dict(zip(SearchDocument.TEXTS, wanted[key], strict=True))
        )
        for key in missing
    )


def write_missing() -> None:
    """Write the documents of namespaces that have none: those that an earlier version of Berth made."""
    without = Namespace.objects.exclude(pk__in=SearchDocument.objects.values("namespace"))
    _in_batches(list(without.values_list("pk", flat=True)))


def write_all() -> int:
    """Write all documents anew where they differ; return for how many namespaces they did."""
    ids = list(Namespace.objects.order_by("pk").values_list("pk", flat=True))
    before = _there(ids)
    _in_batches(ids)
    return len({namespace for (namespace, _audience), _row in before.items() ^ _there(ids).items()})


def _in_batches(ids: list[UUID]) -> None:
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            write(*ids[start : start + BATCH])


def _wanted(namespaces: QuerySet[Namespace]) -> dict[Key, Texts]:
    """Return what the documents should say; of what is not listed there is one only, for the members."""
    return {
        (card.id, audience.value): _texts(card)
        for cards in showing.cards(namespaces)
        for audience, card in cards.items()
        if card.is_listed or audience == Audience.MEMBERS
    }


def _there(ids: Collection[UUID]) -> dict[Key, tuple[int, Texts]]:
    rows = SearchDocument.objects.filter(namespace__in=ids)
    return {
        (namespace, audience): (pk, tuple(texts))
        for pk, namespace, audience, *texts in rows.values_list(
            "pk", "namespace", "audience", *SearchDocument.TEXTS
        )
    }


def _texts(card: Card) -> Texts:
    """Return the words of a card by how much they count, as the columns of a document."""
    institutions = (name for name, _members in card.institutions)
    parts: tuple[Iterable[str], ...] = (
        (card.name, card.title),
        (card.pi_name, card.institution, card.field, *card.software, *card.admins, *institutions),
        (f"{paper.title} {paper.authors}" for paper in card.publications),
        (card.description,),
    )
    heading, people, papers, text = (" ".join(words(*part)) for part in parts)
    return heading, people, papers, text


# --- Questions -----------------------------------------------------------------------------------------------------


def matching(text: str, audience: Audience, own: Collection[UUID] = ()) -> dict[UUID, float]:
    """Return the namespaces in which every word of the text is found, or begins a word, each with how well.

    `own` are those of which the reader may read what members read. Where nothing is found, words that occur nowhere are
    taken for typing errors.
    """
    wanted = list(dict.fromkeys(words(text)))[:MOST_WORDS]
    if not wanted:
        return {}
    found = _ask(audience, own, [[word] for word in wanted])
    if found:
        return found
    vocabularies = [_vocabulary(audience)]
    if own:
        vocabularies.append(_make_vocabulary(_documents(audience, own)))
    corrected = [_alternatives(word, vocabularies) for word in wanted]
    if all(len(each) == 1 for each in corrected):
        return {}
    return _ask(audience, own, corrected)


def _documents(audience: Audience, own: Collection[UUID]) -> QuerySet[SearchDocument]:
    readable = Q(audience=audience)
    if own and audience != Audience.MEMBERS:
        readable |= Q(audience=Audience.MEMBERS, namespace__in=own)
    return SearchDocument.objects.filter(readable)


def _ask(audience: Audience, own: Collection[UUID], wanted: list[list[str]]) -> dict[UUID, float]:
    """Ask the database for documents with one of each of these alternatives. In a word is nothing to be escaped."""
    texts = _QUESTIONS[connection.vendor](wanted)
    rows: Iterable[tuple[Any, ...]] = (
        _ranked(_documents(audience, own), **texts) if own else _of_audience.rows(audience, **texts)
    )
    found: dict[UUID, float] = {}
    for namespace, rank in rows:
        found[namespace] = max(rank, found.get(namespace, rank))
    return found


def _postgresql_asks(wanted: list[list[str]]) -> dict[str, str]:
    """The rank is that of any of the words: that of all asks how near they stand, which a document does not know."""
    groups = [" | ".join(f"'{word}':*" for word in alternatives) for alternatives in wanted]
    return {
        "question": " & ".join(f"({group})" for group in groups),
        "whole": " | ".join(f"'{word}'" for alternatives in wanted for word in alternatives),
        "begun": " | ".join(groups),
    }


def _sqlite_asks(wanted: list[list[str]]) -> dict[str, str]:
    """A whole word counts as itself and as its own beginning."""
    groups = [" OR ".join(f'"{word}" OR "{word}" *' for word in alternatives) for alternatives in wanted]
    return {"question": " AND ".join(f"({group})" for group in groups)}


def _ranked(documents: QuerySet[SearchDocument], question: str, **words: str) -> QuerySet[Any, Any]:
    """Return the namespaces of documents that answer the question, with how well."""
    if words:
        documents = documents.extra(
            select={"rank": "2 * ts_rank(vector, %s::tsquery) + ts_rank(vector, %s::tsquery)"},
            select_params=[words["whole"], words["begun"]],
            where=["vector @@ %s::tsquery"],
            params=[question],
        )
    else:
        documents = documents.extra(
            tables=["namespaces_search"],
            select={"rank": "-bm25(namespaces_search, 10, 4, 2, 1)"},
            where=["namespaces_search.rowid = namespaces_searchdocument.id", "namespaces_search MATCH %s"],
            params=[question],
        )
    return documents.values_list("namespace", "rank")  # type: ignore[misc]


_QUESTIONS = {"postgresql": _postgresql_asks, "sqlite": _sqlite_asks}
_of_audience = Prepared(lambda audience, **texts: _ranked(_documents(audience, ()), **texts))


# --- Typing errors -------------------------------------------------------------------------------------------------


def trigrams(word: str) -> frozenset[str]:
    """Return the groups of three letters in a word, as pg_trgm makes them: its beginning counts more than its end."""
    padded = f"  {word} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


@dataclass(frozen=True)
class Vocabulary:
    """The words that occur in some documents, in order, and those that have each trigram."""

    words: list[str]
    having: dict[str, list[str]]

    def knows(self, beginning: str) -> bool:
        """Whether a word begins so."""
        place = bisect_left(self.words, beginning)
        return place < len(self.words) and self.words[place].startswith(beginning)

    def like(self, word: str) -> list[tuple[float, str]]:
        """Return words that are alike, with how much: the share of the trigrams of both that both have."""
        own = trigrams(word)
        common: dict[str, int] = defaultdict(int)
        for each in own:
            for other in self.having.get(each, ()):
                common[other] += 1
        # A word of n letters has n + 1 trigrams, or fewer where one comes twice: then it is more alike than this says.
        shares = ((both / (len(own) + len(other) + 1 - both), other) for other, both in common.items())
        return [(share, other) for share, other in shares if share >= LEAST_ALIKE]


def _alternatives(word: str, vocabularies: list[Vocabulary]) -> list[str]:
    """Return the word, and those that it may be a typing error for, if it occurs nowhere."""
    if len(word) < SHORTEST_CORRECTED or any(each.knows(word) for each in vocabularies):
        return [word]
    alike = sorted({pair for each in vocabularies for pair in each.like(word)}, reverse=True)
    return [word, *(other for _share, other in alike[:MOST_CORRECTIONS])]


_lock = threading.Lock()
_known: dict[Audience, tuple[object, Vocabulary]] = {}


def _vocabulary(audience: Audience) -> Vocabulary:
    """Return the words that an audience reads anywhere; made again when documents have changed."""
    documents = _documents(audience, ())
    stamp = documents.aggregate(Count("pk"), Sum("pk"), Max("pk"))
    with _lock:
        if audience not in _known or _known[audience][0] != stamp:
            _known[audience] = stamp, _make_vocabulary(documents)
        return _known[audience][1]


def forget() -> None:
    """Drop what is kept in memory: for tests, whose database changes under it."""
    _known.clear()


def _make_vocabulary(documents: QuerySet[SearchDocument]) -> Vocabulary:
    found: set[str] = set()
    for texts in documents.values_list(*SearchDocument.TEXTS).iterator():
        found.update(*(text.split(" ") for text in texts))
    found.discard("")
    having: dict[str, list[str]] = defaultdict(list)
    for word in found:
        for each in trigrams(word):
            having[each].append(word)
    return Vocabulary(sorted(found), dict(having))
