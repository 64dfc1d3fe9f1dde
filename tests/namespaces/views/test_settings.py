"""Editing the page of a namespace."""

from __future__ import annotations

import re

import pytest

from namespaces.models import PARTS, Namespace, Publication, Software
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

ADDRESS = "/namespaces/nautilus/avis-fire/settings/"


def form(*rows: dict[str, str], **changes: str) -> dict[str, str]:
    """Return the form as a browser sends it, with these publications."""
    given = {
        "title": "Wildfire", "description": "We look at smoke.\r\nAnd at fire.", "pi_name": "Alex Pang",
        "institution": "UC Santa Cruz", "field": "Environment", "software": "Python\r\n\r\n GDAL \r\nPython",
        "visibility": "listed", "version": "1", **{f"{part}_to": "public" for part in PARTS},
        "publications-TOTAL_FORMS": str(len(rows)), "publications-INITIAL_FORMS": "0",
    }  # fmt: skip
    for number, row in enumerate(rows):
        given |= {f"publications-{number}-{name}": value for name, value in row.items()}
    return given | changes


@pytest.mark.parametrize(("who", "status"), [("otto", 403), ("eda", 403), ("nils", 200), ("olga", 200)])
def test_page_is_edited_by_admins_and_operators(
    browse: Browse, cast: Cast, fire: Namespace, who: str, status: int
) -> None:
    client = browse(getattr(cast, who))
    assert client.get(ADDRESS).status_code == status
    assert client.post(ADDRESS, form()).status_code == (302 if status == 200 else status)


def test_what_is_typed_is_stored(browse: Browse, cast: Cast, fire: Namespace) -> None:
    rows = ({"title": "Plumes", "link": "10.1000/xyz", "year": "2022"}, {"title": "", "link": "", "year": ""})
    browse(cast.nils).post(ADDRESS, form(*rows, visibility="members"))
    fire.refresh_from_db()
    assert fire.description == "We look at smoke.\nAnd at fire."
    assert (fire.title, fire.field, fire.visibility) == ("Wildfire", "Environment", "members")
    assert set(Software.objects.values_list("name", flat=True)) == {"Python", "GDAL"}
    assert Publication.objects.values_list("title", "link", "year").get() == (
        "Plumes", "https://doi.org/10.1000/xyz", 2022,
    )  # fmt: skip


def test_who_reads_each_part_is_stored_and_shown_again(browse: Browse, cast: Cast, fire: Namespace) -> None:
    client = browse(cast.nils)
    client.post(ADDRESS, form(description_to="members", pi_name_to="signed_in", visibility="unlisted"))
    fire.refresh_from_db()
    assert (fire.description_to, fire.pi_name_to, fire.title_to) == ("members", "signed_in", "public")
    assert fire.visibility == "unlisted"
    page = client.get(ADDRESS).content.decode()
    assert '<option value="members" selected>' in page
    assert "Whoever has the address reads" in page


def test_part_without_an_audience_is_refused_and_not_made_public(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    typed = form()
    del typed["description_to"]
    assert browse(cast.nils).post(ADDRESS, typed).status_code == 400


def test_preview_says_who_would_read_what_and_stores_nothing(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    typed = form(description_to="members", pi_name_to="signed_in", title="Kept", preview="1")
    answer = browse(cast.nils).post(ADDRESS, typed)
    said = " ".join(re.sub("<[^>]+>", " ", answer.content.decode().split('id="readers"')[1]).split())
    assert answer.status_code == 200
    assert "Everybody reads Name, Title, Institution, Field of science, Software," in said
    assert "Who is logged in reads also PI Only members and operators read Description It is listed" in said
    assert 'value="Kept"' in answer.content.decode()
    fire.refresh_from_db()
    assert (fire.title, fire.page_version) == ("", 1)


def test_preview_of_a_hidden_page_says_that_nobody_else_reads_it(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    answer = browse(cast.nils).post(ADDRESS, form(visibility="members", preview="1"))
    assert "To everybody else this namespace does not exist." in answer.content.decode()


def test_form_shows_what_the_page_says_and_two_rows_more(browse: Browse, cast: Cast, fire: Namespace) -> None:
    Publication.objects.create(namespace=fire, title="Plumes", link="https://example.org/p", year=2022)
    Software.objects.create(namespace=fire, name="GDAL")
    page = browse(cast.nils).get(ADDRESS).content.decode()
    for text in ("What we do here.", "https://example.org/p", "2022", "GDAL", "publications-2-title"):
        assert text in page
    assert "publications-3-title" not in page


def test_emptied_row_is_removed(browse: Browse, cast: Cast, fire: Namespace) -> None:
    Publication.objects.create(namespace=fire, title="Plumes")
    browse(cast.nils).post(ADDRESS, form({"title": "", "link": "", "year": ""}))
    assert not Publication.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 121), ("description", "x" * 4001), ("pi_name", "x" * 201), ("institution", "a\nb"),
        ("field", "x" * 121), ("software", "x" * 61), ("software", "\n".join(f"s{n}" for n in range(51))),
        ("description", "a\0b"), ("title", "a\u202eb"), ("visibility", "secret"), ("visibility", ""),
        ("version", "x"), ("version", ""), ("description_to", ""), ("pi_name_to", "friends"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_lost_or_stored(
    browse: Browse, cast: Cast, fire: Namespace, field: str, value: str
) -> None:
    answer = browse(cast.nils).post(ADDRESS, form({"title": "Kept row"}, **{field: value}))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert f'href="#id_{field}"' in page
    assert "Kept row" in page
    assert "Alex Pang" in page or field == "pi_name"
    fire.refresh_from_db()
    assert (fire.title, fire.page_version) == ("", 1)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"title": "A", "link": "javascript:alert(1)"}, "link"), ({"title": "A", "link": "ftp://x.org/a"}, "link"),
        ({"title": "A", "link": "https://user@x.org/"}, "link"), ({"title": "A", "year": "1899"}, "year"),
        ({"title": "A", "year": "3000"}, "year"), ({"title": "A", "year": "MMXX"}, "year"),
        ({"link": "https://x.org/"}, "title"), ({"title": "x" * 301}, "title"),
    ],
)  # fmt: skip
def test_bad_publication_is_named(
    browse: Browse, cast: Cast, fire: Namespace, row: dict[str, str], field: str
) -> None:
    answer = browse(cast.nils).post(ADDRESS, form({"title": "Good"}, row))
    assert answer.status_code == 400
    assert f'href="#id_publications-1-{field}"' in answer.content.decode()
    assert not Publication.objects.exists()


def test_title_listed_twice_is_named(browse: Browse, cast: Cast, fire: Namespace) -> None:
    answer = browse(cast.nils).post(ADDRESS, form({"title": "Same"}, {"title": "Same"}))
    assert answer.status_code == 400
    assert "This title is listed already." in answer.content.decode()


@pytest.mark.parametrize("count", ["101", "1000", "999999", "-1", "x", ""])
def test_impossible_number_of_rows_is_refused(
    browse: Browse, cast: Cast, fire: Namespace, count: str
) -> None:
    answer = browse(cast.nils).post(ADDRESS, form(**{"publications-TOTAL_FORMS": count}))
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()


def test_rows_left_out_remove_nothing(browse: Browse, cast: Cast, fire: Namespace) -> None:
    Publication.objects.create(namespace=fire, title="Plumes")
    answer = browse(cast.nils).post(ADDRESS, form(**{"publications-INITIAL_FORMS": "1"}))
    assert answer.status_code == 400
    assert "Rows of the publications are missing." in answer.content.decode()
    assert Publication.objects.exists()


def test_second_writer_is_told_keeps_what_was_typed_and_may_go_on(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    browse(cast.paula).post(ADDRESS, form(title="Paula's title"))
    client = browse(cast.nils)
    answer = client.post(ADDRESS, form({"title": "Plumes"}, title="Nils's title"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody else changed this page meanwhile." in page
    assert "Nils&#x27;s title" in page
    assert "Plumes" in page
    assert 'name="version" value="2"' in page
    fire.refresh_from_db()
    assert fire.title == "Paula's title"
    client.post(ADDRESS, form(title="Nils's title", version="2"))
    fire.refresh_from_db()
    assert fire.title == "Nils's title"


def test_name_cluster_and_creator_are_not_taken_from_the_form(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    browse(cast.nils).post(ADDRESS, form(name="other-name", created_by=str(cast.nils.pk), generation="77"))
    fire.refresh_from_db()
    assert (fire.name, fire.created_by, fire.generation) == ("avis-fire", cast.paula, 1)


def test_enter_key_saves(browse: Browse, cast: Cast, fire: Namespace) -> None:
    """Browsers take the first button of a form for its default."""
    page = browse(cast.nils).get(ADDRESS).content.decode()
    [_head, after] = page.split('class="page-form"')
    assert f'action="{ADDRESS}"' in after.split(">")[0]
    [first, *_others] = re.findall(r"<button[^>]*>", after)
    assert "formaction" not in first
    assert "name=" not in first
