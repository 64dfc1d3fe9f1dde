"""A break-glass operator: made by a command, let in by a setting, told of on every page of every operator."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.actions import break_glass, people, suspensions
from accounts.errors import StateConflict
from accounts.models import BreakGlass, Level, Session, User
from audit.models import Event
from tests import otp
from tests.accounts.second_factors import browser
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PAGE = reverse("break_glass")


@pytest.fixture(autouse=True)
def allowed(settings: LazySettings) -> None:
    settings.BREAK_GLASS = True
    settings.SECOND_FACTOR = "operators"


def made() -> break_glass.Made:
    return break_glass.make(name="Night shift")


def log_in(given: break_glass.Made) -> Client:
    client = Client()
    answer = client.post(PAGE, {"password": given.password, "code": otp.code(given.secret)})
    assert answer.status_code == 302, answer.content.decode()
    return client


class TestCommand:
    def said(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("break_glass", *arguments, stdout=out)
        return out.getvalue()

    def test_says_what_is_needed_to_log_in(self) -> None:
        text = self.said("--name", "Night shift")
        said = dict(re.findall(r"^([a-z ]+): (\S+)$", text, re.MULTILINE))
        person = BreakGlass.objects.get().person
        assert log_in(break_glass.Made(person, said["password"], said["secret of the codes"]))
        assert "otpauth://totp/" in text

    def test_says_that_the_page_does_not_exist_yet(self, settings: LazySettings) -> None:
        settings.BREAK_GLASS = False
        assert "BERTH_BREAK_GLASS=1" in self.said()

    def test_there_is_one_at_a_time(self) -> None:
        self.said()
        with pytest.raises(CommandError, match="already"):
            self.said()
        self.said("--end")
        self.said()
        assert BreakGlass.objects.count() == 2

    def test_ends_it_with_its_sessions(self) -> None:
        given = made()
        client = log_in(given)
        self.said("--end")
        assert client.get(reverse("people")).headers["Location"].startswith(reverse("account_login"))
        assert not Session.objects.filter(person=given.person).exists()
        assert not Authenticator.objects.filter(user=given.person).exists()
        answer = Client().post(PAGE, {"password": given.password, "code": otp.code(given.secret)})
        assert answer.status_code == 400

    def test_without_one_there_is_nothing_to_end(self) -> None:
        with pytest.raises(CommandError, match="no break-glass operator"):
            self.said("--end")

    def test_nothing_secret_is_kept_or_written_down(self) -> None:
        given = made()
        kept = str(list(Authenticator.objects.values())) + str(list(Event.objects.values()))
        given.person.refresh_from_db()
        for secret in (given.password, given.secret):
            assert secret not in kept + given.person.password


def test_the_database_lets_there_be_one(cast: Cast) -> None:
    BreakGlass.objects.create(person=cast.ana)
    with pytest.raises(IntegrityError), transaction.atomic():
        BreakGlass.objects.create(person=cast.otto)


class TestLogin:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_there_is_no_page_unless_the_settings_say_so(self, method: str, settings: LazySettings) -> None:
        settings.BREAK_GLASS = False
        given = made()
        answer = getattr(Client(), method)(PAGE, {"password": given.password, "code": otp.code(given.secret)})
        assert answer.status_code == 404

    def test_may_act_at_once(self, cast: Cast) -> None:
        """The code was the second factor, and the login is fresh."""
        client = log_in(made())
        client.post(reverse("person_level", args=[cast.ana.pk]), {"level": Level.USER})
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER

    @pytest.mark.parametrize("wrong", ["password", "code", "both"])
    def test_both_have_to_be_right(self, wrong: str) -> None:
        given = made()
        form = {"password": given.password, "code": otp.code(given.secret)}
        if wrong != "code":
            form["password"] = "guess"
        if wrong != "password":
            form["code"] = otp.wrong(given.secret)
        client = Client()
        answer = client.post(PAGE, form)
        assert answer.status_code == 400
        assert "Password or code is wrong" in answer.content.decode()
        assert not Session.objects.filter(person=given.person).exists()
        assert Event.objects.filter(act="break_glass.used", outcome=Event.Outcome.DENIED).count() == 1

    def test_a_wrong_password_does_not_use_a_code_up(self) -> None:
        given = made()
        Client().post(PAGE, {"password": "guess", "code": otp.code(given.secret)})
        assert log_in(given)

    def test_without_one_the_page_says_the_same(self) -> None:
        answer = Client().post(PAGE, {"password": "guess", "code": "123456"})
        assert answer.status_code == 400
        assert "Password or code is wrong" in answer.content.decode()

    def test_missing_fields_are_named(self) -> None:
        text = Client().post(PAGE, {}).content.decode()
        assert "Give the password." in text
        assert "Give the code" in text

    def test_anybody_elses_password_is_none(self, cast: Cast) -> None:
        cast.olga.set_password("a password that somehow came about")
        cast.olga.save()
        answer = Client().post(PAGE, {"password": "a password that somehow came about", "code": "123456"})
        assert answer.status_code == 400

    def test_ends_after_many_guesses(self) -> None:
        given = made()
        client = Client()
        answers = [client.post(PAGE, {"password": "guess", "code": "123456"}).status_code for _ in range(31)]
        assert (answers[0], answers[-1]) == (400, 429)
        assert (
            client.post(PAGE, {"password": given.password, "code": otp.code(given.secret)}).status_code == 429
        )


class TestBounds:
    @pytest.mark.parametrize("act", ["end", "suspend"])
    def test_does_not_take_the_last_operator_away(self, act: str, cast: Cast) -> None:
        given = made()
        acts: dict[str, Callable[[User], object]] = {
            "end": lambda who: people.set_operator(person=who, is_operator=False, by=given.person),
            "suspend": lambda who: suspensions.suspend(person=who, reason="x", until=None, by=given.person),
        }
        with pytest.raises(StateConflict, match="last operator"):
            acts[act](cast.olga)
        assert User.objects.get(pk=cast.olga.pk).is_operator
        people.set_operator(person=cast.eda, is_operator=True, by=given.person)
        acts[act](cast.olga)
        assert not User.objects.get(pk=cast.olga.pk).is_operator

    def test_has_no_identity_and_gets_none(self) -> None:
        client = log_in(made())
        for answer in (client.get(reverse("identity_link")), client.post(reverse("identity_link"))):
            assert answer.status_code == 403

    def test_who_is_suspended_does_not_log_in_nor_come_back(self, cast: Cast) -> None:
        given = made()
        suspensions.suspend(person=given.person, reason="x", until=None, by=cast.olga)
        answer = Client().post(PAGE, {"password": given.password, "code": otp.code(given.secret)})
        assert answer.status_code == 400
        break_glass.end()
        with pytest.raises(StateConflict):
            suspensions.lift(person=given.person, by=cast.olga)
        assert not User.objects.get(pk=given.person.pk).is_active

    def test_the_same_code_lets_in_once(self) -> None:
        given = made()
        begun = datetime.fromtimestamp(1_800_000_001, UTC)
        with time_machine.travel(begun, tick=False):
            form = {"password": given.password, "code": otp.code(given.secret)}
            assert Client().post(PAGE, form).status_code == 302
        with time_machine.travel(begun + timedelta(seconds=31), tick=False):
            assert Client().post(PAGE, form).status_code == 400


class TestTold:
    def test_every_operator_of_every_step(self, cast: Cast) -> None:
        olga = browser(cast.olga)
        home = reverse("home")
        assert "reak-glass" not in olga.get(home).content.decode()
        given = made()
        assert "Nobody has logged in with it" in olga.get(home).content.decode()
        log_in(given)
        assert "A break-glass operator has logged in" in olga.get(home).content.decode()
        break_glass.end()
        assert "A break-glass operator had logged in, and was ended" in olga.get(home).content.decode()

    def test_of_one_that_was_never_used(self, cast: Cast) -> None:
        made()
        break_glass.end()
        shown = browser(cast.olga).get(reverse("home")).content.decode()
        assert "was ended. Nobody had logged in with it." in shown

    def test_nobody_else(self, cast: Cast) -> None:
        log_in(made())
        for person in (cast.paula, cast.ana):
            assert "reak-glass" not in browser(person).get(reverse("home")).content.decode()

    def test_the_audit_has_each(self) -> None:
        log_in(made())
        break_glass.end()
        acts = (
            Event.objects.filter(act__startswith="break_glass").order_by("id").values_list("act", flat=True)
        )
        assert list(acts) == ["break_glass.made", "break_glass.used", "break_glass.ended"]
