"""The institution of a namespace: completed while one types, and told from others by its id at ROR."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from namespaces import ror
from namespaces.models import Namespace
from namespaces.organisations import store
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse
from tests.namespaces.views.test_settings import form
from tests.ror_file import OXFORD, RECORDS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FIRE, ADDRESS = "/namespaces/nautilus/avis-fire/", "/organisations/"
NAME = "University of Oxford"


@pytest.fixture(autouse=True)
def loaded(db: None) -> None:
    store(ror._record(each) for each in RECORDS)


@pytest.fixture
def save(browse: Browse, cast: Cast, fire: Namespace) -> Callable[..., None]:
    """Return a function that saves the page of avis-fire with these values."""

    def change(**values: str) -> None:
        fire.refresh_from_db()
        answer = browse(cast.nils).post(f"{FIRE}settings/", form(version=str(fire.page_version), **values))
        assert answer.status_code == 302
        fire.refresh_from_db()

    return change


def test_choices_are_given_to_everybody_who_is_logged_in(browse: Browse, cast: Cast) -> None:
    answer = browse(cast.ana).get(ADDRESS, {"institution": "oxf"})
    assert answer.content.decode().strip() == (
        f'<option value="{NAME}">GB · Oxford · ror.org/{OXFORD}</option>'
    )
    assert browse(None).get(ADDRESS, {"institution": "oxf"}).status_code == 302


@pytest.mark.parametrize("typed", ["", "ox", "zzz"])
def test_there_are_no_choices_for_what_is_short_or_unknown(browse: Browse, cast: Cast, typed: str) -> None:
    answer = browse(cast.ana).get(ADDRESS, {"institution": typed})
    assert (answer.status_code, answer.content.strip()) == (200, b"")


@pytest.mark.parametrize(
    "query", ["x=1", "institution=a&institution=b", "institution=%00", "institution=" + "a" * 201]
)
def test_what_cannot_be_asked_is_refused(browse: Browse, cast: Cast, query: str) -> None:
    assert browse(cast.ana).get(f"{ADDRESS}?{query}").status_code == 400


def test_both_fields_of_an_approval_are_one_question(browse: Browse, cast: Cast) -> None:
    assert browse(cast.ana).get(f"{ADDRESS}?approve-institution=oxf").status_code == 200
    assert browse(cast.ana).get(f"{ADDRESS}?approve-institution=oxf&institution=oxf").status_code == 200


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("nils", f"{FIRE}settings/"), ("paula", "/manage/create/"), ("otto", "/manage/ask/"),
        ("otto", "/requests/promotion/"),
    ],
)  # fmt: skip
def test_field_is_completed_and_any_text_without_a_script(
    browse: Browse, cast: Cast, fire: Namespace, who: str, address: str
) -> None:
    page = browse(getattr(cast, who)).get(address).content.decode()
    [field] = re.findall(r'<input[^>]*name="institution"[^>]*>', page)
    assert 'type="text"' in field
    assert f'hx-get="{ADDRESS}"' in field
    assert 'list="id_institution_list"' in field
    assert '<datalist id="id_institution_list"></datalist>' in page


def test_id_is_stored_with_a_name_that_was_chosen_and_gone_with_another(
    save: Callable[..., None], fire: Namespace
) -> None:
    save(institution=NAME)
    assert fire.ror == OXFORD
    save(institution="My own institute")
    assert fire.ror == ""


def test_new_namespace_has_the_id_too(browse: Browse, cast: Cast, fire: Namespace) -> None:
    fields = {"cluster": "nautilus", "name": "river-watch", "institution": NAME}
    assert browse(cast.paula).post("/manage/create/", fields).status_code == 302
    assert Namespace.objects.get(name="river-watch").ror == OXFORD


def test_id_is_a_link_beside_the_institution_and_told_to_programs(
    browse: Browse, save: Callable[..., None]
) -> None:
    save(institution=NAME)
    page = browse(None).get(FIRE).content.decode()
    assert f'href="https://ror.org/{OXFORD}" rel="noopener noreferrer external"' in page
    [said] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert json.loads(said)["parentOrganization"] == {
        "@type": "Organization", "name": NAME, "@id": f"https://ror.org/{OXFORD}",
    }  # fmt: skip
    [entry] = browse(None).get("/namespaces/all.json").json()["namespaces"]
    assert entry["institution_ror"] == f"https://ror.org/{OXFORD}"


@pytest.mark.parametrize(("written_for", "readers"), [("signed_in", {"ana", "vera"}), ("members", {"vera"})])
def test_who_may_not_read_the_institution_does_not_read_its_id(
    browse: Browse, cast: Cast, save: Callable[..., None], written_for: str, readers: set[str]
) -> None:
    save(institution=NAME, institution_to=written_for)
    seen = {
        who
        for who in ("", "ana", "vera")
        if OXFORD in browse(getattr(cast, who) if who else None).get(FIRE).content.decode()
    }
    assert seen == readers
    assert OXFORD not in browse(None).get("/namespaces/all.json").content.decode()
