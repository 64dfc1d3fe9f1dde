"""A provider that does not answer, or not usefully: a page with words in time, and nobody else affected."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.provider import calls
from accounts.provider.errors import Unreachable
from tests.accounts.conftest import Browser, Refusals, issuer_for
from tests.hostile_idp import HostileProvider, write_certificate

HTML = (200, "text/html", b"<!doctype html><title>Maintenance</title>")
BAD_ANSWERS = [
    pytest.param(HTML, "not_json", id="a web page"),
    pytest.param((200, "application/json", b"[]"), "not_json", id="a list"),
    pytest.param((200, "application/json", b"[" * 100_000), "not_json", id="deep nesting"),
    pytest.param((200, "application/json", b'{"a": ' + b"9" * 10_000 + b"}"), "not_json", id="a huge number"),
    pytest.param((200, "application/json", b"\xff\xfe{}"), "not_json", id="not UTF-8"),
    pytest.param((200, "application/json", b" " * 300_000), "too_large", id="too large"),
    pytest.param((500, "text/html", b"oops"), "status", id="an error"),
    pytest.param((429, "text/html", b"slow down"), "status", id="too many requests"),
    pytest.param((302, "text/html", b""), "status", id="a redirect"),
]


@pytest.mark.parametrize(("raw", "reason"), BAD_ANSWERS)
@pytest.mark.parametrize("path", ["/token", "/userinfo", "/keys"])
def test_useless_answer_during_the_callback_is_said_in_words(
    refused: Refusals, idp: HostileProvider, path: str, raw: Any, reason: str
) -> None:
    idp.bent.raw[path] = raw
    page = refused.check(reason, status=503, audited=False).content.decode()
    assert "Campus Login does not answer" in page
    assert "Maintenance" not in page


@pytest.mark.parametrize(("raw", "reason"), BAD_ANSWERS)
def test_useless_discovery_is_said_in_words(
    refused: Refusals, idp: HostileProvider, raw: Any, reason: str
) -> None:
    idp.bent.raw["/.well-known/openid-configuration"] = raw
    answer = refused.browser.begin()
    assert answer.status_code == 503
    assert refused.reasons() == [reason]
    idp.straighten()
    assert refused.browser.begin().status_code == 302


def test_discovery_that_fails_at_the_callback_is_said_in_words(
    refused: Refusals, idp: HostileProvider
) -> None:
    callback = refused.browser.visit_provider(refused.browser.begin())
    cache.clear()
    idp.bent.raw["/.well-known/openid-configuration"] = HTML
    assert refused.browser.client.get(callback).status_code == 503
    assert refused.reasons() == ["not_json"]


def test_provider_that_is_gone_is_said_in_words(refused: Refusals) -> None:
    with HostileProvider() as gone:
        refused.browser.settings.ISSUERS = (issuer_for(gone),)
    assert refused.browser.begin().status_code == 503
    assert refused.reasons() == ["connection"]


@pytest.mark.parametrize("manner", ["silent", "dripping"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/userinfo", "/keys"])
def test_slow_provider_is_bounded_by_the_deadline(
    refused: Refusals, idp: HostileProvider, manner: str, path: str
) -> None:
    refused.browser.settings.LOGIN_DEADLINE_SECONDS = 0.4
    getattr(idp.bent, manner).add(path)
    began = time.monotonic()
    if path.startswith("/.well-known"):
        assert refused.browser.begin().status_code == 503
    else:
        refused.check("timeout", status=503, audited=False)
    assert time.monotonic() - began < 5
    assert refused.reasons() == ["timeout"]


def test_call_is_given_up_when_the_deadline_has_passed(refused: Refusals, idp: HostileProvider) -> None:
    refused.browser.settings.LOGIN_DEADLINE_SECONDS = 0.4
    idp.bent.dripping.add("/userinfo")
    refused.check("timeout", status=503, audited=False)
    assert idp.hung_up.wait(5)


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/keys"])
def test_redirect_of_the_provider_is_not_followed(refused: Refusals, idp: HostileProvider, path: str) -> None:
    idp.bent.raw[path] = (307, "text/plain", b"", {"Location": f"{idp.issuer}/elsewhere"})
    refused.check("status", status=503, audited=False)
    assert idp.asked_for("/elsewhere") == []


def test_deadline_is_at_most_five_seconds(settings: LazySettings) -> None:
    assert 0 < settings.LOGIN_DEADLINE_SECONDS <= 5


def test_one_deadline_holds_for_all_calls_together(browser: Browser, idp: HostileProvider) -> None:
    browser.settings.LOGIN_DEADLINE_SECONDS = 0.3
    shared = calls.ProviderCalls(browser.issuer)
    idp.bent.silent.add("/keys")
    with pytest.raises(Unreachable):
        shared.get(f"{idp.issuer}/keys")
    cache.clear()
    with pytest.raises(Unreachable) as second:
        shared.get(f"{idp.issuer}/.well-known/openid-configuration")
    assert second.value.code == "timeout"
    assert idp.asked_for("/.well-known/openid-configuration") == []


def test_silent_provider_does_not_use_up_the_server(refused: Refusals, idp: HostileProvider) -> None:
    refused.browser.settings.LOGIN_DEADLINE_SECONDS = 0.3
    idp.bent.silent.add("/.well-known/openid-configuration")
    assert [refused.browser.begin().status_code for _ in range(3)] == [503, 503, 503]
    assert refused.reasons() == ["timeout", "paused_after_timeout", "paused_after_timeout"]
    assert len(idp.seen) == 1


def test_silence_of_one_provider_leaves_the_other_alone(refused: Refusals, idp: HostileProvider) -> None:
    refused.browser.settings.LOGIN_DEADLINE_SECONDS = 0.3
    idp.bent.silent.add("/.well-known/openid-configuration")
    with HostileProvider() as other:
        refused.browser.settings.ISSUERS = (refused.browser.issuer, issuer_for(other, id="other"))
        assert refused.browser.begin().status_code == 503
        refused.browser.issuer = issuer_for(other, id="other")
        refused.browser.log_in()
        assert refused.browser.person() is not None


def test_outage_does_not_touch_people_who_are_logged_in(browser: Browser, idp: HostileProvider) -> None:
    browser.log_in()
    idp.bent.raw["/.well-known/openid-configuration"] = HTML
    cache.clear()
    other = Browser(Client(), browser.settings, browser.issuer)
    assert other.begin().status_code == 503
    assert browser.client.get(reverse("account_logout")).status_code == 200


def test_certificate_of_nobody_is_refused(refused: Refusals, tmp_path: Path) -> None:
    with HostileProvider(certificate=write_certificate(tmp_path / "idp.pem")) as secure:
        refused.browser.settings.ISSUERS = (issuer_for(secure),)
        assert refused.browser.begin().status_code == 503
        assert refused.reasons() == ["tls"]
        assert secure.seen == []


def test_certificate_for_another_host_is_refused(refused: Refusals, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "idp.pem", valid_for="127.0.0.2")
    with HostileProvider(certificate=certificate) as secure:
        refused.browser.settings.ISSUERS = (issuer_for(secure, certificate_authority_file=certificate),)
        assert refused.browser.begin().status_code == 503
        assert refused.reasons() == ["tls"]


def test_authority_of_the_file_wins_over_the_environment(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path / "idp.pem")
    elsewhere = write_certificate(tmp_path / "other.pem")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(elsewhere))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with HostileProvider(certificate=certificate) as secure:
        browser.settings.ISSUERS = (issuer_for(secure, certificate_authority_file=certificate),)
        assert browser.begin().status_code == 302
        assert len(secure.asked_for("/.well-known/openid-configuration")) == 1
