"""The second factor: who owes one, what they can do until it is shown, how one is set up, shown and taken away.

Passkeys are shown in a browser: tests/e2e/test_second_factor.py.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import second_factor
from accounts.actions import merging
from accounts.actions import second_factor as actions
from accounts.forms import MOST_PASSKEYS, AddPasskeyForm
from accounts.models import Level, Session, Suspension, User
from audit.models import Event
from tests import otp
from tests.accounts.actions.test_merging import claims_of
from tests.accounts.second_factors import ADD_APP, CODES, INDEX, SHOW, browser, give_app, show
from tests.conftest import Cast
from tests.passkeys import Passkey

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PROFILE = reverse("profile")
HOSTILE = (
    *("0", "false", "-0.0"),
    "",
    "null",
    "{}",
    "[]",
    "no json",
    '{"id": "x"}',
    '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {}}',
    '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {"clientDataJSON": "e", "attestationObject": "/"}}',
    "[" * 100_000,
    "[" * 900 + "]" * 900,
    "9" * 5_000,
    '"\\ud800"',
    '{"id": {"a": []}, "rawId": [1], "type": 7, "response": {"authenticatorData": "AA", "signature": "\\u0000"}}',
)
"""What is no passkey, in the form in which browsers send one."""


@pytest.fixture(autouse=True)
def demanded(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = "operators"


def set_level(client: Client, person: User) -> int:
    """Try to change what somebody may do, as an operator does."""
    answer = client.post(reverse("person_level", args=[person.pk]), {"level": Level.USER})
    person.refresh_from_db()
    return int(answer.status_code)


class TestWho:
    @pytest.mark.parametrize(
        ("setting", "who"),
        [("operators", {"olga"}), ("admins", {"olga", "paula"}), ("nobody", set())],
    )
    def test_must_have_one(self, setting: str, who: set[str], cast: Cast, settings: LazySettings) -> None:
        settings.SECOND_FACTOR = setting
        people = vars(cast)
        assert {name for name, person in people.items() if second_factor.must_have(person)} == who

    def test_whoever_has_one_is_asked_for_it(self, cast: Cast, settings: LazySettings) -> None:
        settings.SECOND_FACTOR = "nobody"
        assert browser(cast.eda).post(reverse("sessions_end")).headers["Location"] == PROFILE
        secret = give_app(cast.eda)
        client = browser(cast.eda)
        assert client.post(reverse("promotion"), {"reason": "I lead a group."}).headers["Location"] == SHOW
        show(client, secret)
        assert client.post(reverse("promotion"), {"reason": ""}).status_code == 400


class TestUntilShown:
    def test_an_operator_changes_nothing(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        before = Event.objects.count()
        answer = client.post(reverse("person_level", args=[cast.ana.pk]), {"level": Level.USER})
        assert (answer.status_code, answer.headers["Location"]) == (302, SHOW)
        cast.ana.refresh_from_db()
        assert (cast.ana.level, Event.objects.count()) == (Level.GUEST, before)

    def test_reads_everything(self, cast: Cast) -> None:
        client = browser(cast.olga)
        for page in (reverse("people"), reverse("person", args=[cast.ana.pk]), PROFILE, reverse("drift")):
            assert client.get(page).status_code == 200

    def test_logs_out_and_ends_sessions(self, cast: Cast) -> None:
        client = browser(cast.olga)
        other = browser(cast.olga)
        assert client.post(reverse("sessions_end")).headers["Location"] == PROFILE
        assert Session.objects.filter(person=cast.olga).count() == 1
        assert other.get(PROFILE).status_code == 302
        assert client.post(reverse("account_logout")).status_code == 302

    def test_comes_back_to_the_page_with_the_form(self, cast: Cast, settings: LazySettings) -> None:
        page = reverse("person", args=[cast.ana.pk])
        client = browser(cast.olga, shown_minutes_ago=1)
        answer = client.post(
            reverse("person_level", args=[cast.ana.pk]),
            {"level": Level.USER},
            headers={"Referer": settings.BASE_URL + page},
        )
        assert answer.headers["Location"] == f"{SHOW}?next={page.replace('/', '%2F')}"

    @pytest.mark.parametrize("page", ["https://evil.example/x", "http://localhost:8088.evil.example/", ""])
    def test_does_not_come_back_to_another_site(self, page: str, cast: Cast) -> None:
        answer = browser(cast.olga).post(
            reverse("person_level", args=[cast.ana.pk]), {}, headers={"Referer": page}
        )
        assert answer.headers["Location"] == SHOW

    def test_a_part_of_a_page_leads_the_whole_page_away(self, cast: Cast) -> None:
        answer = browser(cast.olga).post(
            reverse("person_level", args=[cast.ana.pk]), {}, headers={"HX-Request": "true"}
        )
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, SHOW)

    def test_the_form_that_was_not_done_may_come_again(self, cast: Cast) -> None:
        """The same form, token and all: it was not done, so it is not taken for done."""
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        form = {"level": Level.USER, "csrfmiddlewaretoken": "a" * 64}
        address = reverse("person_level", args=[cast.ana.pk])
        assert client.post(address, form).headers["Location"] == SHOW
        show(client, secret)
        client.post(address, form)
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER

    @pytest.mark.parametrize("has_one", [True, False])
    def test_is_asked_at_the_login(self, has_one: bool, cast: Cast) -> None:
        """By the adapter, after a login through a provider: tests/accounts/provider/test_login.py logs in for real."""
        if has_one:
            give_app(cast.olga)
        answer = browser(cast.olga).get(SHOW)
        assert answer.status_code == (200 if has_one else 302)
        assert has_one or answer.headers["Location"] == INDEX


class TestShow:
    def test_lets_an_operator_act(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        show(client, secret)
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.USER

    def test_stands_for_a_login_anew(self, cast: Cast) -> None:
        """A provider that does not say when it asked is no reason to keep an operator from suspending somebody."""
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        show(client, secret)
        client.post(
            reverse("person_suspend", args=[cast.ana.pk]),
            {"reason": "Mines coins on every node since Monday."},
        )
        assert Suspension.objects.filter(person=cast.ana).exists()

    def test_stands_for_it_for_fifteen_minutes(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        show(client, secret)
        with time_machine.travel(timezone.now() + 16 * second_factor.HOLDS / 720, tick=False):
            client.post(
                reverse("person_suspend", args=[cast.ana.pk]),
                {"reason": "Mines coins on every node since Monday."},
            )
        assert not Suspension.objects.exists()

    def test_holds_for_twelve_hours(self, cast: Cast) -> None:
        secret = give_app(cast.eda)
        client = browser(cast.eda)
        show(client, secret)
        for hours, owed in ((11, False), (13, True)):
            with time_machine.travel(timezone.now() + hours * second_factor.HOLDS / 12, tick=False):
                Session.objects.update(expire_date=timezone.now() + second_factor.HOLDS)
                answer = client.post(reverse("promotion"), {"reason": ""})
                assert answer.status_code == (302 if owed else 400)

    def test_leads_on(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        answer = client.post(SHOW, {"code": otp.code(secret), "next": reverse("people")})
        assert answer.headers["Location"] == reverse("people")

    @pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_leads_nowhere_else(self, next_page: str, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        page = client.get(SHOW, {"next": next_page}).content.decode()
        assert f'href="{next_page}' not in page
        answer = client.post(SHOW, {"code": otp.code(secret), "next": next_page})
        assert answer.headers["Location"] == reverse("home")

    def test_a_wrong_code_is_refused_and_written_down(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        answer = client.post(SHOW, {"code": otp.wrong(secret)})
        assert answer.status_code == 400
        assert "Incorrect code" in answer.content.decode()
        event = Event.objects.get(act="second_factor.shown")
        assert (event.outcome, event.actor, event.after) == (
            Event.Outcome.DENIED,
            str(cast.olga.pk),
            {"kind": "totp"},
        )
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.GUEST

    def test_an_old_code_is_refused(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        assert browser(cast.olga).post(SHOW, {"code": otp.code(secret, periods_ago=3)}).status_code == 400

    def test_a_code_shows_once(self, cast: Cast) -> None:
        """Whoever looks over a shoulder, or sits between, gets nothing."""
        secret = give_app(cast.olga)
        with time_machine.travel(timezone.now(), tick=False):
            code = otp.code(secret)
            assert browser(cast.olga).post(SHOW, {"code": code}).status_code == 302
            assert browser(cast.olga).post(SHOW, {"code": code}).status_code == 400

    @pytest.mark.parametrize("seconds", [0, 20, 32, 50])
    def test_a_code_shows_once_for_as_long_as_it_is_right(self, seconds: int, cast: Cast) -> None:
        """Clocks differ: a code is right for longer than it is shown."""
        secret = give_app(cast.olga)
        begun = datetime.fromtimestamp(1_800_000_001, UTC)
        with time_machine.travel(begun, tick=False):
            code = otp.code(secret)
            assert browser(cast.olga).post(SHOW, {"code": code}).status_code == 302
        with time_machine.travel(begun + timedelta(seconds=seconds), tick=False):
            for given in (code, f" {code} ", f"{code[:3]} {code[3:]}"):
                assert browser(cast.olga).post(SHOW, {"code": given}).status_code == 400

    def test_a_code_shows_once_whatever_becomes_of_the_cache(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        with time_machine.travel(timezone.now(), tick=False):
            code = otp.code(secret)
            assert browser(cast.olga).post(SHOW, {"code": code}).status_code == 302
            cache.clear()
            assert browser(cast.olga).post(SHOW, {"code": code}).status_code == 400

    def test_guesses_of_one_do_not_lock_another_out(self, cast: Cast) -> None:
        """Behind one address there may be a whole institution."""
        secret, hers = give_app(cast.olga), give_app(cast.ana)
        guest = browser(cast.ana)
        for _try in range(12):
            guest.post(SHOW, {"code": otp.wrong(hers)})
        show(browser(cast.olga), secret)

    def test_guessing_ends_after_five(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        for _try in range(5):
            client.post(SHOW, {"code": otp.wrong(secret)})
        assert client.post(SHOW, {"code": otp.code(secret)}).status_code in {400, 429}
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.GUEST

    def test_anothers_code_shows_nothing(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        give_app(cast.paula)
        assert browser(cast.paula).post(SHOW, {"code": otp.code(secret)}).status_code == 400

    def test_holds_in_no_other_session(self, cast: Cast) -> None:
        secret = give_app(cast.olga)
        show(browser(cast.olga), secret)
        assert set_level(browser(cast.olga, shown_minutes_ago=1), cast.ana) == 302
        assert cast.ana.level == Level.GUEST

    def test_shows_nothing_once_it_was_taken_away(self, cast: Cast) -> None:
        """A thief who showed it does not go on with it in a session of theirs."""
        secret = give_app(cast.olga)
        client = browser(cast.olga, shown_minutes_ago=1)
        show(client, secret)
        actions.forget(person=cast.olga, by=None, reason="stolen")
        give_app(cast.olga)
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.GUEST

    def test_is_no_fresh_login_once_it_was_taken_away(self, cast: Cast) -> None:
        """Or a thief would set up the next one, and be whom they stole it from for good."""
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        show(client, secret)
        noted = client.session["fresh_login"]
        actions.forget(person=cast.olga, by=None, reason="stolen")
        assert client.get(PROFILE).status_code == 302  # its sessions have ended
        other = browser(cast.olga)
        session = other.session
        session["fresh_login"] = noted
        session.save()
        assert other.get(ADD_APP).headers["Location"].startswith(INDEX)

    def test_pages_are_there_when_the_key_is_gone(self, cast: Cast) -> None:
        client, _codes = TestRecoveryCodes().codes(cast.olga)
        kept = Authenticator.objects.get(type="recovery_codes")
        kept.data["seed"] = "sealed by a key that is gone"
        kept.save()
        assert "cannot read them any more" in client.get(INDEX).content.decode()
        assert client.get(CODES).headers["Location"] == INDEX
        assert client.post(reverse("mfa_generate_recovery_codes")).headers["Location"] == CODES
        assert len(re.findall(r"\b\d{8}\b", client.get(CODES).content.decode())) == 10

    def test_a_key_that_is_gone_is_said_in_words(self, cast: Cast, settings: LazySettings) -> None:
        secret = give_app(cast.olga)
        client = browser(cast.olga)
        old, settings.SECRET_KEY = (
            settings.SECRET_KEY,
            "another-key-of-the-tests-that-is-long-enough-for-this-one",
        )
        settings.SECRET_KEY_FALLBACKS = []
        client = browser(cast.olga)
        answer = client.post(SHOW, {"code": otp.code(secret)})
        assert answer.status_code == 400
        assert "its key was changed" in answer.content.decode()
        settings.SECRET_KEY_FALLBACKS = [old]
        show(browser(cast.olga), secret)


class TestSetUp:
    def secret_of(self, client: Client) -> str:
        page = client.get(ADD_APP).content.decode()
        found = re.search(r"<code>([A-Z2-7]{32})</code>", page)
        assert found, page
        return found[1]

    @pytest.mark.parametrize("minutes", [None, 6])
    def test_wants_a_fresh_login(self, minutes: int | None, cast: Cast) -> None:
        """Otherwise a stolen session would set up a factor of its own."""
        client = browser(cast.olga, shown_minutes_ago=minutes)
        assert client.get(ADD_APP).headers["Location"].startswith(INDEX)
        assert client.post(ADD_APP, {"code": "123456"}).headers["Location"] == INDEX
        page = client.get(INDEX).content.decode()
        assert "Show again who you are" in page
        assert ADD_APP not in page

    def test_a_login_of_this_minute_is_fresh_enough(self, cast: Cast) -> None:
        """Providers that do not say when they asked: else nobody who uses one could ever have a factor."""
        client = Client()
        client.force_login(cast.olga)
        assert client.get(ADD_APP).status_code == 200

    def test_a_new_session_is_not_fresh_where_the_provider_said_when_it_asked(self, cast: Cast) -> None:
        """A browser left open logs in silently: the provider asked hours ago, and says so."""
        client = browser(cast.olga, shown_minutes_ago=8 * 60)
        session = client.session
        session["opened"] = {**session["opened"], "at": timezone.now().isoformat()}
        session.save()
        assert client.get(ADD_APP).headers["Location"].startswith(INDEX)

    def test_of_an_app(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        answer = client.post(ADD_APP, {"code": otp.code(self.secret_of(client))})
        assert answer.headers["Location"] == CODES
        codes = re.findall(r"\b\d{8}\b", client.get(CODES).content.decode())
        assert len(set(codes)) == 10
        assert [event.after for event in Event.objects.filter(act="second_factor.added")] == [
            {"kind": "totp"}
        ]
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.USER

    def test_the_secret_is_sealed_in_the_database(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        secret = self.secret_of(client)
        client.post(ADD_APP, {"code": otp.code(secret)})
        codes = re.findall(r"\b\d{8}\b", client.get(CODES).content.decode())
        kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
        said = json.dumps([[event.before, event.after, event.reason] for event in Event.objects.all()])
        sessions = json.dumps([session.get_decoded() for session in Session.objects.all()])
        for text in (secret, *codes):
            assert text not in kept + said + sessions

    def test_a_wrong_code_sets_nothing_up(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        answer = client.post(ADD_APP, {"code": otp.wrong(self.secret_of(client))})
        assert answer.status_code == 400
        assert not Authenticator.objects.exists()
        assert not Event.objects.filter(act__startswith="second_factor").exists()

    def test_another_wants_the_first(self, cast: Cast) -> None:
        """A fresh login alone does not add a second one beside the first."""
        give_app(cast.olga)
        client = browser(cast.olga, shown_minutes_ago=1)
        answer = client.get(reverse("mfa_add_webauthn"))
        assert answer.headers["Location"].startswith(SHOW)
        assert client.get(CODES).headers["Location"].startswith(SHOW)


def options(client: Client, address: str) -> dict[str, Any]:
    """Return what the page tells the browser's authenticator."""
    found = re.search(
        r'<script id="passkey-options"[^>]*>(.*?)</script>', client.get(address).content.decode()
    )
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


class TestPasskey:
    ADD, SHOW_KEY = reverse("mfa_add_webauthn"), reverse("mfa_reauthenticate_webauthn")
    SITE = "http://localhost:8088"

    def add(self, person: User) -> Passkey:
        passkey, client = Passkey(self.SITE), browser(person, shown_minutes_ago=1)
        said = passkey.create(options(client, self.ADD))
        assert client.post(self.ADD, {"name": "my phone", "credential": said}).headers["Location"] == CODES
        return passkey

    def test_is_added_and_shown(self, cast: Cast) -> None:
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        answer = client.post(
            self.SHOW_KEY, {"credential": passkey.get(options(client, self.SHOW_KEY)), "next": INDEX}
        )
        assert answer.headers["Location"] == INDEX
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.USER
        assert "my phone" in client.get(INDEX).content.decode()

    def test_of_another_site_is_refused(self, cast: Cast) -> None:
        """What phishing is: the browser tells the truth about where it is."""
        client = browser(cast.olga, shown_minutes_ago=1)
        for wrong in (Passkey("https://evil.example"), Passkey(self.SITE, rp_id="evil.example")):
            said = wrong.create(options(client, self.ADD))
            assert client.post(self.ADD, {"name": "x", "credential": said}).status_code == 400
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        passkey.origin = "https://evil.example"
        said = passkey.get(options(client, self.SHOW_KEY))
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 400

    def test_answers_one_page_once(self, cast: Cast) -> None:
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        said = passkey.get(options(client, self.SHOW_KEY))
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 302
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 400
        other = browser(cast.olga)
        options(other, self.SHOW_KEY)
        assert other.post(self.SHOW_KEY, {"credential": said}).status_code == 400

    def test_with_another_key_is_refused(self, cast: Cast) -> None:
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        stolen = Passkey(self.SITE, id=passkey.id)
        said = stolen.get(options(client, self.SHOW_KEY))
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 400

    def test_anothers_is_refused(self, cast: Cast) -> None:
        olgas = self.add(cast.olga)
        self.add(cast.paula)
        client = browser(cast.paula)
        said = olgas.get(options(client, self.SHOW_KEY))
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 400

    @pytest.mark.parametrize("text", HOSTILE)
    def test_that_is_none_is_refused(self, text: str, cast: Cast) -> None:
        self.add(cast.olga)
        client = browser(cast.olga)
        client.get(self.SHOW_KEY)
        answer = client.post(self.SHOW_KEY, {"credential": text})
        assert answer.status_code == 400
        newcomer = browser(cast.paula, shown_minutes_ago=1)
        newcomer.get(self.ADD)
        assert newcomer.post(self.ADD, {"name": "x", "credential": text}).status_code == 400
        assert Authenticator.objects.filter(user=cast.paula).count() == 0

    def test_is_removed(self, cast: Cast) -> None:
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        client.post(self.SHOW_KEY, {"credential": passkey.get(options(client, self.SHOW_KEY))})
        give_app(cast.olga)
        remove = reverse("mfa_remove_webauthn", args=[Authenticator.objects.get(type="webauthn").pk])
        assert "Remove the passkey my phone?" in client.get(remove).content.decode()
        assert client.post(remove).headers["Location"] == INDEX
        assert [each.type for each in second_factor.of(cast.olga)] == ["totp"]

    @pytest.mark.parametrize("more", ["\x00", "\ud800", float("nan"), "x" * 30_000])
    def test_is_kept_without_what_came_along(self, more: object, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        said = json.loads(Passkey(self.SITE).create(options(client, self.ADD)))
        form = {"name": "x", "credential": json.dumps({**said, "more": more})}
        assert client.post(self.ADD, form).status_code == (400 if len(form["credential"]) > 20_000 else 302)
        assert "more" not in json.dumps(list(Authenticator.objects.values_list("data", flat=True)))

    def test_database_that_is_away_is_not_taken_for_a_wrong_one(self, cast: Cast) -> None:
        def away(*_query: object) -> None:
            raise OperationalError("the database is away")

        form = AddPasskeyForm(user=cast.olga, data={"name": "x", "credential": "{}"})
        with connection.execute_wrapper(away), pytest.raises(OperationalError):
            form.is_valid()

    def test_there_are_not_too_many(self, cast: Cast) -> None:
        """Each takes room, and a guest can have some as well."""
        passkey, client = Passkey(self.SITE), browser(cast.olga, shown_minutes_ago=1)
        said = passkey.create(options(client, self.ADD))
        kept = {"name": "x", "credential": json.loads(said)}
        for _number in range(MOST_PASSKEYS):
            Authenticator.objects.create(user=cast.olga, type="webauthn", data=kept)
        session = client.session
        shown = [{"method": "mfa", "at": time.time(), "id": Authenticator.objects.first().pk}]
        session["account_authentication_methods"] = shown
        session["account_authentication_methods_user"] = str(cast.olga.pk)
        session.save()
        answer = client.post(self.ADD, {"name": "x", "credential": said})
        assert answer.status_code == 400
        assert "as many passkeys as one can have" in answer.content.decode()

    def test_that_is_wrong_is_written_down_and_counts_once(self, cast: Cast) -> None:
        passkey = self.add(cast.olga)
        client = browser(cast.olga)
        for _try in range(4):
            stolen = Passkey(self.SITE, id=passkey.id)
            said = stolen.get(options(client, self.SHOW_KEY))
            assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 400
        denied = Event.objects.filter(act="second_factor.shown", outcome=Event.Outcome.DENIED)
        assert [event.after for event in denied] == [{"kind": "webauthn"}] * 4
        said = passkey.get(options(client, self.SHOW_KEY))
        assert client.post(self.SHOW_KEY, {"credential": said}).status_code == 302


class TestRecoveryCodes:
    def codes(self, person: User) -> tuple[Client, list[str]]:
        client = browser(person, shown_minutes_ago=1)
        secret = TestSetUp().secret_of(client)
        client.post(ADD_APP, {"code": otp.code(secret)})
        return client, re.findall(r"\b\d{8}\b", client.get(CODES).content.decode())

    def test_shows_once(self, cast: Cast) -> None:
        _client, codes = self.codes(cast.olga)
        assert browser(cast.olga).post(SHOW, {"code": codes[0]}).status_code == 302
        assert browser(cast.olga).post(SHOW, {"code": codes[0]}).status_code == 400
        assert browser(cast.olga).post(SHOW, {"code": codes[1]}).status_code == 302

    def test_new_ones_end_the_old(self, cast: Cast) -> None:
        client, codes = self.codes(cast.olga)
        assert client.post(reverse("mfa_generate_recovery_codes")).headers["Location"] == CODES
        assert browser(cast.olga).post(SHOW, {"code": codes[0]}).status_code == 400
        assert Event.objects.filter(act="second_factor.codes").count() == 1

    def test_new_ones_are_shown_to_who_has_nothing_else_left(self, cast: Cast) -> None:
        _client, codes = self.codes(cast.olga)
        client = browser(cast.olga)
        client.post(SHOW, {"code": codes[0]})
        client.post(reverse("mfa_generate_recovery_codes"))
        new = re.findall(r"\b\d{8}\b", client.get(CODES).content.decode())
        assert len(new) == 10
        assert not set(new) & set(codes)

    def test_reading_them_changes_nothing(self, cast: Cast) -> None:
        client, _codes = self.codes(cast.olga)
        before = list(Authenticator.objects.order_by("pk").values())
        client.get(CODES)
        assert list(Authenticator.objects.order_by("pk").values()) == before

    def test_without_a_factor_there_are_none(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        assert client.get(CODES).status_code == 404
        assert client.post(reverse("mfa_generate_recovery_codes")).headers["Location"] == INDEX


class TestRemove:
    REMOVE = reverse("mfa_deactivate_totp")

    def test_of_the_last_one_leaves_its_owner_reading(self, cast: Cast) -> None:
        """Who must have one moves to a new phone that way: a login anew, and the next one is set up."""
        secret = give_app(cast.olga)
        client = browser(cast.olga, shown_minutes_ago=1)
        show(client, secret)
        assert client.post(self.REMOVE).headers["Location"] == INDEX
        assert set_level(client, cast.ana) == 302
        assert cast.ana.level == Level.GUEST
        assert client.get(ADD_APP).headers["Location"].startswith(INDEX)
        assert browser(cast.olga, shown_minutes_ago=1).get(ADD_APP).status_code == 200

    def test_of_somebody_else(self, cast: Cast) -> None:
        secret = give_app(cast.eda)
        client = browser(cast.eda)
        show(client, secret)
        assert client.post(self.REMOVE).headers["Location"] == INDEX
        assert not Authenticator.objects.exists()
        assert [event.after for event in Event.objects.filter(act="second_factor.removed")] == [
            {"kind": "totp"}
        ]

    def test_wants_that_it_was_shown(self, cast: Cast) -> None:
        give_app(cast.eda)
        client = browser(cast.eda, shown_minutes_ago=1)
        assert client.post(self.REMOVE).headers["Location"].startswith(SHOW)
        assert Authenticator.objects.count() == 1

    def test_not_anothers(self, cast: Cast) -> None:
        secret = give_app(cast.eda)
        key = Authenticator.objects.create(
            user=cast.olga, type="webauthn", data={"name": "x", "credential": {}}
        )
        client = browser(cast.eda)
        show(client, secret)
        assert client.post(reverse("mfa_remove_webauthn", args=[key.pk])).status_code == 404
        assert Authenticator.objects.filter(pk=key.pk).exists()


class TestPages:
    def test_of_the_profile_leads_here(self, cast: Cast) -> None:
        assert INDEX in browser(cast.eda).get(PROFILE).content.decode()

    def test_for_who_must_have_one(self, cast: Cast) -> None:
        assert "change nothing" in browser(cast.olga, shown_minutes_ago=1).get(INDEX).content.decode()

    @pytest.mark.parametrize(
        "name", ["mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"]
    )
    def test_are_for_people_who_are_logged_in(self, name: str) -> None:
        assert Client().get(reverse(name)).headers["Location"].startswith(reverse("account_login"))

    def test_the_owner_is_named_to_the_app_without_address(self, cast: Cast) -> None:
        client = browser(cast.olga, shown_minutes_ago=1)
        assert cast.olga.email not in client.get(ADD_APP).content.decode().split("<main")[1]


def test_a_merged_account_keeps_none(cast: Cast) -> None:
    give_app(cast.ana)
    merging.take_over(claims=claims_of(cast.ana), by=cast.otto)
    assert not Authenticator.objects.exists()
