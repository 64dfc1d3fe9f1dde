"""The login as a browser makes it: the portal on one side, a provider that can be bent on the other."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse

from accounts.issuers import Institution, Issuer
from accounts.models import Session, User
from audit.models import Event
from tests.hostile_idp import CLIENT_ID, CLIENT_SECRET, HostileProvider

OKLAHOMA = "urn:mace:incommon:ou.edu"
Answer = Any  # what the test client returns
REFUSALS = "accounts.provider.refusals"
JWT = re.compile(r"eyJ[\w-]+\.eyJ")  # the beginning alone may stand in a token of a form, by chance


def issuer_for(running: HostileProvider, **fields: Any) -> Issuer:
    """Return the facts of a running provider as the file of issuers would give them."""
    facts: dict[str, Any] = {
        "id": "campus",
        "name": "Campus Login",
        "issuer": running.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "form_action_origins": (running.issuer,),
        "institutions": {OKLAHOMA: Institution("University of Oklahoma")},
    }
    return Issuer(**{**facts, **fields})


@dataclass
class Browser:
    """A browser that somebody logs in with. It follows redirects by hand, so that each can be looked at."""

    client: Client
    settings: LazySettings
    issuer: Issuer

    def begin(self, query: str = "", **form: str) -> Answer:
        """Press the button of the login page."""
        address = reverse("openid_connect_login", kwargs={"provider_id": self.issuer.id})
        return self.client.post(address + query, form)

    def visit_provider(self, answer: Answer) -> str:
        """Log in at the provider; return the path and query of the callback that it sends the browser to."""
        assert answer.status_code == 302, answer.content.decode()
        back = requests.get(answer.headers["Location"], allow_redirects=False, timeout=5)
        assert back.status_code == 302, back.text
        assert back.headers["Location"].startswith(self.settings.BASE_URL)
        return back.headers["Location"].removeprefix(self.settings.BASE_URL)

    def log_in(self, **form: str) -> Answer:
        """Log in, and return what the portal answers at the end."""
        return self.client.get(self.visit_provider(self.begin(**form)))

    def person(self) -> User | None:
        """Who is logged in."""
        key = self.client.session.get(SESSION_KEY)
        return None if key is None else User.objects.get(pk=key)


@pytest.fixture
def idp() -> Iterator[HostileProvider]:
    with HostileProvider() as running:
        yield running


@pytest.fixture
def issuer(idp: HostileProvider) -> Issuer:
    return issuer_for(idp)


@pytest.fixture
def browser(client: Client, settings: LazySettings, issuer: Issuer, db: None) -> Browser:
    settings.ISSUERS = (issuer,)
    return Browser(client, settings, issuer)


def snapshot() -> dict[str, list[Any]]:
    """Return every row of every table, without audit events and sessions: what a refused login must not
    change.
    """
    tables = [model for model in apps.get_models() if model not in (Event, Session)]
    return {model._meta.label: sorted(map(repr, model._default_manager.values())) for model in tables}


@dataclass
class Refusals:
    """Looks at how a login was refused."""

    browser: Browser
    idp: HostileProvider
    caplog: pytest.LogCaptureFixture

    def check(self, reason: str, *, status: int = 401, audited: bool = True) -> Answer:
        """Log in and expect: refused for this reason, no session, no row but the audit event, no secret in
        the log.
        """
        before, events = snapshot(), set(Event.objects.values_list("pk", flat=True))
        answer = self.browser.log_in()
        assert answer.status_code == status, (answer.status_code, self.reasons())
        assert self.reasons()[-1] == reason
        assert self.browser.person() is None
        assert snapshot() == before
        new = Event.objects.exclude(pk__in=events)
        assert [(event.act, event.outcome, event.reason) for event in new] == (
            [("login.refused", "denied", reason)] if audited else []
        )
        self.check_is_clean(self.caplog.text)
        self.check_is_clean(answer.content.decode())
        return answer

    def reasons(self) -> list[str]:
        """Return the reasons in the log, oldest first."""
        mine = [record.msg for record in self.caplog.records if record.name == REFUSALS]
        return [str(event["reason"]) for event in mine if isinstance(event, dict)]

    def check_is_clean(self, text: str) -> None:
        """Expect nothing in a log or page that could be used to log in."""
        assert text
        for seen in self.idp.asked_for("/authorize"):
            assert seen.query["state"] not in text
            assert seen.query["nonce"] not in text
        for seen in self.idp.asked_for("/token"):
            assert seen.form["code"] not in text
            assert seen.form["code_verifier"] not in text
        assert not JWT.search(text)
        assert CLIENT_SECRET not in text


@pytest.fixture
def refused(browser: Browser, idp: HostileProvider, caplog: pytest.LogCaptureFixture) -> Refusals:
    caplog.set_level(logging.INFO)
    for name in ("accounts", "allauth", "requests", "django.request"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Refusals(browser, idp, caplog)
