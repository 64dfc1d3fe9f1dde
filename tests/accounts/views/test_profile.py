"""The reader's own page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Session, User
from audit.models import Event
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


def test_chooses_who_reads_ones_name(login: Login, cast: Cast) -> None:
    client = login(cast.eda)
    assert client.post("/profile/name/", {"named_to": "public"}).headers["Location"] == "/profile/"
    cast.eda.refresh_from_db()
    assert cast.eda.named_to == "public"
    page = client.get("/profile/").content.decode()
    assert re.search(r'value="public"\s+id="[^"]*" checked', page)
    event = Event.objects.filter(act="person.named_to").get()
    assert (event.actor, event.before, event.after) == (
        str(cast.eda.pk), {"named_to": "signed_in"}, {"named_to": "public"},
    )  # fmt: skip


@pytest.mark.parametrize("value", ["", "friends"])
def test_impossible_choice_of_who_reads_ones_name_is_told(login: Login, cast: Cast, value: str) -> None:
    answer = login(cast.eda).post("/profile/name/", {"named_to": value})
    assert answer.status_code == 400
    assert 'href="#id_named_to"' in answer.content.decode()


class TestSessions:
    def test_lists_where_one_is_logged_in_and_which_is_this_one(self, login: Login, cast: Cast) -> None:
        elsewhere(cast.eda)
        elsewhere(cast.otto)
        page = login(cast.eda).get("/profile/").content.decode()
        assert page.count("Firefox on Windows") == 2  # of the row and of its button
        assert page.count("This is the one you are using.") == 1
        assert page.count("/end/") == 2  # of the other one, and of all others
        assert "A session ends by itself when it was not used for 12 hours." in page

    def test_only_one_has_nothing_to_end(self, login: Login, cast: Cast) -> None:
        assert "End all others" not in login(cast.eda).get("/profile/").content.decode()

    def test_ends_one(self, login: Login, cast: Cast) -> None:
        thief, phone, mine = elsewhere(cast.eda), elsewhere(cast.eda), login(cast.eda)
        answer = mine.post(f"/profile/sessions/{handle(thief)}/end/", follow=True)
        assert "The session has ended: Firefox on Windows." in answer.content.decode()
        assert thief.get("/profile/").status_code == 302
        assert phone.get("/profile/").status_code == 200
        event = Event.objects.get(act="session.ended")
        assert (event.actor, event.object_id, event.after) == (
            str(cast.eda.pk), str(cast.eda.pk), {"sessions": 1},
        )  # fmt: skip

    def test_ends_all_others(self, login: Login, cast: Cast) -> None:
        others, mine = [elsewhere(cast.eda) for _ in range(2)], login(cast.eda)
        answer = mine.post("/profile/sessions/end/", follow=True)
        assert "2 other sessions have ended." in answer.content.decode()
        assert [client.get("/profile/").status_code for client in others] == [302, 302]
        assert mine.get("/profile/").status_code == 200
        assert Event.objects.get(act="session.ended").after == {"sessions": 2}

    def test_nobody_elses_can_be_ended(self, login: Login, cast: Cast) -> None:
        his = elsewhere(cast.otto)
        assert login(cast.eda).post(f"/profile/sessions/{handle(his)}/end/").status_code == 404
        assert his.get("/profile/").status_code == 200

    def test_the_current_one_is_ended_by_logging_out(self, login: Login, cast: Cast) -> None:
        mine = login(cast.eda)
        answer = mine.post(f"/profile/sessions/{handle(mine)}/end/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/logout/")

    def test_nothing_to_end_is_no_event(self, login: Login, cast: Cast) -> None:
        page = login(cast.eda).post("/profile/sessions/end/", follow=True).content.decode()
        assert "0 other sessions have ended." in page
        assert not Event.objects.filter(act="session.ended").exists()


def elsewhere(person: User) -> Client:
    """Return another browser in which somebody is logged in."""
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0"
    client = Client()
    client.force_login(person)
    Session.objects.filter(pk=client.session.session_key).update(agent=agent)
    return client


def handle(client: Client) -> str:
    return Session.objects.get(pk=client.session.session_key).handle
