"""One portal with people of every kind, and hostile requests to it: made from a seed, sent, and judged."""

from __future__ import annotations

import json
import random
import re
import traceback
import uuid
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from django.core.signals import got_request_exception
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from accounts.models import Acceptance, Level, Terms, User
from namespaces import directory
from namespaces.access import Role
from namespaces.models import Namespace
from tests import factories
from tests.hostile import corpus
from tests.hostile.tally import Tally
from tests.namespaces.views.conftest import show
from tests.portal import grounds
from tests.portal.addresses import TABLE
from tests.portal.forms import FORMS
from tests.portal.grounds import Browser, noting_writes, undone
from tests.portal.test_text_fields import LIMITS

ROUND = 1000
"""After so many requests everything is read, and the world begins anew."""
READERS = {"operator": 220, "namespace admin": 50, "anonymous": 30}  # and how many pages each reads
UNREACHABLE = {
    "openid_connect_login",
    "show_again",
    "identity_link",
}  # no provider answers here: 503 is right
TEXTS = {name: [field for other, field in LIMITS if other == name] for name, _field in LIMITS}
ENDS_SESSIONS = {"account_logout", "session_end", "sessions_end"}  # taken back: the others need theirs
_LINK = re.compile(r'href="(/[^"#]*)"')
_COMMENT = re.compile(r"<!--(?:(?!-->).)*canary", re.DOTALL)
_ADDRESSES = ("href", "src", "action", "formaction", "xlink:href", "content")


def _as_sent(text: str) -> str:
    """Return a text as the web server hands on a header: each byte a character, and none that it refuses
    (tests/portal/test_server.py)."""
    return re.sub(r"[\x00\r\n]", "", text.encode("utf-8", "replace").decode("latin-1"))


@dataclass(frozen=True)
class Hostile:
    """One request, as it can be sent again."""

    who: str
    method: str
    name: str
    path: str
    body: bytes = b""
    kind: str = "application/x-www-form-urlencoded"
    headers: dict[str, str] = field(default_factory=dict)


_DATA = ("type", "application/ld+json")


class _Scripts(HTMLParser):
    """Finds what of a page would run, or lead or load from elsewhere, and comes from the corpus."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = "data" if (tag, *attrs) == ("script", _DATA) else tag
        for name, value in attrs:
            runs = name.startswith(("on", "hx-", "srcdoc")) or (name in _ADDRESSES and _runs(value or ""))
            if ("canary" in name or "canary" in (value or "")) and runs:
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in ("script", "style") and "canary" in data:
            self.found.append(f"<{self.inside}>{data}")
        if self.inside == "data" and not _is_only_data(data):
            self.found.append(f"<{self.inside}>{data}")


def _is_only_data(text: str) -> bool:
    """Whether a block that no browser runs is whole: a text that is not escaped ends it, or what comes after it."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return "<" not in text


def _runs(address: str) -> bool:
    """Whether an address is a script, or of another place that the corpus names."""
    plain = re.sub(r"[\x00-\x20]", "", address).lower()
    return plain.startswith(("javascript:", "data:", "vbscript:")) or "//evil.example" in plain[:30]


def scripts_in(page: str) -> list[str]:
    """Return what of a page comes from the corpus and is more than text."""
    if "canary" not in page:
        return []
    if "canaryeval" in page:
        return ["a template was evaluated"]
    if _COMMENT.search(page):
        return ["a comment hides the rest of the page"]
    parser = _Scripts()
    parser.feed(page)
    return parser.found


class World:
    """The portal and its people. One round after the other; each begins as the first did."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # not a secret
        self.tally = Tally()
        place = grounds.make("operator")
        self.addresses = place.addresses
        self.browsers = {"anonymous": Browser(), "operator": place.browser}
        fire = Namespace.objects.get(name="avis-fire")
        nils = factories.person("Nils Berg")
        factories.MembershipFactory.create(namespace=fire, person=nils, role=Role.ADMIN)
        pia = factories.person("Pia Okafor", level=Level.ADMIN)
        named = {"guest": "Ana Kim", "viewer": "Vera Lind"}
        people = {who: User.objects.get(name=name) for who, name in named.items()}
        people |= {"outsider": factories.person("Lea Moreau"), "namespace admin": nils, "level admin": pia}
        for who, person in people.items():
            self.browsers[who] = self._browser(person)
        self._accept_terms()
        self.ids = [str(person.pk) for person in User.objects.all()] + ["0", str(uuid.UUID(int=0)), "x"]
        self.names = sorted({name for form in FORMS.values() for name in form.fields or {}})
        self.filled = {name: form.filled() for name, form in FORMS.items()}
        self.errors: list[str] = []

    def _accept_terms(self) -> None:
        """So that everybody gets further than to the terms."""
        owed = Terms.objects.latest("pk")
        for person in User.objects.exclude(acceptances__terms=owed):
            Acceptance.objects.create(person=person, terms=owed)

    def _browser(self, person: User) -> Browser:
        client, browser = Client(), Browser()
        client.force_login(person)
        show(client, person)
        browser.cookies = client.cookies
        return browser

    # --- Making ---

    def text(self) -> str:
        chosen = self.random
        one = chosen.choice(corpus.TEXTS)
        if chosen.random() < 0.2:
            one = f"{chosen.choice(corpus.WORDS)} {one} {chosen.choice(corpus.TEXTS)}"
        return chosen.choice(self.ids) if chosen.random() < 0.05 else one

    def request(self) -> Hostile:
        """Return the next request."""
        chosen = self.random
        name = chosen.choice(list(TABLE))
        row, who = TABLE[name], chosen.choice(list(self.browsers))
        path = self.addresses[name, chosen.choice(row.about.names)]
        taken = [method for method, answers in (("GET", row.get), ("POST", row.post)) if answers]
        method = taken[-1] if chosen.random() < 0.6 else chosen.choice(taken)
        if chosen.random() < 0.1:
            method = chosen.choice(
                ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
            )
        if method == "POST" and name in FORMS and chosen.random() < 0.6:
            who, path = self.who_may(name)
        if chosen.random() < 0.05:
            path = self._bent(path)
        if chosen.random() < 0.3:
            path += "?" + self._query()
        body, kind = self._body(name) if method in ("POST", "PUT", "PATCH") else (b"", "text/plain")
        headers = {
            header: _as_sent(self.text()[:8000])
            for header in chosen.sample(corpus.HEADERS, chosen.choice((0, 0, 0, 1, 2)))
        }
        if chosen.random() < 0.05:
            names = chosen.sample(("sessionid", "csrftoken", "theme", "messages", "x"), 2)
            headers["cookie"] = "; ".join(
                f"{each}={_as_sent(chosen.choice(corpus.COOKIES))}" for each in names
            )
        return Hostile(who, method, name, path, body, kind, headers)

    def stored(self) -> list[Hostile]:
        """Return the forms that keep a text, each with markup in all its texts and otherwise as it should be, in any
        order: some exclude each other."""
        found = []
        for name in self.random.sample(sorted(TEXTS), len(TEXTS)):
            markup = self.random.choice(corpus.MARKUP)
            text = f"Long enough. {corpus.ANYWHERE} {markup}"
            texts = {field: text[: LIMITS[name, field]] for field in TEXTS[name]}
            found.append(self.form(name, texts))
        return found

    def form(self, name: str, fields: dict[str, str]) -> Hostile:
        """Return a form as it should be, but for these fields."""
        who, path = self.who_may(name)
        return Hostile(who, "POST", name, path, urlencode({**self.filled[name], **fields}).encode())

    def who_may(self, name: str) -> tuple[str, str]:
        """Return who sends the form of an address, and where."""
        form = FORMS[name]
        return form.kind if form.kind in self.browsers else "outsider", self.addresses[name, form.thing]

    def _bent(self, path: str) -> str:
        chosen = self.random
        strange = quote(self.text()[:500], safe="")
        parts = path.split("/")
        spot = chosen.randrange(1, max(2, len(parts)))
        return chosen.choice(
            (
                path + strange,
                "/".join([*parts[:spot], strange, *parts[spot:]]),
                "/".join([*parts[:spot], strange, *parts[spot + 1 :]]),
                path.upper(),
                path.replace("/", "//"),
                path.rstrip("/"),
                "/".join([*parts[:spot], "..", *parts[spot:]]),
                path + "%00",
                path + "%ff%fe",
                path + ";jsessionid=1",
            )
        )

    def _query(self) -> str:
        chosen = self.random
        pairs = [
            (chosen.choice(corpus.PARAMETERS), self.text()[:9000])
            for _number in range(chosen.choice((1, 1, 1, 2, 3)))
        ]
        if chosen.random() < 0.1:
            pairs += pairs
        return chosen.choice((urlencode(pairs), urlencode(pairs), quote(self.text()[:2000]), "=&=&&;"))

    def _fields(self, name: str) -> list[tuple[str, str]]:
        chosen = self.random
        pairs = list(self.filled.get(name, {}).items())
        if pairs and chosen.random() < 0.5:  # all but one field as it should be: that one gets far
            number = chosen.randrange(len(pairs))
            markup = chosen.choice(corpus.MARKUP + corpus.TEMPLATES)
            pairs[number] = (pairs[number][0], markup + markup)
            return pairs
        for number, (each, _value) in enumerate(pairs):
            if chosen.random() < 0.4:
                pairs[number] = (each, self.text())
        pairs += [(chosen.choice(self.names), self.text()) for _n in range(chosen.choice((0, 0, 1, 3)))]
        if chosen.random() < 0.1:
            pairs += pairs
        if pairs and chosen.random() < 0.1:
            pairs.remove(chosen.choice(pairs))
        if chosen.random() < 0.01:
            pairs += [(f"x{number}", "1") for number in range(1100)]
        return pairs

    def _body(self, name: str) -> tuple[bytes, str]:
        chosen = self.random
        pairs = self._fields(name)
        plain = urlencode(pairs, errors="replace").encode()
        way = chosen.random()
        if way < 0.8:
            return plain, "application/x-www-form-urlencoded"
        if way < 0.93:
            return self._multipart(pairs)
        return chosen.choice((plain, b"\xff\xfe\x00", b"%", b"{", b"=" * 3000)), _as_sent(
            chosen.choice(corpus.TYPES)
        )

    def _multipart(self, pairs: list[tuple[str, str]]) -> tuple[bytes, str]:
        chosen = self.random
        parts = []
        for each, value in pairs:
            filename = f'; filename="{self.text()[:300]}"' if chosen.random() < 0.15 else ""
            more = chosen.choice(
                ("", "", "\r\nContent-Type: text/html", "\r\nContent-Transfer-Encoding: base64")
            )
            parts.append(
                f'--b\r\nContent-Disposition: form-data; name="{each}"{filename}{more}\r\n\r\n{value}\r\n'
            )
        body = ("".join(parts) + "--b--\r\n").encode("utf-8", "replace")
        if chosen.random() < 0.3:
            cut = chosen.randrange(len(body) + 1)
            body = body[:cut] + chosen.choice((b"", b"\x00" * 10, b"--b", b"\xff")) + body[cut + 7 :]
        return body, "multipart/form-data; boundary=" + chosen.choice(("b", "b", "b", "c", '"b"'))

    # --- Sending ---

    def send(self, request: Hostile) -> HttpResponse:
        """Send a request and judge the answer."""
        browser = self.browsers[request.who]
        faults: list[str] = []

        def note(**_signal: Any) -> None:
            faults.append(traceback.format_exc())

        got_request_exception.connect(note)
        try:
            with noting_writes() as writes:
                answer: Any = browser.generic(
                    request.method,
                    request.path,
                    request.body,
                    content_type=request.kind,
                    headers=request.headers,
                )
        finally:
            got_request_exception.disconnect(note)
        self.tally.statuses[answer.status_code] += 1
        if (
            faults
            or answer.status_code == 500
            or (answer.status_code > 500 and request.name not in UNREACHABLE)
        ):
            self.errors.append(f"{answer.status_code} to {request!r}\n{''.join(faults)}")
        if request.method in ("GET", "HEAD") and writes:
            self.errors.append(f"reading wrote {writes} by {request!r}")
        if request.name == "terms_publish" and answer.status_code == 302:
            self._accept_terms()
        self._judge(answer, repr(request))
        return answer  # type: ignore[no-any-return]

    def _judge(self, answer: HttpResponse, what: str) -> str:
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            return ""
        page = answer.content.decode()
        if found := scripts_in(page):
            self.errors.append(f"{found} in the answer to {what}")
        target = answer.headers.get("Location", "")
        if (target and not target.startswith("/")) or target.startswith("//"):
            self.errors.append(f"leads to {target} by {what}")
        return page

    def read_everything(self) -> str:
        """Look at every page that can be found, as those who see most, for what was stored; return them all."""
        pages = []
        for who, most in READERS.items():
            todo = deque(
                path for (name, thing), path in self.addresses.items()
                if TABLE[name].get and name != "config_download" and thing not in ("absent", "gone")
            )  # fmt: skip
            seen: set[str] = set()
            while todo and len(seen) < most:
                path = todo.popleft()
                if path in seen:
                    continue
                seen.add(path)
                answer: Any = self.browsers[who].get(path)
                page = self._judge(answer, f"reading {path} as {who}")
                pages.append(page)
                # Not what only sorts and searches: it shows the same.
                todo += [
                    link
                    for link in _LINK.findall(page)
                    if "?" not in link and not link.startswith("/static/")
                ]
        self.tally.read += len(pages)
        self.tally.stored += sum(page.count("canary") for page in pages)
        return "\n".join(pages)

    def round(self, requests: int) -> None:
        """Send so many requests, read everything, and take all back."""
        with undone():
            directory.forget()
            for request in (*self.stored(), *(self.request() for _number in range(requests))):
                with undone() if request.name in ENDS_SESSIONS else transaction.atomic():
                    self.send(request)
            directory.forget()
            self.read_everything()
        directory.forget()
