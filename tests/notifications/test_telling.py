"""What is written down when people are told something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.models import User
from notifications import tasks, telling
from notifications.kinds import ALWAYS_AT_ONCE, Kind, Way
from notifications.models import Channel, Choice, Delivery
from notifications.telling import Message, Recipient, tell
from tests.conftest import Cast
from tests.racing import race, rounds

pytestmark = pytest.mark.database
NEWS = Message(Kind.MEMBERS, "Nils Berg uses another identity", "It has the same rights.", "/namespaces/")


@pytest.fixture(autouse=True)
def with_mail(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


def to(*people: User) -> list[Recipient]:
    return [Recipient(person.pk, (person.email,)) for person in people]


def told(person: User, channel: Channel) -> list[Delivery]:
    return list(Delivery.objects.filter(person=person, channel=channel))


class TestTell:
    def test_everybody_reads_it_in_the_page(self, cast: Cast) -> None:
        tell(NEWS, to(cast.nils, cast.paula))
        for person in (cast.nils, cast.paula):
            (found,) = told(person, Channel.INBOX)
            assert (found.subject, found.text, found.link) == (NEWS.subject, NEWS.text, "/namespaces/")
            assert (found.state, found.seen_at) == ("sent", None)
        assert not told(cast.eda, Channel.INBOX)

    @pytest.mark.parametrize("kind", Kind)
    def test_mail_goes_to_every_address_given(self, cast: Cast, kind: Kind) -> None:
        tell(Message(kind, "News"), [Recipient(cast.nils.pk, ("a@x.edu", "b@y.edu", "a@x.edu", ""))])
        assert sorted(row.address for row in told(cast.nils, Channel.MAIL)) == ["a@x.edu", "b@y.edu"]

    def test_who_has_no_address_reads_it_in_the_page_only(self, cast: Cast) -> None:
        tell(NEWS, [Recipient(cast.nils.pk)])
        assert told(cast.nils, Channel.INBOX)
        assert not told(cast.nils, Channel.MAIL)

    def test_nothing_waits_for_a_mail_server_where_there_is_none(
        self, cast: Cast, settings: Settings
    ) -> None:
        settings.MAIL_FROM = ""
        tell(NEWS, to(cast.nils))
        assert told(cast.nils, Channel.INBOX)
        assert not told(cast.nils, Channel.MAIL)

    def test_same_event_reaches_nobody_twice(self, cast: Cast) -> None:
        tell(NEWS, to(cast.nils), event="move-1")
        tell(NEWS, to(cast.nils, cast.paula, cast.paula), event="move-1")
        for person in (cast.nils, cast.paula):
            assert len(told(person, Channel.INBOX)) == len(told(person, Channel.MAIL)) == 1

    def test_without_a_name_each_call_is_an_event(self, cast: Cast) -> None:
        tell(NEWS, to(cast.nils))
        tell(NEWS, to(cast.nils))
        assert len(told(cast.nils, Channel.INBOX)) == 2

    def test_workers_are_called_once_whatever_many_are_told(
        self, cast: Cast, django_capture_on_commit_callbacks: Callable[[], Any]
    ) -> None:
        """A call to a broker that is away costs half a second."""
        with django_capture_on_commit_callbacks() as calls:
            for person in (cast.nils, cast.paula, cast.eda):
                tell(Message(Kind.ACCOUNT, "News"), to(person))
        assert calls == [tasks.knock]

    def test_subject_is_one_line(self, cast: Cast) -> None:
        tell(Message(Kind.ACCOUNT, "Hello\r\nBcc: everybody@example.org" + "x" * 400), to(cast.nils))
        (found,) = told(cast.nils, Channel.INBOX)
        assert found.subject.startswith("Hello Bcc: ")
        assert len(found.subject) == 300

    def test_nothing_is_left_where_the_change_is_undone(self, cast: Cast) -> None:
        class Undone(Exception):
            pass

        @transaction.atomic
        def change_and_fail() -> None:
            tell(NEWS, to(cast.nils))
            raise Undone

        with pytest.raises(Undone):
            change_and_fail()
        assert not Delivery.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_outside_of_a_transaction_is_an_error(self, cast: Cast) -> None:
        with pytest.raises(RuntimeError, match="transaction"):
            tell(NEWS, to(cast.nils))


@pytest.mark.django_db(transaction=True)
def test_two_who_tell_the_same_at_once_do_not_wait_for_each_other(cast: Cast) -> None:
    crowd = [cast.olga, cast.paula, cast.nils, cast.eda, cast.vera, cast.otto]
    for chance in rounds():
        Delivery.objects.all().delete()
        mixed = chance.sample(crowd, len(crowd))
        told_by = [
            partial(transaction.atomic(tell), NEWS, to(*people), event="the same")
            for people in (mixed, mixed[::-1])
        ]
        race(chance, *told_by)
        assert Delivery.objects.inbox().count() == len(crowd)


class TestWays:
    def test_kind_comes_as_it_comes_to_who_has_not_chosen(self, cast: Cast) -> None:
        assert telling.ways_of([cast.nils.pk], Kind.MEMBERS) == {cast.nils.pk: Way.DAILY}
        assert telling.ways_of([cast.nils.pk], Kind.ACCOUNT) == {cast.nils.pk: Way.AT_ONCE}

    def test_choice_holds_for_who_made_it(self, cast: Cast) -> None:
        Choice.objects.create(person=cast.nils, kind=Kind.MEMBERS, way=Way.OFF)
        Choice.objects.create(person=cast.paula, kind=Kind.MEMBERS, way=Way.AT_ONCE)
        tell(NEWS, to(cast.nils, cast.paula, cast.eda))
        assert not told(cast.nils, Channel.MAIL)
        assert [row.is_digest for row in told(cast.paula, Channel.MAIL)] == [False]
        assert [row.is_digest for row in told(cast.eda, Channel.MAIL)] == [True]
        assert told(cast.nils, Channel.INBOX)

    @pytest.mark.parametrize("kind", sorted(ALWAYS_AT_ONCE))
    def test_nobody_chooses_about_what_tells_of_a_theft(self, cast: Cast, kind: Kind) -> None:
        Choice.objects.create(person=cast.nils, kind=kind, way=Way.OFF)
        tell(Message(kind, "News"), to(cast.nils))
        assert [row.is_digest for row in told(cast.nils, Channel.MAIL)] == [False]


@pytest.mark.parametrize(
    ("now", "digest"),
    [
        (datetime(2026, 5, 4, 3, 0, tzinfo=UTC), datetime(2026, 5, 4, 5, 0, tzinfo=UTC)),
        (datetime(2026, 5, 4, 5, 0, tzinfo=UTC), datetime(2026, 5, 5, 5, 0, tzinfo=UTC)),
        # The clocks go back in the night: seven o'clock stays seven o'clock.
        (datetime(2026, 10, 24, 12, 0, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
    ],
)
def test_mails_of_the_day_come_at_seven(settings: Settings, now: datetime, digest: datetime) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert telling.next_digest(now) == digest
