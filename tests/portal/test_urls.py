"""Everybody at every address with every method: the answers of the table, and what no answer may do."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from audit.models import Event
from tests.accounts.views.test_login import IDENTITY_HEADERS
from tests.portal import grounds
from tests.portal.addresses import (
    INVITATIONS,
    KINDS,
    LOGIN,
    MEMBERSHIPS,
    NOTHING,
    SESSIONS,
    TABLE,
    TERMS,
    Cell,
    answer,
    cells,
)
from tests.portal.grounds import Grounds, checksum, seen, undone, without_what_varies

SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Outcome:
    """What came of one question."""

    cell: Cell
    seen: int | str
    wrong_headers: list[str]
    has_changed_something: bool
    events: list[tuple[str, str, str]]  # act, outcome, actor
    told: tuple[dict[str, str], bytes] | None  # of a 404: everything but what varies

    @property
    def is_refused(self) -> bool:
        return self.seen in (LOGIN, TERMS) or (isinstance(self.seen, int) and self.seen >= 400)


def wrong_headers(cell: Cell, response: HttpResponse) -> list[str]:
    """Return what of the answer is not as rule 18 of the design wants it."""
    headers, policy = response.headers, response.headers.get("Content-Security-Policy", "")
    is_known = cell.kind not in ("anonymous", "suspended")
    # Pictures that everybody may see are kept by the reader's own browser, whoever they are.
    is_kept = cell.name == "logo" and "private" in headers.get("Cache-Control", "") and cell.thing != "quiet"
    wanted = {
        "policy": "default-src 'none'" in policy and "frame-ancestors 'none'" in policy,
        "unsafe": "unsafe" not in policy,
        "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
        "referrer": headers.get("Referrer-Policy") == "same-origin",
        "opener": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
        "store": not is_known or "no-store" in headers.get("Cache-Control", "") or is_kept,
        "cookies": all(
            morsel["samesite"] == "Lax" and (morsel["httponly"] or not morsel.value)
            for morsel in response.cookies.values()
        ),
    }
    return [name for name, is_right in wanted.items() if not is_right]


def walk(place: Grounds, kind: str) -> list[Outcome]:
    """Ask everything, each question as if it were the first."""
    found, before = [], checksum()
    last = Event.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    for cell in cells(kind):
        with undone() as writes:
            response = place.send(cell.method, place.addresses[cell.name, cell.thing])
            changed = bool(writes) and checksum() != before
            events = list(Event.objects.filter(pk__gt=last).values_list("act", "outcome", "actor"))
        told = without_what_varies(response) if response.status_code == 404 else None
        found.append(Outcome(cell, seen(response), wrong_headers(cell, response), changed, events, told))
    assert checksum() == before
    return found


@pytest.fixture(scope="module")
def done() -> dict[str, list[Outcome]]:
    return {}


@pytest.fixture
def walked(done: dict[str, list[Outcome]], db: None) -> Callable[[str], list[Outcome]]:
    """Return a function that gives what a kind of person was answered; asked once for all tests."""

    def outcomes(kind: str) -> list[Outcome]:
        if kind not in done:
            done[kind] = walk(grounds.make(kind), kind)
        return done[kind]

    return outcomes


Walked = Callable[[str], list[Outcome]]
everybody = pytest.mark.parametrize("kind", KINDS)


def urls(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from urls(pattern.url_patterns)
        else:
            yield pattern


def test_every_address_has_its_row() -> None:
    assert {pattern.name for pattern in urls(get_resolver().url_patterns)} == set(TABLE)


def test_table_asks_thousands_of_questions() -> None:
    assert sum(1 for kind in KINDS for _cell in cells(kind)) > 8_000


def test_all_forms_are_done_once_but_those_that_decide_nothing() -> None:
    marked = {
        url.name for url in urls(get_resolver().url_patterns) if getattr(url.callback, "is_repeatable", False)
    }
    names_of_login = {"account_logout", "openid_connect_login", "show_again", "identity_link", "break_glass"}
    assert marked == {"theme", "name_check", "publications"} | names_of_login


@everybody
def test_answer_is_that_of_the_table(walked: Walked, kind: str) -> None:
    wrong = [
        f"{one.cell}: {one.seen}, not {answer(one.cell)}"
        for one in walked(kind)
        if one.seen != answer(one.cell)
    ]
    assert wrong == []


@everybody
def test_what_is_refused_changes_nothing(walked: Walked, kind: str) -> None:
    assert [str(one.cell) for one in walked(kind) if one.is_refused and one.has_changed_something] == []


def acts(one: Outcome) -> set[str]:
    return {act for act, _outcome, _actor in one.events}


def is_about_something(cell: Cell) -> bool:
    """Whether a form is about something that exists, as far as others than its owner can find it."""
    row = TABLE[cell.name]
    if row.about in (MEMBERSHIPS, INVITATIONS):  # in the address of an absent namespace stands one of another
        return cell.thing != "of nobody"
    return row.about not in (NOTHING, SESSIONS) and cell.thing not in ("absent", "gone")


@everybody
def test_form_that_is_refused_to_somebody_known_is_recorded_once_and_no_other_refusal(
    walked: Walked, kind: str
) -> None:
    wrong = []
    for one in walked(kind):
        is_denied = (
            one.cell.method == "POST" and one.seen in (403, 404) and kind not in ("anonymous", "suspended")
        )
        expected = is_denied and (one.seen == 403 or is_about_something(one.cell))
        acts = [(act, outcome, bool(actor)) for act, outcome, actor in one.events]
        if one.is_refused and acts != ([("form.refused", "denied", True)] if expected else []):
            wrong.append(f"{one.cell}: {acts}")
    assert wrong == []


@everybody
def test_reading_changes_nothing(walked: Walked, kind: str) -> None:
    assert [
        str(one.cell)
        for one in walked(kind)
        if one.cell.method in SAFE and (one.has_changed_something or acts(one) - {"config.downloaded"})
    ] == []


@everybody
def test_what_one_may_not_know_of_answers_like_what_does_not_exist(walked: Walked, kind: str) -> None:
    absent = {
        (one.cell.name, one.cell.method): one.told for one in walked(kind) if one.cell.thing == "absent"
    }
    hidden = [one for one in walked(kind) if one.told is not None and one.cell.thing not in ("absent", "")]
    assert [
        str(one.cell) for one in hidden if absent.get((one.cell.name, one.cell.method), one.told) != one.told
    ] == []


@everybody
def test_headers_are_on_every_answer(walked: Walked, kind: str) -> None:
    assert (
        Counter(
            f"{one.cell.name}: {', '.join(one.wrong_headers)}" for one in walked(kind) if one.wrong_headers
        )
        == {}
    )


@pytest.mark.django_db
def test_form_of_another_site_is_refused_everywhere() -> None:
    place = grounds.make("operator")
    place.browser.handler.enforce_csrf_checks = True
    with undone() as writes:
        for name, row in TABLE.items():
            answered = place.send(
                "POST", place.addresses[name, row.about.names[0]], origin="https://evil.example"
            )
            assert answered.status_code == 403, name
            assert "This form is no longer valid" in answered.content.decode(), name
    assert writes == []


OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "PUT", "X-Method-Override": "POST",
    "X-Original-URL": "/drift/", "X-Rewrite-URL": "/drift/", "X-Forwarded-Prefix": "/drift",
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Forwarded-Port": "1",
    "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=evil.example",
    "X-Forwarded-Proto": "https", "X-Script-Name": "/drift", "True-Client-IP": "127.0.0.1",
}  # fmt: skip


def headers_of(operator: User) -> list[dict[str, str]]:
    """Return every header that some server takes for an identity, with everything that names an operator, and those
    that override something."""
    subject = operator.identities.get().subject
    named = (str(operator.pk), operator.email, subject)
    return [{**dict.fromkeys(IDENTITY_HEADERS, value), **OVERRIDES} for value in named]


@pytest.mark.parametrize("kind", ["anonymous", "outsider"])
@pytest.mark.django_db
def test_no_header_is_an_identity_or_another_method_at_any_address(kind: str) -> None:
    place = grounds.make(kind)
    sets = itertools.cycle(headers_of(User.objects.get(name="Paula Ilić")))
    for cell in cells(kind):
        if cell.method in ("GET", "POST"):
            with undone():
                path = place.addresses[cell.name, cell.thing]
                assert seen(place.send(cell.method, path, **next(sets))) == answer(cell), str(cell)


@pytest.mark.parametrize("header", [*IDENTITY_HEADERS, *OVERRIDES])
@pytest.mark.django_db
def test_header_alone_opens_nothing(header: str) -> None:
    place = grounds.make("outsider")
    for headers in headers_of(User.objects.get(name="Paula Ilić")):
        alone = {header: headers[header]}
        assert seen(place.send("GET", place.addresses["people", ""], **alone)) == 404
        assert seen(place.send("POST", place.addresses["drift_take_back", "there"], **alone)) == 403
