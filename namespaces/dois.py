"""DOIs in what people paste: references, addresses, lists, with whatever stands around them."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

LONGEST = 300
# A separator ends it only where the next one begins: commas and semicolons are in many.
_NEXT = r"(?![,;|](?:https?://|doi:|10\.[0-9]{4,9}/))"
_DOI = re.compile(rf"(?<![\w.])10\.[0-9]{{4,9}}(?:\.[0-9]+)*/(?:{_NEXT}\S)+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\w]{0,3}https?://", re.IGNORECASE)
_ALONE = re.compile(r"(?:doi:?\s*|(?:https?://)?(?:dx\.|www\.)?doi\.org/)?10\.\S+", re.IGNORECASE)
_END = frozenset(".,;:!?…*'\"‘’“”«»‹›")
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}


def find(text: str) -> list[str]:
    """Return the DOIs in a text in their order, each once: they are the same whatever their case."""
    found: dict[str, str] = {}
    for word in text.split():
        is_address = _ADDRESS.match(word) is not None
        for match in _DOI.finditer(word):
            doi = _trimmed(_out_of_address(match[0]) if is_address else match[0])
            if doi and len(doi) <= LONGEST:
                found.setdefault(doi.casefold(), doi)
    return list(found.values())


def alone(text: str) -> str:
    """Return the DOI if the text is one and nothing else, in any of its spellings; empty otherwise."""
    found = find(text) if _ALONE.fullmatch(text.strip()) else []
    return found[0] if len(found) == 1 else ""


def address_of(doi: str) -> str:
    """Return the address that leads to it, whatever characters it holds."""
    return f"https://doi.org/{quote(doi, safe='/:;().,_-+*!@$&=~')}"


def _out_of_address(text: str) -> str:
    """Return the path of an address as it is meant: what follows in it is a query, or a place on the page."""
    return unquote(re.split(r"[?#&]", text, maxsplit=1)[0])


def _trimmed(doi: str) -> str:
    """Return the DOI without what belongs to the sentence around it; empty if nothing is left behind the slash."""
    if len(doi) > 2 * LONGEST:
        return ""
    while doi and (
        doi[-1] in _END or (doi[-1] in _BRACKETS and doi.count(doi[-1]) > doi.count(_BRACKETS[doi[-1]]))
    ):
        doi = doi[:-1]
    return "" if doi.endswith("/") and doi.count("/") == 1 else doi
