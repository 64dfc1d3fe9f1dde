"""Every way in which an ID token can be wrong, sent by a real provider: refused, and nothing written."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.accounts.conftest import Browser, Refusals
from tests.hostile_idp import CLIENT_ID, HostileProvider, public_jwk, rsa_key, signed, unsigned

Claims = dict[str, Any]


def without(*names: str) -> Callable[[Claims], Claims]:
    return lambda claims: {name: value for name, value in claims.items() if name not in names}


def having(**values: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **values}


def later(name: str, seconds: int) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, name: int(time.time()) + seconds}


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        pytest.param(having(nonce="x" * 43), "nonce", id="another nonce"),
        pytest.param(having(nonce="ü\ud800"), "nonce", id="a nonce that is not even text"),
        pytest.param(having(nonce=7), "nonce", id="a number as nonce"),
        pytest.param(having(nonce=""), "nonce", id="an empty nonce"),
        pytest.param(without("nonce"), "claim_missing", id="no nonce"),
        pytest.param(without("exp"), "claim_missing", id="no exp"),
        pytest.param(without("iat"), "claim_missing", id="no iat"),
        pytest.param(without("sub"), "claim_missing", id="no sub"),
        pytest.param(without("iss"), "claim_missing", id="no iss"),
        pytest.param(without("aud"), "claim_missing", id="no aud"),
        pytest.param(later("exp", -31), "expired", id="expired beyond the leeway"),
        pytest.param(having(exp="soon"), "id_token_invalid", id="a word as exp"),
        pytest.param(later("iat", 60), "not_yet_valid", id="issued in the future"),
        pytest.param(later("nbf", 60), "not_yet_valid", id="not valid yet"),
        pytest.param(having(iss="https://elsewhere.example"), "issuer", id="another issuer"),
        pytest.param(having(aud="another-client"), "audience", id="another client"),
        pytest.param(having(aud=[CLIENT_ID, "another-client"]), "audience", id="another client beside us"),
        pytest.param(having(aud=[]), "claim_missing", id="nobody as audience"),
        pytest.param(having(aud={CLIENT_ID: True}), "audience", id="a mapping as audience"),
        pytest.param(having(azp="another-client"), "authorized_party", id="made for another party"),
        pytest.param(having(sub=123), "subject", id="a number as subject"),
    ],
)
def test_wrong_claim_is_refused(refused: Refusals, idp: HostileProvider, bend: Any, reason: str) -> None:
    idp.bent.id_token = bend
    refused.check(reason)


def public_pem(idp: HostileProvider) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return idp.key.public_key().public_bytes(serialization.Encoding.PEM, form)


def hs256_with_public_key(idp: HostileProvider, claims: Claims) -> str:
    head = unsigned(claims, {"alg": "HS256", "typ": "JWT", "kid": "k1"}).rpartition(".")[0]
    signature = hmac.new(public_pem(idp), head.encode(), hashlib.sha256).digest()
    return unsigned(claims, {"alg": "HS256", "typ": "JWT", "kid": "k1"}, signature)


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        pytest.param(lambda idp, c: unsigned(c, {"alg": "none"}), "algorithm", id="alg none"),
        pytest.param(lambda idp, c: unsigned(c, {"alg": "nOnE"}), "algorithm", id="alg nOnE"),
        pytest.param(lambda idp, c: unsigned(c, {"typ": "JWT"}), "algorithm", id="no alg"),
        pytest.param(lambda idp, c: unsigned(c, {"alg": ["RS256"]}), "algorithm", id="a list as alg"),
        pytest.param(hs256_with_public_key, "algorithm", id="HS256 with the public key"),
        pytest.param(lambda idp, c: signed(c, idp.key, algorithm="RS512"), "algorithm", id="RS512"),
        pytest.param(lambda idp, c: signed(c, idp.other_key), "signature", id="foreign key under our kid"),
        pytest.param(
            lambda idp, c: signed(c, idp.other_key, kid=None), "signature", id="foreign key without kid"
        ),
        pytest.param(lambda idp, c: signed(c, idp.key, kid="k2"), "unknown_key", id="unknown kid"),
        pytest.param(
            lambda idp, c: unsigned(c, {"alg": "RS256", "kid": "k1"}), "signature", id="empty signature"
        ),
        pytest.param(
            lambda idp, c: unsigned(c, {"alg": "RS256", "kid": 1}), "id_token_malformed", id="number as kid"
        ),
        pytest.param(
            lambda idp, c: unsigned(c, {"alg": "ES256", "kid": "k1"}), "algorithm", id="alg of another key"
        ),
        pytest.param(lambda idp, c: "not a token", "id_token_malformed", id="not a token"),
        pytest.param(lambda idp, c: "é.é.é", "id_token_missing", id="letters that no token has"),
    ],
)
def test_wrong_signature_is_refused(refused: Refusals, idp: HostileProvider, sign: Any, reason: str) -> None:
    idp.bent.sign = lambda claims: sign(idp, claims)
    refused.check(reason)


def test_changed_payload_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    def tamper(claims: Claims) -> str:
        head, _, signature = signed(claims, idp.key).split(".")
        payload = unsigned({**claims, "sub": "http://cilogon.org/serverT/users/1"}, {}).split(".")[1]
        return f"{head}.{payload}.{signature}"

    idp.bent.sign = tamper
    refused.check("signature")


@pytest.mark.parametrize("id_token", [None, "", 5, {"sub": "x"}, ["a.b.c"]], ids=repr)
def test_answer_without_id_token_is_refused(refused: Refusals, idp: HostileProvider, id_token: Any) -> None:
    idp.bent.tokens = having(id_token=id_token)
    refused.check("id_token_missing")


def test_two_keys_and_a_token_that_names_none_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    idp.published.append(public_jwk(idp.other_key, kid="k2", use="sig"))
    idp.bent.sign = lambda claims: signed(claims, idp.key, kid=None)
    refused.check("unknown_key")


def test_two_keys_under_one_name_are_refused(refused: Refusals, idp: HostileProvider) -> None:
    idp.published.append(public_jwk(idp.other_key, kid="k1", use="sig"))
    refused.check("unknown_key")


def test_short_key_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    idp.key = rsa_key(1024)
    idp.published = [public_jwk(idp.key, kid="k1")]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):  # from the signing side
        refused.check("weak_key")


def test_key_for_encryption_is_no_signing_key(browser: Browser, idp: HostileProvider) -> None:
    idp.published.append(public_jwk(idp.other_key, kid="e1", use="enc"))
    idp.bent.sign = lambda claims: signed(claims, idp.key, kid=None)
    browser.log_in()
    assert browser.person() is not None


def test_only_key_serves_a_token_without_kid(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.sign = lambda claims: signed(claims, idp.key, kid=None)
    browser.log_in()
    assert browser.person() is not None


def test_es256_is_accepted(browser: Browser, idp: HostileProvider) -> None:
    idp.key = ec.generate_private_key(ec.SECP256R1())
    idp.published = [public_jwk(idp.key, kid="k1")]
    idp.bent.sign = lambda claims: signed(claims, idp.key, algorithm="ES256")
    browser.log_in()
    assert browser.person() is not None


def test_list_that_holds_only_us_is_our_audience(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.id_token = having(aud=[CLIENT_ID])
    browser.log_in()
    assert browser.person() is not None


def test_expired_within_the_leeway_is_accepted(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.id_token = later("exp", -5)
    browser.log_in()
    assert browser.person() is not None


@pytest.mark.parametrize("kid", ["k2", None], ids=["named", "unnamed"])
def test_new_key_of_the_provider_is_fetched_once(
    browser: Browser, idp: HostileProvider, kid: str | None
) -> None:
    browser.log_in()
    browser.client.logout()
    assert len(idp.asked_for("/keys")) == 1
    idp.key = idp.other_key
    idp.published = [public_jwk(idp.key) if kid is None else public_jwk(idp.key, kid=kid)]
    idp.bent.sign = lambda claims: signed(claims, idp.key, kid=kid)
    browser.log_in()
    assert browser.person() is not None
    assert len(idp.asked_for("/keys")) == 2


def test_unknown_key_costs_one_fresh_fetch_and_no_more(refused: Refusals, idp: HostileProvider) -> None:
    refused.browser.log_in()
    refused.browser.client.logout()
    idp.bent.sign = lambda claims: signed(claims, idp.other_key, kid="k9")
    refused.check("unknown_key")
    assert len(idp.asked_for("/keys")) == 2
