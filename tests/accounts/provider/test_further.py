"""Logins of somebody who is logged in: to show anew who they are, or a further identity that is theirs."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts import fresh
from accounts.models import Identity, Merge, User, account_uid
from audit.models import Event
from tests.accounts.conftest import Browser, Refusals, snapshot
from tests.hostile_idp import SUBJECT, HostileProvider, query_of

OTHER = "http://cilogon.org/serverT/users/2002"
LINK, CONFIRM = "/profile/identities/link/", "/profile/identities/link/confirm/"
NEXT = "/profile/"


@pytest.fixture
def ana(browser: Browser) -> User:
    """Ana, who logged in a moment ago."""
    browser.log_in()
    person = browser.person()
    assert person is not None
    return person


def show_again(browser: Browser, next_page: str = NEXT) -> Any:
    return browser.client.post(reverse("show_again"), {"issuer": "campus", "next": next_page})


def come_back(browser: Browser, answer: Any) -> Any:
    return browser.client.get(browser.visit_provider(answer))


def shown(browser: Browser) -> str | None:
    """Return the subject that the session shows anew, as a page would see it."""
    page = browser.client.get(LINK)
    found = fresh.identity(page.wsgi_request, fresh.FOR_IDENTITIES)
    return found.subject if found else None


def show_other(browser: Browser, idp: HostileProvider, subject: str = OTHER, **claims: Any) -> Any:
    """Go through both logins, up to the question."""
    assert come_back(browser, show_again(browser)).status_code == 302
    idp.claims |= {"sub": subject, **claims}
    answer = come_back(browser, browser.client.post(LINK, {"issuer": "campus"}))
    idp.claims |= {"sub": SUBJECT}
    return answer


def say_yes(browser: Browser, subject: str = OTHER) -> Any:
    """Send the form of the page that names this identity."""
    return browser.client.post(CONFIRM, {"shown": account_uid(browser.issuer.issuer, subject)})


class TestShowAgain:
    def test_provider_is_told_to_ask(self, browser: Browser, ana: User) -> None:
        sent = query_of(show_again(browser).headers["Location"])
        assert (sent["prompt"], sent["max_age"]) == ("login", "0")
        assert {"nonce", "state", "code_challenge"} <= set(sent)

    def test_ordinary_login_does_not_make_anybody_type_again(self, browser: Browser) -> None:
        assert not {"prompt", "max_age"} & set(query_of(browser.begin().headers["Location"]))

    def test_leads_back_and_counts_for_minutes(self, browser: Browser, ana: User) -> None:
        assert shown(browser) is None
        session = browser.client.session.session_key
        answer = come_back(browser, show_again(browser))
        assert (answer.status_code, answer.headers["Location"]) == (302, NEXT)
        assert shown(browser) == SUBJECT
        assert browser.person() == ana
        assert browser.client.session.session_key == session
        with time_machine.travel(time.time() + fresh.FOR_IDENTITIES.total_seconds() + 1, tick=False):
            assert shown(browser) is None

    def test_writes_nothing(self, browser: Browser, ana: User) -> None:
        before = snapshot()
        come_back(browser, show_again(browser))
        assert snapshot() == before

    def test_login_that_says_when_it_was_counts_as_well(self, browser: Browser, idp: HostileProvider) -> None:
        idp.bent.id_token = lambda claims: {**claims, "auth_time": claims["iat"] - 100}
        browser.log_in()
        assert shown(browser) == SUBJECT
        with time_machine.travel(time.time() + 201, tick=False):
            assert shown(browser) is None

    def test_next_never_leaves_the_site(self, browser: Browser, ana: User) -> None:
        answer = come_back(browser, show_again(browser, "https://evil.example/"))
        assert answer.headers["Location"] == NEXT

    def test_issuer_that_does_not_exist_is_named(self, browser: Browser, ana: User) -> None:
        answer = browser.client.post(reverse("show_again"), {"issuer": "nowhere"})
        assert answer.status_code == 400
        assert "issuer" in answer.content.decode()

    def test_provider_that_is_away_is_told_with_words(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        from django.core.cache import cache  # noqa: PLC0415

        cache.clear()
        idp.bent.raw["/.well-known/openid-configuration"] = (500, "text/html", b"<h1>no</h1>")
        answer = show_again(browser)
        assert answer.status_code == 503
        assert browser.person() == ana

    def test_retired_identity_no_longer_counts(self, browser: Browser, ana: User) -> None:
        come_back(browser, show_again(browser))
        Identity.objects.update(state=Identity.State.RETIRED)
        assert shown(browser) is None


class TestRefused:
    """Nothing was shown, nothing written but one audit event, and the person is still logged in."""

    def check(self, browser: Browser, refused: Refusals, begun: Any, reason: str) -> None:
        person, before = browser.person(), snapshot()
        answer = come_back(browser, begun)
        assert answer.status_code == 401
        assert refused.reasons()[-1] == reason
        assert (snapshot(), browser.person(), shown(browser)) == (before, person, None)
        event = Event.objects.latest("pk")
        assert (event.act, event.outcome, event.reason) == ("login.refused", "denied", reason)
        assert event.actor == ("" if person is None else str(person.pk))
        refused.check_is_clean(answer.content.decode())

    @pytest.mark.parametrize(
        "said",
        [None, "now", True, 0, -1, 1.5, 10**30],
        ids=["nothing", "text", "true", "0", "-1", "1.5", "far"],
    )
    def test_provider_does_not_say_when(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User, said: Any
    ) -> None:
        idp.bent.id_token = lambda claims: {**claims, "auth_time": said}
        self.check(browser, refused, show_again(browser), "not_shown_anew")

    def test_provider_did_not_ask(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        idp.bent.id_token = lambda claims: {**claims, "auth_time": claims["iat"] - 60}
        self.check(browser, refused, show_again(browser), "not_shown_anew")

    def test_what_userinfo_says_of_the_time_is_not_believed(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        idp.claims["auth_time"] = int(time.time())
        idp.bent.id_token = lambda claims: {
            name: value for name, value in claims.items() if name != "auth_time"
        }
        self.check(browser, refused, show_again(browser), "not_shown_anew")

    def test_identity_of_nobody(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        idp.claims["sub"] = OTHER
        self.check(browser, refused, show_again(browser), "not_your_identity")

    def test_identity_of_somebody_else(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        idp.claims["sub"] = OTHER
        Browser(Client(), browser.settings, browser.issuer).log_in()
        self.check(browser, refused, show_again(browser), "not_your_identity")

    def test_own_retired_identity(self, browser: Browser, refused: Refusals, ana: User) -> None:
        Identity.objects.update(state=Identity.State.RETIRED)
        self.check(browser, refused, show_again(browser), "not_your_identity")

    def test_person_was_suspended_meanwhile(self, browser: Browser, refused: Refusals, ana: User) -> None:
        begun = show_again(browser)
        User.objects.update(is_active=False)
        answer = come_back(browser, begun)
        assert answer.status_code == 401
        assert refused.reasons()[-1] == "somebody_else_logged_in"

    def test_token_that_any_login_refuses(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        idp.bent.id_token = lambda claims: {**claims, "nonce": "another"}
        self.check(browser, refused, show_again(browser), "nonce")

    def test_begun_in_another_browser(self, browser: Browser, refused: Refusals, ana: User) -> None:
        """A-10: a link that a stranger began cannot be finished here."""
        stranger = Browser(Client(), browser.settings, browser.issuer)
        stranger.log_in()
        callback = stranger.visit_provider(show_again(stranger))
        answer = browser.client.get(callback)
        assert answer.status_code == 400
        assert refused.reasons()[-1] == "state"
        assert shown(browser) is None

    def test_somebody_else_logged_in_meanwhile(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        """allauth keeps what was begun over a login of the same person only: a second person starts clean."""
        callback = browser.visit_provider(show_again(browser))
        idp.claims["sub"] = OTHER
        browser.log_in()
        answer = browser.client.get(callback)
        assert answer.status_code == 400
        assert refused.reasons()[-1] == "state"


class TestLink:
    def test_second_login_wants_the_first(self, browser: Browser, ana: User) -> None:
        answer = browser.client.post(LINK, {"issuer": "campus"})
        assert (answer.status_code, answer.headers["Location"]) == (302, LINK)

    def test_nothing_is_written_before_the_yes(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        before = snapshot()
        answer = show_other(browser, idp, name="Ana L. Kim")
        assert answer.headers["Location"] == CONFIRM
        page = browser.client.get(CONFIRM).content.decode()
        assert all(text in page for text in (SUBJECT, OTHER, "Ana L. Kim"))
        assert snapshot() == before

    def test_yes_links(self, browser: Browser, idp: HostileProvider, ana: User) -> None:
        show_other(browser, idp)
        answer = say_yes(browser)
        linked = Identity.objects.get(subject=OTHER)
        assert answer.headers["Location"] == reverse("identity", args=[linked.pk])
        assert (linked.person, linked.state) == (ana, "active")
        idp.claims["sub"] = OTHER
        stranger = Browser(Client(), browser.settings, browser.issuer)
        stranger.log_in()
        assert stranger.person() == ana

    def test_ones_own_identity_is_not_asked_about(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        """Whose provider remembers them easily comes back as who they are."""
        show_other(browser, idp, SUBJECT)
        answer = browser.client.get(CONFIRM, follow=True)
        assert answer.redirect_chain == [(LINK, 302)]
        assert f"{SUBJECT} is yours already." in answer.content.decode()
        assert say_yes(browser, SUBJECT).headers["Location"] == LINK

    def test_page_carries_what_it_names(self, browser: Browser, idp: HostileProvider, ana: User) -> None:
        show_other(browser, idp)
        named = account_uid(browser.issuer.issuer, OTHER)
        assert f'name="shown" value="{named}"' in browser.client.get(CONFIRM).content.decode()

    @pytest.mark.parametrize("data", [{}, {"shown": ""}, {"shown": "\0"}, {"shown": ["x", "y"]}])
    def test_yes_to_nothing_links_nothing(
        self, browser: Browser, idp: HostileProvider, ana: User, data: dict[str, Any]
    ) -> None:
        show_other(browser, idp)
        assert browser.client.post(CONFIRM, data).status_code == 409
        assert Identity.objects.count() == 1

    def test_yes_is_to_the_identity_that_the_page_named(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        """In another window a further one was shown since."""
        show_other(browser, idp, "http://cilogon.org/serverT/users/3003")
        answer = say_yes(browser)
        assert answer.status_code == 409
        assert "another identity" in answer.content.decode()
        assert Identity.objects.count() == 1
        assert say_yes(browser, "http://cilogon.org/serverT/users/3003").status_code == 302

    def test_yes_counts_once(self, browser: Browser, idp: HostileProvider, ana: User) -> None:
        show_other(browser, idp)
        say_yes(browser)
        assert say_yes(browser).headers["Location"] == LINK

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_yes_out_of_turn_leads_to_the_beginning(self, browser: Browser, ana: User, method: str) -> None:
        answer = getattr(browser.client, method)(CONFIRM, {"shown": "x"} if method == "post" else {})
        assert answer.headers["Location"] == LINK
        assert Identity.objects.count() == 1

    def test_yes_after_ten_minutes_is_too_late(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        show_other(browser, idp)
        with time_machine.travel(time.time() + timedelta(minutes=10).total_seconds() + 1, tick=False):
            assert say_yes(browser).headers["Location"] == LINK
        assert Identity.objects.count() == 1

    def test_second_login_must_be_asked_for_anew_too(
        self, browser: Browser, idp: HostileProvider, refused: Refusals, ana: User
    ) -> None:
        come_back(browser, show_again(browser))
        idp.bent.id_token = lambda claims: {**claims, "auth_time": claims["iat"] - 600}
        answer = come_back(browser, browser.client.post(LINK, {"issuer": "campus"}))
        assert answer.status_code == 401
        assert refused.reasons()[-1] == "not_shown_anew"
        assert browser.client.get(CONFIRM).status_code == 302

    def test_what_one_person_showed_is_not_linked_to_the_next(
        self, browser: Browser, idp: HostileProvider, ana: User
    ) -> None:
        show_other(browser, idp)
        idp.claims["sub"] = "http://cilogon.org/serverT/users/3003"
        browser.log_in()
        come_back(browser, show_again(browser))
        assert say_yes(browser).headers["Location"] == LINK
        assert not Identity.objects.filter(subject=OTHER).exists()

    def test_mail_address_links_nothing(self, browser: Browser, idp: HostileProvider, ana: User) -> None:
        """A-05: an address that an account has, verified or not, makes a new guest."""
        idp.claims |= {"sub": OTHER, "email_verified": True}
        stranger = Browser(Client(), browser.settings, browser.issuer)
        stranger.log_in()
        assert stranger.person() != ana
        assert Identity.objects.values("person").distinct().count() == 2


class TestOtherAccount:
    """The identity that was shown has an account of its own: somebody logged in with it before they linked it."""

    @pytest.fixture
    def other(self, browser: Browser, idp: HostileProvider, ana: User) -> User:
        idp.claims["sub"] = OTHER
        stranger = Browser(Client(), browser.settings, browser.issuer)
        stranger.log_in()
        idp.claims["sub"] = SUBJECT
        person = stranger.person()
        assert person is not None
        return person

    def test_unused_one_is_taken_over(
        self, browser: Browser, idp: HostileProvider, ana: User, other: User
    ) -> None:
        show_other(browser, idp)
        assert "is taken over" in browser.client.get(CONFIRM).content.decode()
        say_yes(browser)
        other.refresh_from_db()
        assert (other.merged_into, other.is_active) == (ana, False)
        idp.claims["sub"] = OTHER
        again = Browser(Client(), browser.settings, browser.issuer)
        again.log_in()
        assert again.person() == ana

    def test_used_one_is_asked_about(
        self, browser: Browser, idp: HostileProvider, ana: User, other: User
    ) -> None:
        User.objects.filter(pk=other.pk).update(level="user")
        show_other(browser, idp)
        assert "An operator looks at both" in browser.client.get(CONFIRM).content.decode()
        assert say_yes(browser).headers["Location"] == "/profile/"
        merge = Merge.objects.get()
        assert (merge.kept, merge.emptied, merge.state) == (ana, other, "pending")
        assert (merge.shown.subject, merge.shown_with.subject) == (OTHER, SUBJECT)
        page = browser.client.get("/profile/").content.decode()
        assert "it lies with the operators" in page
        browser.client.post(reverse("merge_withdraw", args=[merge.pk]))
        merge.refresh_from_db()
        assert merge.state == "withdrawn"

    def test_suspended_one_is_refused_with_words(
        self, browser: Browser, idp: HostileProvider, ana: User, other: User
    ) -> None:
        User.objects.filter(pk=other.pk).update(is_active=False)
        show_other(browser, idp)
        answer = say_yes(browser)
        assert answer.status_code == 409
        assert "must be active" in answer.content.decode()
        assert not Merge.objects.exists()
