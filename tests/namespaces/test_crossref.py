"""Crossref is asked within seconds and believed in nothing: what it says is text of strangers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from namespaces import crossref
from namespaces.crossref import AUTHORS_LENGTH, MAX_ANSWER_BYTES, TITLE_LENGTH, NotFound, Work, look_up, read
from tests.crossref_server import PLUMES, CrossrefServer, path, told

DOI = "10.1000/plumes"
PATH = path(DOI)
KNOWN = Work("Smoke plumes in mountain-top camera images", "Pang, Alex; Lin, Hou-I", 2024)


@pytest.fixture
def server(settings: Settings) -> Iterator[CrossrefServer]:
    with CrossrefServer() as running:
        settings.CROSSREF_URL, settings.CROSSREF_MAILTO = running.url, "berth@example.org"
        yield running


def reason(doi: str = DOI) -> str:
    found = look_up([doi])[doi]
    assert isinstance(found, NotFound)
    return str(found)


def test_nobody_is_asked_unless_the_operators_allow_it(settings: Settings) -> None:
    assert settings.CROSSREF_URL == ""
    assert not crossref.is_on()


def test_what_is_known_is_told(server: CrossrefServer) -> None:
    assert crossref.is_on()
    assert look_up([DOI]) == {DOI: KNOWN}


def test_berth_says_who_asks_and_whom_to_write_to(server: CrossrefServer) -> None:
    look_up([DOI])
    [seen] = server.seen
    assert seen.method == "GET"
    assert seen.headers["user-agent"] == "Berth (http://localhost:8088; mailto:berth@example.org)"
    assert "cookie" not in seen.headers
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("mail", ["a@b\r\nX-Evil: 1", "ä@example.org", "a b@example.org"])
def test_address_in_the_setting_breaks_no_header(
    server: CrossrefServer, settings: Settings, mail: str
) -> None:
    settings.CROSSREF_MAILTO = mail
    assert look_up([DOI]) == {DOI: KNOWN}
    assert "x-evil" not in server.seen[0].headers


def test_several_are_asked_for_together(server: CrossrefServer) -> None:
    dois = [f"10.1000/{number}" for number in range(20)]
    server.works = dict.fromkeys(dois[:10], PLUMES)
    found = look_up(dois)
    assert list(found) == dois
    assert [isinstance(each, Work) for each in found.values()] == [True] * 10 + [False] * 10


@pytest.mark.parametrize(
    "doi", ["10.1002/(SICI)1<2>3;4", "10.1000/a/../../b", "10.1000/a?b#c", "10.1000/a%2Fb", "10.1000/ä"]
)
def test_doi_is_one_part_of_the_address_whatever_it_holds(server: CrossrefServer, doi: str) -> None:
    server.works = {doi: PLUMES}
    assert look_up([doi]) == {doi: KNOWN}
    assert (server.seen[0].path, server.seen[0].query) == (path(doi), {})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, "text/plain", b"Resource not found."), "does not know it"),
        ((500, "text/html", b"<h1>Oops</h1>"), "answered with an error"),
        ((503, "application/json", told(PLUMES)), "answered with an error"),
        ((429, "text/plain", b""), "answered with an error"),
        ((204, "application/json", b""), "answered with an error"),
        ((200, "text/html", b"<html><title>Log in</title>"), "cannot be read"),
        ((200, "application/json", b""), "cannot be read"),
        ((200, "application/json", b"[" * 100_000), "cannot be read"),
        ((200, "application/json", b"\xff\xfe"), "cannot be read"),
        ((200, "application/json", told("text")), "cannot be read"),
        ((200, "application/json", told({})), "knows no title"),
        ((200, "application/json", told(PLUMES) + b" " * MAX_ANSWER_BYTES), "more than can be read"),
    ],
)  # fmt: skip
def test_other_answer_is_told_in_words(server: CrossrefServer, answer: Any, words: str) -> None:
    server.bent.raw[PATH] = answer
    assert words in reason()


def test_nothing_is_asked_for_elsewhere(server: CrossrefServer) -> None:
    with CrossrefServer() as other:
        server.bent.raw[PATH] = (302, "text/plain", b"", {"Location": f"{other.url}{PATH}"})
        assert "answered with an error" in reason()
        assert not other.seen
    assert len(server.seen) == 1


def test_proxy_and_passwords_of_the_environment_are_not_used(
    server: CrossrefServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert look_up([DOI]) == {DOI: KNOWN}


@pytest.mark.parametrize("how", ["silent", "dripping"])
def test_one_that_is_slow_is_given_up_and_keeps_no_other_waiting(
    server: CrossrefServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(crossref, "DEADLINE_SECONDS", 0.8)
    getattr(server.bent, how).add(PATH)
    server.works["10.1000/other"] = PLUMES
    started = time.monotonic()
    found = look_up([DOI, "10.1000/other"])
    assert time.monotonic() - started < 3
    assert "in time" in str(found[DOI])
    assert found["10.1000/other"] == KNOWN


def test_server_that_is_not_there_is_told(settings: Settings) -> None:
    with CrossrefServer() as gone:
        settings.CROSSREF_URL = gone.url
    assert "cannot be reached" in reason()


# --- What is read ---------------------------------------------------------------------------------------------------


def title(text: object) -> str:
    return read(told(PLUMES | {"title": text if isinstance(text, list) else [text]})).title


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" Smoke  in\n\t the   valley ", "Smoke in the valley"),
        ("The <i>Quercus</i> of H<sub>2</sub>O", "The Quercus of H2O"),
        ("Fire &amp; smoke: p &lt; 0.05", "Fire & smoke: p < 0.05"),
        ("<jats:title>Smoke</jats:title>", "Smoke"),
        ("<mml:math><mml:mi>x</mml:mi><mml:annotation>\\x</mml:annotation></mml:math> decays", "x decays"),
        ("<script>alert(1)</script>Smoke<style>p{}</style>", "Smoke"),
        ("Smoke<img src=x onerror=alert(1)> here<!-- hidden -->", "Smoke here"),
        ("Smo\u202eke\x00 \u200bhere\ufeff", "Smoke here"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("x" * 400, "x" * (TITLE_LENGTH - 1) + "…"),
        (["", "<i></i>", "Second"], "Second"),
        ([None, 7, {}, "Third"], "Third"),
    ],
)
def test_title_is_plain_text_of_one_line(text: object, said: str) -> None:
    assert title(text) == said


@pytest.mark.parametrize("text", [[], [""], ["<i></i>"], [None], [["x"]], [{}]])
def test_title_that_says_nothing_is_none(text: list[object]) -> None:
    with pytest.raises(NotFound, match="knows no title"):
        title(text)


@pytest.mark.parametrize(
    ("authors", "said"),
    [
        ([{"family": "Pang", "given": "A."}], "Pang, A."),
        ([{"family": "Pang"}, {"given": "Ana"}, {"name": "The <b>SCIPP</b> group"}], "Pang; Ana; The SCIPP group"),
        ([{"name": "One; two"}], "One, two"),
        ([None, 1, [], {}, {"family": 3}, {"family": "Kim", "given": None}], "Kim"),
        (None, ""), ("Pang", ""), ({}, ""),
    ],
)  # fmt: skip
def test_authors_are_names_with_semicolons(authors: object, said: str) -> None:
    assert read(told(PLUMES | {"author": authors})).authors == said


def test_authors_for_whom_there_is_no_room_are_said_to_be_there() -> None:
    many = [{"family": f"Author{number}", "given": "A."} for number in range(3000)]
    said = read(told(PLUMES | {"author": many})).authors
    assert len(said) <= AUTHORS_LENGTH
    assert said.startswith("Author0, A.; Author1, A.; ")
    assert said.endswith("; et al.")


@pytest.mark.parametrize(
    ("dates", "year"),
    [
        ({"issued": {"date-parts": [[2024, 3, 1]]}}, 2024), ({"issued": {"date-parts": [[2024]]}}, 2024),
        ({"issued": {"date-parts": [[None]]}, "published": {"date-parts": [[2023]]}}, 2023),
        ({"issued": {"date-parts": [[]]}}, None), ({"issued": {"date-parts": []}}, None), ({"issued": None}, None),
        ({"issued": {"date-parts": [["2024"]]}}, None), ({"issued": {"date-parts": [[10**9]]}}, None),
        ({"issued": {"date-parts": "2024"}}, None), ({"issued": []}, None),
    ],
)  # fmt: skip
def test_year_is_that_of_the_first_date(dates: dict[str, object], year: int | None) -> None:
    message = {name: value for name, value in PLUMES.items() if name != "issued"} | dates
    assert read(json.dumps({"message": message}).encode()).year == year
