"""How often one address may begin a login or come back from one, and that the limit locks nobody else out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.cache.backends.base import BaseCache
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from tests.accounts.conftest import Answer, Browser
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MOST = 5
CALLBACK = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
LOGIN = reverse("openid_connect_login", kwargs={"provider_id": "campus"})


class Away(BaseCache):
    """A cache in a database that does not answer."""

    def __init__(self, location: str, params: dict[str, object]) -> None:
        super().__init__(params)

    def add(self, *_args: object, **_kwargs: object) -> bool:
        raise OperationalError("the database is away")


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.LOGINS_PER_MINUTE = MOST


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def come_back(browser: Browser, **headers: str) -> Answer:
    return browser.client.get(f"{CALLBACK}?state=x&code=y", headers=headers)


def test_a_thousand_callbacks_a_minute_under_changing_addresses_are_refused(browser: Browser) -> None:
    statuses = [come_back(browser, x_forwarded_for=f"192.0.2.{n % 250}").status_code for n in range(1000)]
    assert 429 not in statuses[:MOST]
    assert set(statuses[MOST:]) == {429}


def test_answer_is_a_page_that_says_when_to_come_back(browser: Browser) -> None:
    for _again in range(MOST):
        come_back(browser)
    answer = come_back(browser)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Too often, for now" in answer.content.decode()


def test_next_minute_counts_anew(browser: Browser, clock: time_machine.Traveller) -> None:
    for _again in range(MOST + 1):
        come_back(browser)
    clock.shift(60)
    assert come_back(browser).status_code != 429


def test_logins_are_counted_when_they_begin_and_reading_the_address_is_not(browser: Browser) -> None:
    for _again in range(2 * MOST):
        assert browser.client.get(LOGIN).status_code == 302
    statuses = [browser.client.post(LOGIN).status_code for _again in range(MOST + 1)]
    assert statuses == [302] * MOST + [429]
    assert come_back(browser).status_code != 429


@pytest.mark.parametrize("name", ["show_again", "identity_link"])
def test_logins_of_somebody_logged_in_are_counted(client: Client, cast: Cast, name: str) -> None:
    client.force_login(cast.otto)
    statuses = [client.post(reverse(name)).status_code for _again in range(MOST + 1)]
    assert statuses == [400] * MOST + [429]


def test_address_that_the_proxy_tells_counts_for_itself(browser: Browser) -> None:
    browser.settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(2 * MOST):  # what stands before it was told by the client
        come_back(browser, x_forwarded_for=f"198.51.100.{number}, 192.0.2.1")
    assert come_back(browser, x_forwarded_for="192.0.2.1").status_code == 429
    assert come_back(browser, x_forwarded_for="192.0.2.2").status_code != 429


def test_addresses_that_are_one_persons_count_as_one(browser: Browser) -> None:
    browser.settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(MOST):
        come_back(browser, x_forwarded_for=f"2001:db8:1:2::{number}")
    assert come_back(browser, x_forwarded_for="2001:db8:1:2:ffff::1").status_code == 429
    assert come_back(browser, x_forwarded_for="2001:db8:1:3::1").status_code != 429


def test_whose_address_is_not_told_are_counted_together(browser: Browser) -> None:
    browser.settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(MOST):
        come_back(browser, x_forwarded_for=f"nonsense {number}")
    assert come_back(browser, x_forwarded_for="more nonsense").status_code == 429


def test_refused_callback_costs_the_login_nothing(browser: Browser, clock: time_machine.Traveller) -> None:
    for _again in range(MOST):
        come_back(browser)
    callback = browser.visit_provider(browser.begin())
    assert browser.client.get(callback).status_code == 429
    clock.shift(60)
    browser.client.get(callback)
    assert browser.person() == User.objects.get()


@pytest.mark.parametrize(
    "backend",
    [
        {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        {"BACKEND": "tests.accounts.provider.test_limit.Away"},
    ],
)
def test_cache_that_is_away_locks_nobody_out(browser: Browser, backend: dict[str, str]) -> None:
    browser.settings.CACHES = {"default": backend}
    assert 429 not in [come_back(browser).status_code for _again in range(2 * MOST)]
