"""The reader's own page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def test_shows_who_one_is_taken_for(login: Login, cast: Cast) -> None:
    page = login(cast.eda).get("/profile/").content.decode()
    identity = cast.eda.identities.get()
    for text in ("Eda Kaya", cast.eda.email, "UC Santa Cruz", identity.subject, identity.issuer):
        assert text in page


def test_shows_nobody_elses_identity(login: Login, cast: Cast) -> None:
    other = factories.IdentityFactory.create(person=cast.otto)
    assert other.subject not in login(cast.eda).get("/profile/").content.decode()


def test_guest_reads_how_to_become_a_user(login: Login, cast: Cast) -> None:
    said = "You become a user when"
    assert said in login(cast.ana).get("/profile/").content.decode()
    assert said not in login(cast.eda).get("/profile/").content.decode()


def test_person_without_name_address_and_institution_has_a_page(login: Login, cast: Cast) -> None:
    person = factories.PersonFactory.create(name="", email="", institution="")
    page = login(person).get("/profile/").content.decode()
    assert page.count("not given") == 3


def test_nothing_is_changed_here(login: Login, cast: Cast) -> None:
    assert login(cast.eda).post("/profile/", {"level": "admin"}).status_code == 405
