"""A server on loopback that speaks as Crossref's API does, and can be bent as the hostile provider can."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.hostile_idp import Answer, HostileProvider, Seen

# What api.crossref.org/works/… answers, as far as anybody here reads it.
PLUMES: dict[str, Any] = {
    "DOI": "10.1000/plumes",
    "type": "journal-article",
    "title": ["Smoke plumes in mountain-top camera images"],
    "author": [
        {"given": "Alex", "family": "Pang", "sequence": "first", "affiliation": []},
        {"given": "Hou-I", "family": "Lin", "sequence": "additional", "affiliation": []},
    ],
    "issued": {"date-parts": [[2024, 3, 1]]},
    "container-title": ["Journal of Smoke"],
}


class CrossrefServer(HostileProvider):
    """The server. Use as a context manager; `works` are those that it knows, by their DOI."""

    def __init__(self) -> None:
        super().__init__()
        self.url, self.works = self.issuer, {"10.1000/plumes": PLUMES}

    def answer(self, seen: Seen) -> Answer:
        if seen.path in self.bent.raw:
            return self.bent.raw[seen.path]
        for doi, message in self.works.items():
            if seen.path == path(doi):
                return 200, "application/json", told(message)
        return 404, "text/plain", b"Resource not found."


def path(doi: str) -> str:
    """Return where the server has what it knows of a DOI."""
    return f"/works/{quote(doi, safe='')}"


def told(message: object) -> bytes:
    """Return an answer with this in it."""
    answer = {"status": "ok", "message-type": "work", "message-version": "1.0.0", "message": message}
    return json.dumps(answer).encode()
