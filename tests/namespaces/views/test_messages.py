"""What people were told, in the page; how mails come to them; and what operators see of mails that fail."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from notifications import reading, sending
from notifications.kinds import Kind, Way
from notifications.models import Channel, Delivery
from tests.conftest import Cast

MESSAGES, SEEN, MAILS = reverse("messages"), reverse("messages_seen"), reverse("messages_mails")
FAILING = reverse("messages_failing")
DEFAULTS = {
    "requests": "at_once",
    "answers": "at_once",
    "memberships": "at_once",
    "members": "daily",
    "announcements": "at_once",
}
Login = Callable[[User], Client]


def tell(person: User, subject: str = "Nils Berg has a further login", **values: object) -> Delivery:
    fields = {
        "event": str(uuid.uuid4()),
        "kind": Kind.MEMBERS,
        "channel": Channel.INBOX,
        "state": "sent",
        **values,
    }
    return Delivery.objects.create(person=person, subject=subject, **fields)


def page(client: Client, address: str = MESSAGES) -> str:
    return client.get(address).content.decode()


class TestMessages:
    def test_shows_ones_own_newest_first_and_nobody_elses(self, cast: Cast, login: Login) -> None:
        now = timezone.now()
        for number in range(3):
            row = tell(cast.nils, f"News {number}", text="First.\n\nThen <b>more</b>.", link="/manage/")
            Delivery.objects.filter(pk=row.pk).update(created_at=now - timedelta(hours=3 - number))
        tell(cast.paula, "For Paula")
        tell(cast.nils, "A mail", channel=Channel.MAIL, address=cast.nils.email)
        text = page(login(cast.nils))
        assert text.index("News 2") < text.index("News 1") < text.index("News 0")
        assert '<a href="/manage/">News 2</a>' in text
        assert "Then &lt;b&gt;more&lt;/b&gt;." in text
        assert "For Paula" not in text
        assert "A mail" not in text

    def test_says_so_where_there_are_none(self, cast: Cast, login: Login) -> None:
        assert "Nothing yet." in page(login(cast.otto))

    def test_older_ones_are_on_further_pages(self, cast: Cast, login: Login) -> None:
        for number in range(30):
            tell(cast.nils, f"News {number:02}")
        client = login(cast.nils)
        first = page(client)
        assert first.count("News ") == 25
        older = first.partition('rel="next" href="?')[2].partition('"')[0].replace("&amp;", "&")
        second = page(client, f"{MESSAGES}?{older}")
        assert second.count("News ") == 5
        assert "Mark all as seen" in first
        assert "Mark all as seen" not in second  # it would leave the newer ones

    @pytest.mark.parametrize("query", ["?after=nothing", "?before=1~2", "?page=2"])
    def test_place_that_is_none_is_refused(self, cast: Cast, login: Login, query: str) -> None:
        assert login(cast.nils).get(MESSAGES + query).status_code == 400

    def test_costs_the_same_however_many_there_are(self, cast: Cast, login: Login) -> None:
        client = login(cast.nils)
        tell(cast.nils)
        client.get(MESSAGES)
        counts = []
        for _more in range(2):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(MESSAGES)
            counts.append(len(queries))
            for number in range(10):
                tell(cast.nils, f"News {number}")
        assert counts[0] == counts[1]


class TestSeen:
    def test_number_stands_on_every_page_until_they_are_seen(self, cast: Cast, login: Login) -> None:
        newest = [tell(cast.nils), tell(cast.nils)][-1]
        client = login(cast.nils)
        assert "Messages (2)" in page(client, reverse("manage"))
        assert client.post(SEEN, {"until": newest.pk}).headers["Location"] == MESSAGES
        text = page(client)
        assert "Messages (" not in text
        assert "Mark all as seen" not in text

    def test_looking_at_the_page_marks_nothing(self, cast: Cast, login: Login) -> None:
        tell(cast.nils)
        page(login(cast.nils))
        assert reading.unseen(cast.nils.pk).count() == 1

    def test_what_came_after_the_page_was_made_stays_new(self, cast: Cast, login: Login) -> None:
        shown = tell(cast.nils)
        later = tell(cast.nils)
        Delivery.objects.filter(pk=later.pk).update(created_at=timezone.now() + timedelta(seconds=5))
        login(cast.nils).post(SEEN, {"until": shown.pk})
        assert list(Delivery.objects.unseen().filter(person=cast.nils)) == [later]

    def test_message_of_a_whole_second_is_marked(self, cast: Cast, login: Login) -> None:
        """SQLite compares moments as text, and writes a second in which nothing else happened in two ways."""
        told = tell(cast.nils)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE notifications_delivery SET created_at = '2026-05-04 05:00:00.000'")
        login(cast.nils).post(SEEN, {"until": told.pk})
        assert reading.unseen(cast.nils.pk).count() == 0

    def test_nobody_marks_for_others(self, cast: Cast, login: Login) -> None:
        theirs = tell(cast.paula)
        assert login(cast.nils).post(SEEN, {"until": theirs.pk}).status_code == 404
        assert reading.unseen(cast.paula.pk).count() == 1

    @pytest.mark.parametrize("until", ["", "all", "1"])
    def test_what_is_no_message_is_refused_by_name(self, cast: Cast, login: Login, until: str) -> None:
        answer = login(cast.nils).post(SEEN, {"until": until})
        assert answer.status_code == 400
        assert "until" in answer.content.decode()


class TestMails:
    @pytest.fixture(autouse=True)
    def with_mail(self, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"

    def test_way_is_chosen(self, cast: Cast, login: Login) -> None:
        client = login(cast.nils)
        assert client.post(MAILS, {**DEFAULTS, "members": "off"}).headers["Location"] == MESSAGES
        assert reading.ways(cast.nils.pk)[Kind.MEMBERS] == Way.OFF
        assert '<option value="off" selected>' in page(client)
        assert reading.ways(cast.paula.pk)[Kind.MEMBERS] == Way.DAILY

    def test_what_is_no_way_is_refused_and_said_at_the_field(self, cast: Cast, login: Login) -> None:
        answer = login(cast.nils).post(MAILS, {**DEFAULTS, "members": "never"})
        assert answer.status_code == 400
        assert 'id="id_members_error"' in answer.content.decode()
        assert reading.ways(cast.nils.pk)[Kind.MEMBERS] == Way.DAILY

    @pytest.mark.parametrize("kind", ["account", "operation", "invitations"])
    def test_what_tells_of_a_theft_cannot_be_turned_off(self, cast: Cast, login: Login, kind: str) -> None:
        login(cast.nils).post(MAILS, {**DEFAULTS, kind: "off"})
        assert not cast.nils.mail_choices.filter(kind=kind).exists()

    def test_page_says_where_mails_go(self, cast: Cast, login: Login, settings: Settings) -> None:
        client = login(cast.nils)
        assert f"Mails go to {cast.nils.email}" in page(client)
        User.objects.filter(pk=cast.nils.pk).update(email="")
        assert "no mail reaches you" in page(client)
        settings.MAIL_FROM = ""
        assert "sends no mails" in page(client)


class TestFailing:
    @pytest.fixture
    def given_up(self, cast: Cast) -> Delivery:
        return tell(
            cast.nils, channel=Channel.MAIL, address="nils@gone.example.org", state="failed", attempts=1,
            error="550 no such <user>", tried_at=timezone.now(),
        )  # fmt: skip

    def test_operators_see_what_the_server_said(self, cast: Cast, login: Login, given_up: Delivery) -> None:
        text = page(login(cast.olga), FAILING)
        assert "550 no such &lt;user&gt;" in text
        assert "nils@gone.example.org" in text
        assert "given up" in text

    def test_nobody_else_does(self, cast: Cast, login: Login, given_up: Delivery) -> None:
        assert login(cast.paula).get(FAILING).status_code == 403

    def test_is_sent_again(self, cast: Cast, login: Login, given_up: Delivery) -> None:
        address = reverse("message_again", args=(given_up.pk,))
        client = login(cast.olga)
        assert client.post(address).headers["Location"] == FAILING
        given_up.refresh_from_db()
        assert (given_up.state, given_up.attempts) == ("waiting", 0)
        Delivery.objects.update(state="sent", error="")
        assert "It was sent meanwhile." in client.post(address, follow=True).content.decode()

    def test_what_went_well_is_not_there(self, cast: Cast, login: Login) -> None:
        tell(cast.nils, channel=Channel.MAIL, address=cast.nils.email)
        tell(cast.nils, channel=Channel.MAIL, address=cast.nils.email, state="waiting")
        text = page(login(cast.olga), FAILING)
        assert "None fails." in text


class TestBanner:
    @pytest.mark.parametrize(
        ("due", "written", "error", "is_told"),
        [
            (-1, -1, "", False), (-29, -29, "", False), (-31, -31, "", True),  # nobody sends them
            (1, -29, "451 later", False), (1, -31, "Connection refused", True),  # the server does not take them
            (60, -600, "", False),  # of the day
        ],
    )  # fmt: skip
    def test_operators_read_on_every_page_that_mails_wait(
        self, cast: Cast, login: Login, settings: Settings, due: int, written: int, error: str, is_told: bool
    ) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        row = tell(cast.nils, channel=Channel.MAIL, address=cast.nils.email, state="waiting", error=error)
        now = timezone.now()
        moments = {"due_at": now + timedelta(minutes=due), "created_at": now + timedelta(minutes=written)}
        Delivery.objects.filter(pk=row.pk).update(**moments)
        client = login(cast.olga)
        assert ("Mails wait that should have been sent." in page(client, reverse("manage"))) == is_told
        assert "Mails wait" not in page(login(cast.paula), reverse("manage"))
        settings.MAIL_FROM = ""
        assert "Mails wait" not in page(login(cast.olga), reverse("manage"))


def test_again_is_for_what_failed(cast: Cast) -> None:
    assert not sending.try_again(tell(cast.nils))
