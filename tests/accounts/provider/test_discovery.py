"""What a provider publishes about itself is checked once and kept for an hour."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine

from accounts.issuers import ANY_HTTPS_ORIGIN
from tests.accounts.conftest import Browser, Refusals, issuer_for
from tests.hostile_idp import HostileProvider

DISCOVERY = "/.well-known/openid-configuration"


def test_warm_login_asks_for_neither_discovery_nor_keys(browser: Browser, idp: HostileProvider) -> None:
    browser.log_in()
    assert len(idp.asked_for(DISCOVERY)) == 1
    assert len(idp.asked_for("/keys")) == 1
    idp.seen.clear()
    browser.client.logout()
    browser.log_in()
    assert [seen.path for seen in idp.seen] == ["/authorize", "/token", "/userinfo"]


def test_discovery_is_asked_again_after_an_hour(browser: Browser, idp: HostileProvider) -> None:
    with time_machine.travel(0, tick=False) as clock:
        browser.begin()
        clock.shift(3590)
        browser.begin()
        assert len(idp.asked_for(DISCOVERY)) == 1
        clock.shift(20)
        browser.begin()
        assert len(idp.asked_for(DISCOVERY)) == 2


@pytest.mark.parametrize("name", ["https://elsewhere.example", "{issuer}/", None, 5])
def test_provider_that_calls_itself_by_another_name_is_refused(
    refused: Refusals, idp: HostileProvider, name: Any
) -> None:
    said = name.format(issuer=idp.issuer) if isinstance(name, str) else name
    idp.bent.discovery = lambda document: {**document, "issuer": said}
    answer = refused.browser.begin()
    assert answer.status_code == 401
    assert refused.reasons() == ["discovery_issuer"]
    idp.straighten()
    assert refused.browser.begin().status_code == 302  # what was refused is not kept


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize(
    "address",
    [
        "http://idp.example/x",
        "ftp://127.0.0.1/x",
        "//idp.example",
        "https://a@idp.example/",
        7,
        "",
        "https://[",
    ],
)
def test_unacceptable_address_is_refused(
    refused: Refusals, idp: HostileProvider, name: str, address: Any
) -> None:
    idp.bent.discovery = lambda document: {**document, name: address}
    assert refused.browser.begin().status_code == 503
    assert refused.reasons() == [f"discovery_{name}"]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_missing_address_is_refused(refused: Refusals, idp: HostileProvider, name: str) -> None:
    idp.bent.discovery = lambda document: {key: value for key, value in document.items() if key != name}
    assert refused.browser.begin().status_code == 503
    assert refused.reasons() == [f"discovery_{name}"]


def test_login_page_that_the_browser_would_block_is_named_in_the_log(
    refused: Refusals, idp: HostileProvider
) -> None:
    refused.browser.settings.ISSUERS = (issuer_for(idp, form_action_origins=("https://login.example",)),)
    assert refused.browser.begin().status_code == 503
    assert refused.reasons() == ["authorization_endpoint_not_in_form_action_origins"]


def test_any_https_origin_admits_https_only(idp: HostileProvider) -> None:
    issuer = issuer_for(idp, form_action_origins=(ANY_HTTPS_ORIGIN,))
    assert issuer.may_redirect_to("https://anywhere.example/authorize")
    assert not issuer.may_redirect_to("http://anywhere.example/authorize")


@pytest.mark.parametrize(
    "keys",
    [
        None,
        [],
        "keys",
        [{"kty": "oct", "k": "c2VjcmV0"}],
        [5],
        [{"kty": "RSA"}],
        [{"kty": "OKP", "crv": "Ed25519", "x": "A"}],
    ],
    ids=repr,
)
def test_provider_without_usable_keys_is_refused(refused: Refusals, idp: HostileProvider, keys: Any) -> None:
    idp.published = keys
    refused.check("no_signing_keys", status=503, audited=False)
