"""Sessions: whose they are, when they end by themselves, and that an ended one is worth nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import devices, sessions
from accounts.adapters import AccountAdapter
from accounts.models import Identity, Session, User
from accounts.sessions import SessionStore
from audit.models import Event
from namespaces import tasks
from tests import factories
from tests.accounts.conftest import Browser
from tests.conftest import Cast

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:149.0) Gecko/20100101 Firefox/149.0"
Login = Callable[[User], Client]


def is_known(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


class TestKey:
    @pytest.mark.django_db
    @pytest.mark.parametrize("value", [r'"abcdefgh\000xyz"', r'"abcdefgh\377xyz"', "abcdefgh-'xyz"])
    def test_cookie_that_django_never_made_is_no_session(self, value: str) -> None:
        assert Client().get("/profile/", headers={"cookie": f"sessionid={value}"}).status_code == 302

    def test_only_letters_and_digits_are_a_key(self) -> None:
        assert SessionStore("abcdefgh\0xyz").session_key is None
        assert SessionStore("abcdefgh12345").session_key == "abcdefgh12345"


class TestRow:
    def test_says_who_logged_in_with_what_from_where(self, browser: Browser) -> None:
        browser.client.defaults |= {"HTTP_USER_AGENT": FIREFOX, "REMOTE_ADDR": "192.0.2.7"}
        browser.log_in()
        row, person = Session.objects.get(), browser.person()
        assert person is not None
        assert (row.person, row.identity) == (person, person.identities.get())
        assert (row.address, row.device) == ("192.0.2.7", "Firefox on Linux")
        assert row.opened_at is not None
        assert row.expire_date - row.opened_at <= timedelta(hours=12, seconds=5)

    def test_second_login_with_another_identity_is_a_session_of_that_one(self, browser: Browser) -> None:
        browser.log_in()
        browser.client.get("/")
        first = Session.objects.get()
        browser.log_in()
        again = Session.objects.get()
        assert (again.identity, again.person) == (first.identity, first.person)
        assert again.session_key != first.session_key

    def test_what_is_written_into_the_session_later_changes_nothing_of_it(
        self, login: Login, cast: Cast
    ) -> None:
        client = login(cast.eda)
        before = Session.objects.values("person", "opened_at", "address", "agent").get()
        session = client.session
        session["note"] = "something"
        session.save()
        assert Session.objects.values("person", "opened_at", "address", "agent").get() == before

    @pytest.mark.parametrize("agent", ["a\0b", "x" * 5000, "ü\x7f\u2028", ""])
    def test_hostile_agent_is_stored_harmlessly(self, browser: Browser, agent: str) -> None:
        browser.client.defaults["HTTP_USER_AGENT"] = agent
        browser.log_in()
        stored = Session.objects.get().agent
        assert stored.isprintable()
        assert len(stored) <= Session.AGENT_MAX_LENGTH

    @pytest.mark.parametrize("forwarded", ["nonsense", "192.0.2.9"])
    def test_what_is_no_address_of_proxies_is_not_known(self, browser: Browser, forwarded: str) -> None:
        browser.settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
        person = factories.person("Somebody")
        request = browser.client.request().wsgi_request
        request.META |= {"HTTP_X_FORWARDED_FOR": forwarded}
        sessions.on_login(None, request, person)
        assert request.session["opened"]["address"] is None

    def test_the_key_is_in_no_page(self, login: Login, cast: Cast) -> None:
        Client().force_login(cast.eda)
        page = login(cast.eda).get("/profile/").content.decode()
        keys = Session.objects.values_list("session_key", flat=True)
        assert len(keys) == 2
        assert not [key for key in keys if key in page]
        assert not [row for row in Session.objects.all() if row.session_key in str(row)]


@pytest.mark.django_db
class TestLogin:
    """The last step of a login: what was true when the provider's answer was checked may be over."""

    def enter(self, person: User, identity: Identity) -> HttpResponse | None:
        """Let somebody in; return the answer that they get instead, if any."""
        request = RequestFactory().get("/")
        request.session, request.user = SessionStore(), AnonymousUser()
        sessions.will_open_with(request, identity)
        try:
            AccountAdapter(request).login(request, person)
        except ImmediateHttpResponse as instead:
            answer: HttpResponse = instead.response
            return answer
        return None

    def test_session_is_there_when_the_login_is_recorded(self, cast: Cast) -> None:
        identity = cast.eda.identities.get()
        assert self.enter(cast.eda, identity) is None
        row = Session.objects.get()
        assert (row.person, row.identity) == (cast.eda, identity)
        assert Event.objects.get().act == "person.logged_in"

    @pytest.mark.parametrize("what", ["person", "identity"])
    def test_who_may_not_enter_any_more_does_not(self, cast: Cast, what: str) -> None:
        identity = cast.eda.identities.get()
        if what == "person":
            User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        else:
            Identity.objects.filter(pk=identity.pk).update(state=Identity.State.RETIRED)
        answer = self.enter(cast.eda, identity)
        assert answer is not None
        assert answer.headers["Location"] == "/accounts/inactive/"
        assert not Session.objects.exists()
        assert not Event.objects.exists()


@pytest.mark.django_db
class TestEnd:
    def test_engine_that_is_configured_keeps_these_rows(self, settings: LazySettings) -> None:
        assert import_module(settings.SESSION_ENGINE).SessionStore.get_model_class() is Session

    def test_old_cookie_is_nobody_and_is_not_revived(self, login: Login, cast: Cast) -> None:
        client = login(cast.eda)
        assert is_known(client)
        assert sessions.end(cast.eda) == 1
        assert not is_known(client)
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        assert not is_known(client)
        User.objects.filter(pk=cast.eda.pk).update(is_active=True)
        assert not is_known(client)

    def test_ends_nobody_elses(self, cast: Cast) -> None:
        hers, his = Client(), Client()
        hers.force_login(cast.eda)
        his.force_login(cast.nils)
        assert sessions.end(cast.eda) == 1
        assert is_known(his)

    def test_all_but_one(self, cast: Cast) -> None:
        clients = [Client() for _ in range(3)]
        for client in clients:
            client.force_login(cast.eda)
        assert sessions.end(cast.eda, but=clients[0].session.session_key) == 2
        assert [is_known(client) for client in clients] == [True, False, False]

    def test_of_one_identity(self, browser: Browser) -> None:
        browser.log_in()
        person, other = browser.person(), Client()
        assert person is not None
        other.force_login(person)
        second = factories.IdentityFactory.create(person=person)
        assert sessions.end(person, identity=second) == 0
        assert sessions.end(person, identity=person.identities.exclude(pk=second.pk).get()) == 1
        assert not is_known(browser.client)
        assert is_known(other)

    def test_request_that_runs_meanwhile_does_not_bring_it_back(self, login: Login, cast: Cast) -> None:
        client = login(cast.eda)
        running = client.session
        running["note"] = "something"
        sessions.end(cast.eda)
        with pytest.raises(UpdateError):
            running.save()
        assert not Session.objects.exists()


@pytest.mark.django_db
@pytest.mark.database
class TestForgetExpired:
    """By the clock of the database, so the rows are moved and not the clock."""

    def test_deletes_what_is_over_and_nothing_else(self, cast: Cast) -> None:
        for person in (cast.eda, cast.otto):
            Client().force_login(person)
        over = Session.objects.filter(person=cast.eda)
        over.update(expire_date=timezone.now() - timedelta(seconds=5))
        assert sessions.forget_expired() == 1
        assert [session.person for session in Session.objects.all()] == [cast.otto]

    def test_workers_do_so_by_themselves(self, login: Login, cast: Cast) -> None:
        login(cast.eda)
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=5))
        tasks.sweep_clusters(alone=True)
        assert not Session.objects.exists()


@pytest.mark.django_db
class TestTime:
    def test_ends_after_twelve_hours_without_use(self, login: Login, cast: Cast) -> None:
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            clock.shift(timedelta(hours=11, minutes=59))
            assert is_known(client)
            clock.shift(timedelta(hours=12, minutes=1))
            assert not is_known(client)

    def test_ends_after_seven_days_however_much_it_is_used(self, login: Login, cast: Cast) -> None:
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            for _hours in range(10, 7 * 24, 10):
                clock.shift(timedelta(hours=10))
                assert is_known(client)
            clock.move_to(START + timedelta(days=7, seconds=1))
            assert not is_known(client)

    def test_writing_into_it_does_not_put_the_end_off(self, login: Login, cast: Cast) -> None:
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            for _hours in range(10, 7 * 24, 10):
                clock.shift(timedelta(hours=10))
                session = client.session
                session["note"] = str(clock)
                session.save()
            assert Session.objects.get().expire_date == START + timedelta(days=7)

    def test_both_are_settings(self, login: Login, cast: Cast, settings: LazySettings) -> None:
        settings.SESSION_IDLE, settings.SESSION_LONGEST = timedelta(hours=1), timedelta(hours=2)
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            for minutes, known in ((59, True), (59, True), (3, False)):
                clock.shift(timedelta(minutes=minutes))
                assert is_known(client) is known

    def test_cookie_lives_no_longer_than_the_session(self, browser: Browser) -> None:
        browser.log_in()
        cookie = browser.client.cookies[browser.settings.SESSION_COOKIE_NAME]
        assert cookie["max-age"] == 7 * 24 * 3600

    def test_ended_one_is_not_listed(self, login: Login, cast: Cast) -> None:
        with time_machine.travel(START, tick=False) as clock:
            login(cast.eda)
            clock.shift(timedelta(hours=12))
            assert not sessions.of(cast.eda).exists()


@pytest.mark.django_db
class TestLastUse:
    def test_is_noted_once_a_minute(self, login: Login, cast: Cast) -> None:
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            client.get("/profile/")
            for seconds, writes in ((0, 0), (59, 0), (1, 1), (0, 0), (30, 0), (30, 1)):
                clock.shift(timedelta(seconds=seconds))
                with CaptureQueriesContext(connection) as queries:
                    client.get("/profile/")
                assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == writes
            assert Session.objects.get().last_used_at == START + timedelta(minutes=2)

    def test_of_nobody_is_not_noted(self, client: Client) -> None:
        with time_machine.travel(START, tick=False) as clock:
            session = client.session
            session["note"] = "something"
            session.save()
            clock.shift(timedelta(hours=1))
            client.get("/")
            assert Session.objects.get().last_used_at == START

    @pytest.mark.django_db(transaction=True)
    def test_page_is_shown_by_a_database_that_takes_no_writes(
        self, login: Login, cast: Cast, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        with time_machine.travel(START, tick=False) as clock:
            client = login(cast.eda)
            clock.shift(timedelta(hours=1))
            with connection.execute_wrapper(refuse_updates):
                assert is_known(client)
            assert "last use of a session not noted" in caplog.text
            assert is_known(client)


def refuse_updates(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
    if sql.startswith("UPDATE"):
        raise OperationalError("attempt to write a readonly database")
    return execute(sql, params, many, context)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
         "Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/18.5 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "CriOS/140.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile "
         "Safari/537.36", "Chrome on Android"),
        ("curl/8.14.1", "curl"),
        ("Something on Windows", "Windows"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_browser_in_words(agent: str, words: str) -> None:
    assert devices.in_words(agent) == words
