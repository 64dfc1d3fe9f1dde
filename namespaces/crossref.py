"""Title, year and authors of a publication from Crossref, or whatever speaks as its API does: only where the operators
allow it (`BERTH_CROSSREF_URL`), one deadline for everything that is asked together, bounded answers.

What comes back is text of strangers. Nobody asks inside a transaction: an answer may take seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import requests
import urllib3.exceptions
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.text import legible

DEADLINE_SECONDS = 3.0
MAX_ANSWER_BYTES = 1024 * 1024
TITLE_LENGTH, AUTHORS_LENGTH = 300, 1000
ET_AL = "et al."
_CHUNK_BYTES = 16 * 1024
_DATES = ("issued", "published", "published-print", "published-online")
_SILENT = frozenset({"script", "style", "tex-math", "annotation", "mml:annotation"})
# A timeout of the library counts per operation on a socket: it bounds neither a slow name server nor an answer that
# drips. The threads touch no database.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="crossref")


@dataclass(frozen=True)
class Work:
    """A publication as Crossref knows it; `authors` as the column of publications has them."""

    title: str
    authors: str
    year: int | None


class NotFound(Exception):
    """There is no such publication, or nothing was told of it; in words for who asked."""


def is_on() -> bool:
    """Whether Berth may ask."""
    return bool(settings.CROSSREF_URL)


def look_up(dois: Sequence[str]) -> dict[str, Work | NotFound]:
    """Return what is known of each, or why it is not; all of them within DEADLINE_SECONDS."""
    ends = time.monotonic() + DEADLINE_SECONDS
    asked = {doi: _threads.submit(_ask, doi, ends) for doi in dois}
    found: dict[str, Work | NotFound] = {}
    for doi, answer in asked.items():
        try:
            found[doi] = answer.result(timeout=max(0.0, ends - time.monotonic()))
        except TimeoutError:
            answer.cancel()
            found[doi] = NotFound(_("Crossref did not answer in time"))
        except NotFound as refusal:
            found[doi] = refusal
    return found


def _ask(doi: str, ends: float) -> Work:
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc: only the address of the setting
            return _read(session, doi, ends)
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise NotFound(_("Crossref did not answer in time")) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise NotFound(_("Crossref cannot be reached")) from error


def _read(session: requests.Session, doi: str, ends: float) -> Work:
    left = ends - time.monotonic()
    if left <= 0:
        raise NotFound(_("Crossref did not answer in time"))
    contact = f"; mailto:{quote(settings.CROSSREF_MAILTO, safe='@.+')}" if settings.CROSSREF_MAILTO else ""
    with session.get(
        f"{settings.CROSSREF_URL}/works/{quote(doi, safe='')}",
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"Berth ({settings.BASE_URL}{contact})",
        },
        timeout=left,
        allow_redirects=False,
        stream=True,
    ) as response:
        if response.status_code == 404:
            raise NotFound(_("Crossref does not know it"))
        if response.status_code != 200:
            raise NotFound(_("Crossref answered with an error"))
        return read(_body(response, ends))


def _body(response: requests.Response, ends: float) -> bytes:
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NotFound(_("Crossref answered with more than can be read"))
        if time.monotonic() > ends:
            raise NotFound(_("Crossref did not answer in time"))
    return bytes(body)


def read(body: bytes) -> Work:
    """Return the publication that an answer is about. Raises NotFound for what is no such answer."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    message = answer.get("message") if isinstance(answer, dict) else None
    if not isinstance(message, dict):
        raise NotFound(_("Crossref answered with something that cannot be read"))
    titles = [text for text in map(_text, _list(message.get("title"))) if text]
    if not titles:
        raise NotFound(_("Crossref knows no title for it"))
    return Work(_cut(titles[0], TITLE_LENGTH), _authors(message.get("author")), _year(message))


def _authors(value: object) -> str:
    """Return the names as “Family, Given; Family, Given”, as many as there is room for."""
    kept: list[str] = []
    for name in filter(None, map(_name, _list(value))):
        if len("; ".join((*kept, name, ET_AL))) > AUTHORS_LENGTH:
            kept.append(ET_AL)
            break
        kept.append(name)
    return "; ".join(kept)


def _name(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    family, given = _text(value.get("family")), _text(value.get("given"))
    name = f"{family}, {given}" if family and given else family or given or _text(value.get("name"))
    return name.replace(";", ",")


def _year(message: dict[str, Any]) -> int | None:
    for name in _DATES:
        date = message.get(name)
        [parts, *_others] = (_list(date.get("date-parts")) if isinstance(date, dict) else []) or [None]
        [year, *_others] = _list(parts) or [None]
        if isinstance(year, int) and 1000 <= year <= 9999:
            return year
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


class _Words(HTMLParser):
    """Collects what markup says: Crossref's titles have HTML, MathML and JATS in them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in _SILENT

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in _SILENT and self.silent > 0

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def _text(value: object) -> str:
    """Return a value as one line of text without markup."""
    if not isinstance(value, str):
        return ""
    parser = _Words()
    parser.feed(value[:10_000])
    parser.close()
    return legible("".join(parser.words))
