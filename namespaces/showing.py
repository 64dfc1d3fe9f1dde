"""What is said of a namespace, and to whom: the one place that leaves out what a reader may not read.

The directory, the page of a namespace, what programs read and the search are all made from these cards.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.audience import Audience
from namespaces import ror
from namespaces.access import Role
from namespaces.models import PARTS, REACHABLE, Membership, Namespace, Publication, Software, Visibility
from namespaces.validators import validate_link

SUMMARY_LENGTH = 220
_TEXTS = ("title", "description", "pi_name", "institution", "field")
_ADDRESS = re.compile(r"[^\s@<>(),;:\"'/]+@[^\s@<>(),;:\"'/]+\.[^\s@<>(),;:\"'/]+")
FEW = 200  # so many namespaces are asked for by their ids: databases read the rows of all otherwise


@dataclass(frozen=True)
class Paper:
    """A publication."""

    title: str
    link: str
    year: int | None
    authors: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The authors, one by one."""
        return tuple(filter(None, (name.strip() for name in self.authors.split(";"))))


@dataclass(frozen=True)
class Card:
    """What one audience reads of a namespace; a part that is not for them is empty.

    `institutions` are those of the members, with how many come from each, the most first; `admins` are the names of
    those who are named to this audience, `has_admins` whether there are any at all. `logo` is the digest of the
    picture, which whoever may know of the namespace may see. `ror` is the id of the institution, for those who read it.
    """

    id: UUID
    cluster: str
    cluster_title: str
    name: str
    visibility: str
    created_at: datetime
    logo: str
    title: str
    description: str
    pi_name: str
    institution: str
    ror: str
    field: str
    software: tuple[str, ...]
    publications: tuple[Paper, ...]
    institutions: tuple[tuple[str, int], ...]
    admins: tuple[str, ...]
    has_admins: bool
    fragments: dict[str, SafeString] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def ror_address(self) -> str:
        """Where the registry of organisations describes the institution; empty if that is not known."""
        return f"{ror.ADDRESS}{self.ror}" if self.ror else ""

    @property
    def is_listed(self) -> bool:
        return self.visibility == Visibility.LISTED

    @property
    def is_reachable(self) -> bool:
        return self.visibility in REACHABLE

    @property
    def summary(self) -> str:
        """The beginning of the description, in one line."""
        return Truncator(" ".join(self.description.split())).chars(SUMMARY_LENGTH)


Cards = dict[Audience, Card]


def cards(namespaces: QuerySet[Namespace]) -> Iterator[Cards]:
    """Yield for each namespace what each audience reads of it, in four queries. Who reads the same has one card."""
    rows = list(namespaces.select_related("cluster").annotate(shown_logo=F("logo__digest")))
    chosen: Any = [row.pk for row in rows] if len(rows) <= FEW else namespaces.order_by().values("pk")
    software: dict[UUID, list[str]] = defaultdict(list)
    for namespace_id, name in (
        Software.objects.filter(namespace__in=chosen).order_by("name").values_list("namespace", "name")
    ):
        software[namespace_id].append(name)
    papers: dict[UUID, list[Paper]] = defaultdict(list)
    for namespace_id, title, link, year, authors in Publication.objects.filter(
        namespace__in=chosen
    ).values_list("namespace", "title", "link", "year", "authors"):
        papers[namespace_id].append(Paper(title, link if is_web_link(link) else "", year, authors))
    admins: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    institutions: dict[UUID, Counter[str]] = defaultdict(Counter)
    members = Membership.objects.with_effect().filter(namespace__in=chosen)
    for namespace_id, role, name, institution, named_to in members.values_list(
        "namespace", "role", "person__name", "person__institution", "person__named_to"
    ):
        if institution:
            institutions[namespace_id][institution] += 1
        if role == Role.ADMIN and name:
            admins[namespace_id].append((name, named_to))
    for namespace in rows:
        key = namespace.pk
        yield _for_each(
            namespace,
            logo=namespace.shown_logo or "",
            named=sorted(admins[key]),
            software=tuple(software[key]),
            publications=tuple(papers[key]),
            institutions=tuple(sorted(institutions[key].items(), key=lambda item: (-item[1], item[0]))),
        )


def _without_addresses(card: Card) -> Card:
    """Return the card without the e-mail addresses that somebody wrote into a text: no robot is to collect them."""
    if "@" not in repr(card):
        return card
    texts: dict[str, Any] = {name: _masked(getattr(card, name)) for name in _TEXTS}
    return dataclasses.replace(
        card,
        fragments={},
        software=tuple(map(_masked, card.software)),
        publications=tuple(
            Paper(
                _masked(paper.title),
                "" if _ADDRESS.search(paper.link) else paper.link,
                paper.year,
                _masked(paper.authors),
            )
            for paper in card.publications
        ),
        institutions=tuple((_masked(name), members) for name, members in card.institutions),
        admins=tuple(map(_masked, card.admins)),
        **texts,
    )


def _masked(text: str) -> str:
    return _ADDRESS.sub(_("[address for who is logged in]"), text)


def is_web_link(address: str) -> bool:
    """Whether the address may become a link: asked again where it is shown, whatever was stored."""
    try:
        validate_link(address)
    except ValidationError:
        return False
    return True


def _for_each(
    namespace: Namespace, *, logo: str, named: list[tuple[str, str]], **lists: tuple[Any, ...]
) -> Cards:
    values = {part: getattr(namespace, part) for part in PARTS if part not in lists} | lists
    whole = Card(
        id=namespace.pk,
        cluster=namespace.cluster.name,
        cluster_title=namespace.cluster.title,
        name=namespace.name,
        visibility=namespace.visibility,
        created_at=namespace.created_at,
        logo=logo,
        ror=namespace.ror if namespace.institution else "",
        admins=tuple(name for name, _audience in named),
        has_admins=bool(named),
        **values,
    )
    found = {Audience.MEMBERS: whole}
    above = whole
    for audience in (Audience.SIGNED_IN, Audience.PUBLIC):
        kept_back: dict[str, Any] = {
            part: type(values[part])()
            for part in PARTS
            if not audience.reads(getattr(namespace, f"{part}_to"))
        }
        kept_back |= {"ror": ""} if "institution" in kept_back else {}
        kept_back["admins"] = tuple(name for name, named_to in named if audience.reads(named_to))
        card = dataclasses.replace(whole, fragments={}, **kept_back)
        if audience == Audience.PUBLIC:
            card = _without_addresses(card)
        above = found[audience] = above if card == above else card
    return found
