"""Sending, when settings, servers and workers are at their worst."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from django.utils import timezone
from pytest_django import Settings

from notifications import sending
from notifications.models import Channel, Delivery
from tests.conftest import Cast
from tests.mail_server import MailServer, free_port
from tests.notifications.test_sending import again, let_time_pass, write
from tests.racing import race, rounds

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_host_that_can_be_no_name_gives_nothing_up(cast: Cast, mails: MailServer, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail..example.org"
    waits = write(cast.nils)
    sending.send_due()
    assert again(waits).state == "waiting"


def test_password_that_fits_no_server_gives_nothing_up_and_is_not_told(
    cast: Cast, mails: MailServer, settings: Settings
) -> None:
    server = Controller(
        mails, hostname="127.0.0.1", port=free_port(), auth_require_tls=False,
        authenticator=lambda *_about: AuthResult(success=True),
    )  # fmt: skip
    server.start()
    try:
        settings.EMAIL_PORT, settings.EMAIL_HOST_USER = server.port, "berth"
        settings.EMAIL_HOST_PASSWORD = "correct-hörse"
        waits = write(cast.nils)
        sending.send_due()
    finally:
        server.stop()
    assert again(waits).state == "waiting"
    assert waits.error
    assert "xf6" not in waits.error
    assert "ö" not in waits.error


def test_sender_that_can_be_no_sender_gives_nothing_up(
    cast: Cast, mails: MailServer, settings: Settings
) -> None:
    settings.MAIL_FROM = "Berth <b@x.org>, Other <c@x.org>"
    waits = write(cast.nils)
    sending.send_due()
    assert again(waits).state == "waiting"


@pytest.mark.parametrize("said", ["554 5.7.1 Client host rejected", "550 5.7.60 not authenticated"])
def test_server_that_refuses_us_and_not_the_recipient_gives_nothing_up(
    cast: Cast, mails: MailServer, said: str
) -> None:
    """Postfix says so to every recipient, as long as its settings or ours are wrong (smtpd_delay_reject)."""
    mails.on_recipient = lambda _address: said
    waits = write(cast.nils)
    sending.send_due()
    assert again(waits).state == "waiting"


def test_answer_with_a_nul_character_is_written_down(
    cast: Cast, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails.on_recipient = lambda _address: "550 no \0 such user"
    refused = write(cast.nils)
    sending.send_due()
    assert again(refused).state == "failed"
    assert "such user" in refused.error


def test_mail_that_no_worker_survives_is_given_up_and_seen_by_operators(
    cast: Cast, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours, or an end of the time that a task has."""

    class Fault(Exception):
        pass

    class Faulty:
        def send(self, _deliveries: Sequence[Delivery]) -> None:
            raise Fault

        def close(self) -> None:
            pass

    monkeypatch.setattr(sending, "SENDERS", {Channel.MAIL: Faulty})
    waits = write(cast.nils)
    for _try in range(len(sending.AGAIN_AFTER) + 1):
        with pytest.raises(Fault):
            sending.send_due()
        assert list(Delivery.objects.failing()) == [again(waits)]
        assert "Fault" in waits.error
        let_time_pass(days=2)
    assert waits.state == "failed"


def test_digest_stays_one_mail_with_two_workers(cast: Cast, mails: MailServer) -> None:
    for number, chance in enumerate(rounds(30)):
        for each in range(6):
            write(cast.nils, f"News {number}-{each}", is_digest=True)
        race(chance, sending.send_due, sending.send_due)
        assert len(mails.mails) == number + 1


def test_word_that_mail_programs_decode_is_not_decoded(cast: Cast, mails: MailServer) -> None:
    """RFC 2047: who is called so would be shown with what no name may have, as a sign that turns the text around."""
    write(cast.nils, "=?utf-8?q?=E2=80=AEliaM_=0A?= has a further login")
    sending.send_due()
    (mail,) = mails.mails
    assert "\u202e" not in mail["Subject"]
    assert "has a further login" in mail["Subject"]


def test_mail_that_is_too_big_holds_up_nobody(cast: Cast, mails: MailServer, settings: Settings) -> None:
    server = Controller(mails, hostname="127.0.0.1", port=free_port(), data_size_limit=5_000)
    server.start()
    try:
        settings.EMAIL_PORT = server.port
        big, other = write(cast.nils, "big"), write(cast.paula)
        Delivery.objects.filter(pk=big.pk).update(text="x " * 5_000)
        sending.send_due()
    finally:
        server.stop()
    assert (again(big).state, again(other).state) == ("failed", "sent")


def test_mail_at_which_the_server_hangs_up_is_tried_a_few_times_and_holds_up_nobody(
    cast: Cast, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been taken: whatever goes on for ever would fill a mailbox."""
    take = mails.handle_DATA

    async def hang_up(server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await take(server, session, envelope)
        if cast.nils.email in envelope.rcpt_tos:
            assert server.transport is not None
            server.transport.close()
        return answer

    monkeypatch.setattr(mails, "handle_DATA", hang_up)
    first, other = write(cast.nils, due_at=timezone.now() - timedelta(seconds=1)), write(cast.paula)
    sending.send_due()
    assert again(other).state == "sent"
    for _try in range(20):
        let_time_pass(days=2)
        sending.send_due()
    assert again(first).state == "failed"
    assert len(mails.to(cast.nils.email)) == len(sending.AGAIN_AFTER) + 1


def test_mail_at_which_the_server_says_that_it_closes_comes_after_the_others(
    cast: Cast, mails: MailServer
) -> None:
    mails.on_recipient = lambda address: "421 closing" if address == cast.nils.email else "250 OK"
    write(cast.nils, due_at=timezone.now() - timedelta(seconds=1))
    others = [write(person) for person in (cast.paula, cast.eda, cast.otto)]
    for _try in range(2):
        sending.send_due()
        let_time_pass(minutes=1, seconds=5)
    assert [again(other).state for other in others] == ["sent"] * 3
