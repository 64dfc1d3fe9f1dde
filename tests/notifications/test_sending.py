"""Sending what waits, to a real mail server that takes it, refuses it, is full, or is not there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from notifications import sending
from notifications.kinds import Kind
from notifications.models import Channel, Delivery
from tests.conftest import Cast
from tests.mail_server import MailServer
from tests.racing import race, rounds

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
"""Committed: what is sent was committed before."""


def write(person: User, subject: str = "Your account is suspended", **values: Any) -> Delivery:
    """Write down a mail that waits."""
    fields = {
        "event": subject,
        "kind": Kind.ACCOUNT,
        "channel": Channel.MAIL,
        "address": person.email,
        **values,
    }
    return Delivery.objects.create(
        person=person, subject=subject, text="Until tomorrow.", link="/profile/", **fields
    )


def again(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery


def let_time_pass(**values: float) -> None:
    """Let everything have been written and tried so much earlier."""
    passed = timedelta(**values)
    Delivery.objects.update(due_at=F("due_at") - passed, lease_until=F("lease_until") - passed)


def test_mail_is_sent_once(cast: Cast, mails: MailServer) -> None:
    sent = write(cast.nils)
    assert sending.send_due() == 1
    assert sending.send_due() == 0
    (mail,) = mails.mails
    assert mail["To"] == cast.nils.email
    assert again(sent).state == "sent"
    assert (sent.attempts, sent.error, sent.lease_holder) == (1, "", None)


def test_nothing_is_sent_before_it_is_due(cast: Cast, mails: MailServer) -> None:
    write(cast.nils, due_at=timezone.now() + timedelta(minutes=1))
    assert sending.send_due() == 0
    let_time_pass(minutes=2)
    assert sending.send_due() == 1


def test_what_is_only_for_the_page_is_not_sent(cast: Cast, mails: MailServer) -> None:
    Delivery.objects.create(
        person=cast.nils, event="1", kind=Kind.ACCOUNT, channel=Channel.INBOX, subject="Hello"
    )
    assert sending.send_due() == 0
    assert not mails.mails


def test_all_mails_of_one_look_go_over_one_connection(cast: Cast, mails: MailServer) -> None:
    for number in range(5):
        write(cast.nils, f"Mail {number}")
    assert sending.send_due() == 5
    assert mails.connections == 1


class TestDigest:
    def test_one_mail_tells_all_of_a_day(self, cast: Cast, mails: MailServer) -> None:
        for number in range(3):
            write(cast.nils, f"News {number}", is_digest=True)
        write(cast.paula, "News of Paula", is_digest=True)
        write(cast.nils, "At once")
        assert sending.send_due() == 5
        assert sorted(mail["Subject"] for mail in mails.to(cast.nils.email)) == [
            "[Berth] 3 messages",
            "[Berth] At once",
        ]
        (of_paula,) = mails.to(cast.paula.email)
        assert of_paula["Subject"] == "[Berth] News of Paula"
        text = mails.to(cast.nils.email)[0].get_body(("plain",))
        assert text is not None
        assert [f"News {number}" in text.get_content() for number in range(3)] == [True] * 3

    def test_another_address_of_the_same_person_gets_its_own(self, cast: Cast, mails: MailServer) -> None:
        write(cast.nils, is_digest=True)
        write(cast.nils, is_digest=True, address="nils@second.example.org")
        sending.send_due()
        assert len(mails.to(cast.nils.email)) == len(mails.to("nils@second.example.org")) == 1


class TestFailure:
    def test_what_the_server_refuses_for_ever_is_given_up(self, cast: Cast, mails: MailServer) -> None:
        mails.on_recipient = lambda address: (
            "550 no such user here" if address == cast.nils.email else "250 OK"
        )
        refused, other = write(cast.nils), write(cast.paula)
        assert sending.send_due() == 1
        assert (again(refused).state, again(other).state) == ("failed", "sent")
        assert "550" in refused.error
        assert "no such user here" in refused.error
        let_time_pass(days=9)
        assert sending.send_due() == 0

    def test_what_the_server_does_not_take_now_is_tried_again_later(
        self, cast: Cast, mails: MailServer
    ) -> None:
        mails.on_mail = lambda _envelope: "451 greylisted"
        waits = write(cast.nils)
        assert sending.send_due() == 0
        assert (again(waits).state, waits.attempts) == ("waiting", 1)
        assert list(Delivery.objects.failing()) == [waits]
        assert sending.send_due() == 0
        assert again(waits).attempts == 1
        mails.on_mail = lambda _envelope: "250 OK"
        let_time_pass(minutes=2)
        assert sending.send_due() == 1
        assert again(waits).error == ""

    def test_waits_grow_for_days_and_then_it_is_given_up(self, cast: Cast, mails: MailServer) -> None:
        mails.on_mail = lambda _envelope: "451 not now"
        waits = write(cast.nils)
        begun, tries, waited = timezone.now(), 0, timedelta()
        while again(waits).state == "waiting":
            passed = max(timedelta(), waits.due_at - timezone.now()) + timedelta(seconds=1)
            waited += passed
            let_time_pass(seconds=passed.total_seconds())
            sending.send_due()
            tries += 1
        assert waits.state == "failed"
        assert tries == len(sending.AGAIN_AFTER) + 1
        assert timedelta(days=2) < waited < timedelta(days=5)
        assert begun <= timezone.now()

    def test_server_that_is_away_is_asked_once_and_nothing_counts_as_tried(
        self, cast: Cast, mails: MailServer
    ) -> None:
        write(cast.nils)
        write(cast.paula)
        mails.on_recipient = lambda _address: "421 closing"
        asked = mails.connections
        assert sending.send_due() == 0
        assert mails.connections == asked + 1
        tried, untried = Delivery.objects.order_by("-attempts")
        assert (tried.attempts, untried.attempts) == (0, 0)
        assert "421" in tried.error + untried.error
        assert sending.send_due() == 0  # both wait for a minute
        assert mails.connections == asked + 1
        mails.on_recipient = lambda _address: "250 OK"
        let_time_pass(minutes=1, seconds=1)
        assert sending.send_due() == 2

    def test_server_that_is_away_for_a_week_loses_nothing(self, cast: Cast, mails: MailServer) -> None:
        waits = write(cast.nils)
        mails.on_recipient = lambda _address: "421 closing"
        for _hour in range(7 * 24):
            sending.send_due()
            let_time_pass(hours=1)
        mails.on_recipient = lambda _address: "250 OK"
        assert sending.send_due() == 1
        assert again(waits).state == "sent"

    def test_no_server_at_all_loses_nothing(self, cast: Cast, mails: MailServer, settings: Any) -> None:
        port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1  # nobody listens there
        waits = write(cast.nils)
        assert sending.send_due() == 0
        assert (again(waits).state, waits.lease_holder) == ("waiting", None)
        assert waits.error
        settings.EMAIL_PORT = port
        let_time_pass(minutes=2)
        assert sending.send_due() == 1

    def test_address_that_fits_on_no_mail_holds_nothing_up(self, cast: Cast, mails: MailServer) -> None:
        bad, good = write(cast.nils, address="nils@" + "x" * 64 + "ü.example.org"), write(cast.paula)
        assert sending.send_due() == 1
        assert (again(bad).state, again(good).state) == ("failed", "sent")

    def test_operator_lets_it_be_tried_again(self, cast: Cast, mails: MailServer) -> None:
        mails.on_recipient = lambda _address: "550 mailbox full"
        given_up = write(cast.nils)
        sending.send_due()
        mails.on_recipient = lambda _address: "250 OK"
        assert sending.try_again(given_up)
        assert sending.send_due() == 1
        assert not sending.try_again(given_up)


class TestLease:
    def test_what_a_worker_died_with_is_sent_by_another_as_the_same_mail(
        self, cast: Cast, mails: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def die(_batch: object) -> None:
            raise Killed

        waits = write(cast.nils)
        with monkeypatch.context() as patched:
            patched.setattr(sending, "_held", die)  # the server has said yes, and nobody writes it down
            with pytest.raises(Killed):
                sending.send_due()
        assert sending.send_due() == 0  # the lease holds
        let_time_pass(minutes=3)
        assert sending.send_due() == 1
        first, second = mails.mails
        assert first["Message-ID"] == second["Message-ID"]
        assert again(waits).state == "sent"

    def test_two_workers_send_each_mail_once(self, cast: Cast, mails: MailServer) -> None:
        for round_, chance in enumerate(rounds(5)):
            for number in range(10):
                write(cast.nils, f"Mail {round_}-{number}")
            race(chance, sending.send_due, sending.send_due)
        assert len(mails.mails) == 50
        assert len({mail["Subject"] for mail in mails.mails}) == 50


class TestForgetOld:
    @pytest.mark.parametrize(
        ("channel", "state", "days", "is_kept"),
        [
            (Channel.MAIL, "sent", 29, True), (Channel.MAIL, "sent", 31, False),
            (Channel.MAIL, "failed", 31, True), (Channel.MAIL, "failed", 366, False),
            (Channel.MAIL, "waiting", 366, True),
            (Channel.INBOX, "sent", 364, True), (Channel.INBOX, "sent", 366, False),
        ],
    )  # fmt: skip
    def test_what_was_told_long_ago_is_forgotten(
        self, cast: Cast, channel: Channel, state: str, days: int, is_kept: bool
    ) -> None:
        address = cast.nils.email if channel == Channel.MAIL else ""
        row = write(cast.nils, channel=channel, state=state, address=address)
        Delivery.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=days))
        assert sending.forget_old() == (0 if is_kept else 1)
        assert Delivery.objects.filter(pk=row.pk).exists() == is_kept


def test_one_worker_at_a_time_waits_for_a_server(cast: Cast, mails: MailServer) -> None:
    """The others could end somebody's rights meanwhile."""
    held, waits = write(cast.nils), write(cast.paula)
    Delivery.objects.filter(pk=held.pk).update(lease_until=timezone.now() + timedelta(minutes=1))
    assert sending.send_due() == 0
    assert again(waits).attempts == 0
    let_time_pass(minutes=2)
    assert sending.send_due() == 2
