"""Login through the identity provider of the demonstration, as `make demo` runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from django.conf import LazySettings
from django.test import Client

from accounts.issuers import load
from accounts.models import Identity, Level
from localcluster.identity_provider.process import ProviderProcess
from localcluster.layout import Layout, Ports, prepare
from localcluster.people import ANA, PEOPLE, DemoPerson
from tests.accounts.conftest import Browser
from tests.hostile_idp import query_of


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = prepare(tmp_path_factory.mktemp("provider"), ports=Ports.free())
    with ProviderProcess(layout):
        yield layout


@pytest.fixture
def newcomer(demonstration: Layout, client: Client, settings: LazySettings, db: None) -> Browser:
    settings.ISSUERS = load(demonstration.issuers_file)
    return Browser(client, settings, settings.ISSUERS[0])


def choose(browser: Browser, person: DemoPerson | None) -> str:
    """Pick a person on the provider's page, or cancel; return the path of the callback."""
    page = browser.begin().headers["Location"]
    form = {"action": "deny"} if person is None else {"sub": person.subject}
    back = requests.post(page, form, allow_redirects=False, timeout=10).headers["Location"]
    assert back.startswith(browser.settings.BASE_URL)
    return back.removeprefix(browser.settings.BASE_URL)


def test_newcomer_logs_in_and_is_a_guest(newcomer: Browser) -> None:
    answer = newcomer.client.get(choose(newcomer, ANA))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    person = newcomer.person()
    assert person is not None
    assert (person.name, person.email, person.institution) == (ANA.name, ANA.email, ANA.institution)
    assert person.level == Level.GUEST
    identity = Identity.objects.get()
    assert (identity.issuer, identity.subject) == (newcomer.issuer.issuer, ANA.subject)
    assert identity.entity_id == ANA.entity_id


def test_everybody_of_the_demonstration_can_log_in(newcomer: Browser) -> None:
    for person in PEOPLE:
        newcomer.client.get(choose(newcomer, person))
    assert {identity.subject for identity in Identity.objects.all()} == {person.subject for person in PEOPLE}


def test_cancelling_leads_to_a_page_with_a_way_on(newcomer: Browser) -> None:
    answer = newcomer.client.get(choose(newcomer, None), follow=True)
    assert "You cancelled the login" in answer.content.decode()
    assert newcomer.person() is None


def test_login_page_of_the_provider_is_one_that_our_policy_allows(newcomer: Browser) -> None:
    location = newcomer.begin().headers["Location"]
    assert newcomer.issuer.may_redirect_to(location)
    assert query_of(location)["client_id"] == newcomer.issuer.client_id
