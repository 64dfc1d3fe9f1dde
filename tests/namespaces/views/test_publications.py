"""Adding publications by DOI: rows for what was pasted, filled from Crossref where that is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from namespaces import crossref
from namespaces.models import Namespace, Publication
from tests import factories
from tests.conftest import Cast
from tests.crossref_server import PLUMES, CrossrefServer, path
from tests.namespaces.views.conftest import Browse
from tests.namespaces.views.test_settings import form

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FIRE = "/namespaces/nautilus/avis-fire/"
ADDRESS, SETTINGS = f"{FIRE}settings/publications/", f"{FIRE}settings/"
Fields = dict[str, str]


@pytest.fixture
def server(settings: Settings) -> Iterator[CrossrefServer]:
    with CrossrefServer() as running:
        settings.CROSSREF_URL = running.url
        yield running


@pytest.fixture
def nils(browse: Browse, cast: Cast, fire: Namespace) -> Client:
    return browse(cast.nils)


def fields(page: str) -> Fields:
    """Return what the inputs of the rows hold."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        values = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if values.get("name", "").startswith("publications-"):
            found[values["name"]] = values.get("value", "")
    return found


def row(found: Fields, number: int) -> tuple[str, ...]:
    return tuple(found[f"publications-{number}-{name}"] for name in ("title", "link", "year", "authors"))


def words(page: str) -> str:
    return unescape(page.split('id="id_pasted_error"')[1].split("</div>")[0])


@pytest.mark.parametrize(("who", "status"), [("otto", 403), ("eda", 403), ("nils", 200), ("olga", 200)])
def test_publications_are_looked_up_by_admins_and_operators_only(
    browse: Browse, cast: Cast, fire: Namespace, server: CrossrefServer, who: str, status: int
) -> None:
    answer = browse(getattr(cast, who)).post(ADDRESS, form(pasted="10.1000/plumes"))
    assert answer.status_code == status
    assert bool(server.seen) == (status == 200)


def test_row_is_filled_beside_those_that_were_typed_and_nothing_is_stored(
    nils: Client, server: CrossrefServer
) -> None:
    typed = form(
        {"title": "Typed", "link": "", "year": "x", "authors": "Kim, Ana"}, {"title": ""}, title="Kept",
        pasted="Pang (2024), https://doi.org/10.1000/plumes.",
    )  # fmt: skip
    answer = nils.post(ADDRESS, typed)
    page = answer.content.decode()
    found = fields(page)
    assert answer.status_code == 200
    assert row(found, 0) == ("Typed", "", "x", "Kim, Ana")
    assert row(found, 1) == (
        "Smoke plumes in mountain-top camera images", "https://doi.org/10.1000/plumes", "2024",
        "Pang, Alex; Lin, Hou-I",
    )  # fmt: skip
    assert row(found, 2) == ("", "", "", "")
    assert "1 publication is added below." in page
    assert 'value="Kept"' in page
    assert 'value="public" selected' in page
    assert 'role="alert"' not in page
    assert not Publication.objects.exists()


def test_what_was_found_is_saved_with_the_page(nils: Client, server: CrossrefServer) -> None:
    page = nils.post(ADDRESS, form(pasted="10.1000/plumes")).content.decode()
    assert nils.post(SETTINGS, form(**fields(page))).status_code == 302
    stored = Publication.objects.get()
    assert (stored.title, stored.link, stored.year, stored.authors) == (
        "Smoke plumes in mountain-top camera images", "https://doi.org/10.1000/plumes", 2024, "Pang, Alex; Lin, Hou-I",
    )  # fmt: skip
    shown = nils.get(FIRE).content.decode()
    assert "Pang, Alex; Lin, Hou-I" in shown
    assert row(fields(nils.get(SETTINGS).content.decode()), 0)[3] == "Pang, Alex; Lin, Hou-I"


def test_page_that_is_given_back_is_saved_where_it_is_saved_otherwise(nils: Client) -> None:
    page = nils.post(ADDRESS, form(pasted="10.1000/plumes")).content.decode()
    [start] = re.findall(r'<form[^>]*class="page-form"[^>]*>', page)
    assert f'action="{SETTINGS}"' in start


def test_without_the_setting_nobody_is_asked_and_the_rows_are_filled_by_hand(nils: Client) -> None:
    assert "Find the DOIs" in nils.get(SETTINGS).content.decode()
    page = nils.post(ADDRESS, form(pasted="10.1000/a and doi:10.1000/b")).content.decode()
    assert row(fields(page), 0) == ("", "https://doi.org/10.1000/a", "", "")
    assert row(fields(page), 1) == ("", "https://doi.org/10.1000/b", "", "")
    assert "2 publications are added below." in page


def test_what_is_not_known_is_said_at_the_field_and_has_its_row(nils: Client, server: CrossrefServer) -> None:
    answer = nils.post(ADDRESS, form(pasted="10.1000/gone 10.1000/plumes"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "10.1000/gone: Crossref does not know it. Fill in its title below." in words(page)
    assert row(fields(page), 0) == ("", "https://doi.org/10.1000/gone", "", "")
    assert row(fields(page), 1)[0] == PLUMES["title"][0]
    assert "10.1000/gone 10.1000/plumes</textarea>" in page


def test_crossref_that_is_away_loses_nothing(nils: Client, settings: Settings) -> None:
    with CrossrefServer() as gone:
        settings.CROSSREF_URL = gone.url
    page = nils.post(ADDRESS, form({"title": "Typed"}, pasted="10.1000/plumes")).content.decode()
    assert "Crossref cannot be reached" in words(page)
    assert row(fields(page), 0)[0] == "Typed"
    assert row(fields(page), 1)[1] == "https://doi.org/10.1000/plumes"


def test_nothing_is_held_while_crossref_is_slow(
    nils: Client, server: CrossrefServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middleware that does forms once runs views in a transaction, but not this one."""
    depths = []
    ask = crossref.look_up
    outside = len(connection.savepoint_ids)

    def look(dois: list[str]) -> object:
        depths.append(len(connection.savepoint_ids))
        return ask(dois)

    monkeypatch.setattr(crossref, "look_up", look)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', nils.get(SETTINGS).content.decode())[-1]
    assert nils.post(ADDRESS, form(pasted="10.1000/plumes", csrfmiddlewaretoken=token)).status_code == 200
    assert depths == [outside]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paste a DOI"), ("no such thing", "There is no DOI in this text"), ("10.1000/\x00x", "Control characters"),
        ("10.1000/\u202ex", "Invisible characters"), ("x" * 20_001, "At most 20000 characters"),
        (" ".join(f"10.1000/{number}" for number in range(21)), "At most 20 at once; these are 21."),
    ],
)  # fmt: skip
def test_text_without_a_doi_or_with_too_many_is_told(
    nils: Client, server: CrossrefServer, text: str, said: str
) -> None:
    answer = nils.post(ADDRESS, form({"title": "Typed"}, pasted=text))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in words(page)
    assert 'href="#id_pasted"' in page
    assert row(fields(page), 0)[0] == "Typed"
    assert not server.seen


def test_publication_that_is_listed_is_not_added_again(nils: Client, server: CrossrefServer) -> None:
    answer = nils.post(ADDRESS, form({"title": "A", "link": "DOI:10.1000/PLUMES"}, pasted="10.1000/plumes"))
    assert answer.status_code == 400
    assert "listed below already" in words(answer.content.decode())
    assert not server.seen


def test_more_than_a_page_holds_is_refused(nils: Client) -> None:
    rows = [{"title": f"Paper {number}"} for number in range(99)]
    answer = nils.post(ADDRESS, form(*rows, pasted="10.1000/a 10.1000/b"))
    assert answer.status_code == 400
    assert "At most 100 publications." in words(answer.content.decode())


@pytest.mark.parametrize("count", ["", "x", "-1", "99999999999999999999"])
def test_impossible_number_of_rows_is_none_or_as_many_as_there_may_be(nils: Client, count: str) -> None:
    answer = nils.post(ADDRESS, form(pasted="10.1000/a", **{"publications-TOTAL_FORMS": count}))
    assert answer.status_code == 200


def test_text_of_which_all_was_added_hinders_no_saving(nils: Client) -> None:
    row = {"title": "Smoke", "link": "https://doi.org/10.1000/plumes"}
    assert nils.post(SETTINGS, form(row, pasted="see doi:10.1000/PLUMES")).status_code == 302
    assert nils.post(SETTINGS, form(row, version="2", pasted="10.1000/plumes 10.1000/b")).status_code == 400
    assert nils.post(SETTINGS, form(row, version="2", pasted="no DOI")).status_code == 400
    assert Publication.objects.count() == 1


def test_text_that_was_not_looked_up_is_kept_by_a_preview(nils: Client) -> None:
    page = nils.post(SETTINGS, form(pasted="10.1000/plumes", preview="1")).content.decode()
    assert "10.1000/plumes</textarea>" in page
    assert "This is not added yet" not in page


def test_text_that_was_not_looked_up_is_not_lost_by_saving(nils: Client) -> None:
    answer = nils.post(SETTINGS, form(pasted="10.1000/plumes"))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "This is not added yet" in words(page)
    assert "10.1000/plumes</textarea>" in page
    assert not Publication.objects.exists()


def test_path_of_the_stand_in_is_that_of_the_api() -> None:
    assert path("10.1000/plumes") == "/works/10.1000%2Fplumes"


# --- BibTeX --------------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(fire: Namespace) -> Namespace:
    Publication.objects.create(
        namespace=fire,
        title="Smoke & plumes",
        link="https://doi.org/10.1000/plumes",
        year=2024,
        authors="Pang, Alex",
    )
    return fire


def test_publications_are_given_as_bibtex(browse: Browse, listed: Namespace) -> None:
    client = browse(None)
    assert f'href="{FIRE}publications.bib"' in client.get(FIRE).content.decode()
    answer = client.get(f"{FIRE}publications.bib")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-bibtex; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="avis-fire.bib"'
    assert r"title = {{Smoke \& plumes}}" in answer.content.decode()


@pytest.mark.parametrize("written_for", ["public", "signed_in", "members"])
def test_bibtex_is_read_by_those_who_read_the_publications(
    browse: Browse, cast: Cast, listed: Namespace, written_for: str
) -> None:
    Namespace.objects.filter(pk=listed.pk).update(publications_to=written_for, page_version=2)
    for who, is_one in (("", "public"), ("ana", "signed_in"), ("vera", "members"), ("olga", "members")):
        client = browse(getattr(cast, who) if who else None)
        reads = ["public", "signed_in", "members"].index(written_for) <= [
            "public", "signed_in", "members",
        ].index(is_one)  # fmt: skip
        answer = client.get(f"{FIRE}publications.bib")
        assert answer.status_code == 200
        assert ("Smoke" in answer.content.decode()) == reads, who
        assert ("publications.bib" in client.get(FIRE).content.decode()) == reads, who


def test_bibtex_of_what_is_hidden_does_not_exist_for_others(
    browse: Browse, cast: Cast, hidden: Namespace
) -> None:
    address = "/namespaces/nautilus/quiet-lab/publications.bib"
    assert browse(None).get(address).status_code == 404
    assert browse(cast.otto).get(address).status_code == 404
    assert browse(cast.paula).get(address).status_code == 200


@pytest.mark.parametrize(("visibility", "asked"), [("listed", None), ("unlisted", "noindex")])
def test_search_engines_leave_out_what_is_not_listed(
    browse: Browse, listed: Namespace, visibility: str, asked: str | None
) -> None:
    Namespace.objects.filter(pk=listed.pk).update(visibility=visibility, page_version=2)
    logo = factories.LogoFactory.create(namespace=listed).digest
    for address in (f"{FIRE}publications.bib", f"{FIRE}logo/{logo}.webp"):
        assert browse(None).get(address).headers.get("X-Robots-Tag") == asked
