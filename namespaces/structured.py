"""What search engines and other programs read of a namespace, as JSON: always what everybody may read, whoever asks.

Answers are kept by others, and given to whomever they like.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from namespaces.showing import Card

SCHEMA = "https://schema.org"
# A text of somebody must not end the script element that it stands in.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def address_of(card: Card) -> str:
    """Return the address of its page for whoever is elsewhere."""
    return f"{settings.BASE_URL}{reverse('namespace', args=(card.cluster, card.name))}"


def logo_of(card: Card) -> str:
    """Return the address of its logo for whoever is elsewhere; empty where it has none."""
    if not card.logo:
        return ""
    return f"{settings.BASE_URL}{reverse('logo', args=(card.cluster, card.name, card.logo))}"


def entry(card: Card) -> dict[str, Any]:
    """Return a namespace as the JSON of the directory has it; docs/directory.md tells what is in it."""
    return {
        "id": str(card.id),
        "url": address_of(card),
        "cluster": card.cluster,
        "name": card.name,
        "logo": logo_of(card) or None,
        "title": card.title,
        "description": card.description,
        "pi_name": card.pi_name,
        "institution": card.institution,
        "institution_ror": card.ror_address or None,
        "field": card.field,
        "software": list(card.software),
        "publications": [
            {
                "title": paper.title,
                "authors": list(paper.names),
                "link": paper.link,
                "year": paper.year,
            }
            for paper in card.publications
        ],
        "members_from": [{"institution": name, "members": members} for name, members in card.institutions],
        "admins": list(card.admins),
        "created_at": card.created_at.isoformat(),
    }


def project(card: Card) -> SafeString:
    """Return the description of a namespace in the words of schema.org, as a script element takes it."""
    people = (
        [{"@type": "Person", "name": card.pi_name, "jobTitle": "Principal investigator"}]
        if card.pi_name
        else []
    )
    people += [{"@type": "Person", "name": name} for name in card.admins if name != card.pi_name]
    said: dict[str, Any] = {
        "@context": SCHEMA,
        "@type": "ResearchProject",
        "@id": address_of(card),
        "url": address_of(card),
        "name": card.title or card.name,
        "alternateName": card.name if card.title else "",
        "logo": logo_of(card),
        "description": card.description,
        "keywords": ", ".join(filter(None, (card.field, *card.software))),
        "parentOrganization": _organization(card.institution, card.ror_address) if card.institution else "",
        "member": [*people, *(_organization(name) for name, _members in card.institutions)],
        "subjectOf": [
            {"@type": "ScholarlyArticle", "name": paper.title}
            | ({"author": [{"@type": "Person", "name": name} for name in paper.names]} if paper.names else {})
            | ({"url": paper.link} if paper.link else {})
            | ({"datePublished": str(paper.year)} if paper.year else {})
            for paper in card.publications
        ],
    }
    return _script({name: value for name, value in said.items() if value})


def collection(cards: Iterable[Card]) -> SafeString:
    """Return the description of the directory, with the first of its namespaces, in the words of schema.org."""
    address = settings.BASE_URL + reverse("directory")
    items = [
        {"@type": "ListItem", "position": position, "url": address_of(card), "name": card.title or card.name}
        for position, card in enumerate(cards, 1)
    ]
    return _script(
        {
            "@context": SCHEMA,
            "@type": "CollectionPage",
            "@id": address,
            "url": address,
            "name": f"Namespaces · {settings.SITE_NAME}",
            "mainEntity": {"@type": "ItemList", "itemListElement": items},
        }
    )


def _organization(name: str, address: str = "") -> dict[str, str]:
    return {"@type": "Organization", "name": name} | ({"@id": address} if address else {})


def _script(value: dict[str, Any]) -> SafeString:
    return mark_safe(json.dumps(value, ensure_ascii=False).translate(_ESCAPES))  # noqa: S308  (escaped right here)
