"""Verification of an ID token (OpenID Connect Core 1.0, section 3.1.3.7), always with its signature."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import jwt
from jwt import PyJWK
from jwt import exceptions as jwt_errors

from accounts.issuers import Issuer
from accounts.provider.discovery import ALGORITHMS
from accounts.provider.errors import Refused

LEEWAY_SECONDS = 30

_REQUIRED = ("iss", "aud", "exp", "iat", "sub", "nonce")
_CODES: tuple[tuple[type[jwt_errors.PyJWTError], str], ...] = (
    (jwt_errors.MissingRequiredClaimError, "claim_missing"),
    (jwt_errors.ExpiredSignatureError, "expired"),
    (jwt_errors.ImmatureSignatureError, "not_yet_valid"),
    (jwt_errors.InvalidAudienceError, "audience"),
    (jwt_errors.InvalidIssuerError, "issuer"),
    (jwt_errors.InvalidSubjectError, "subject"),
    (jwt_errors.InvalidAlgorithmError, "algorithm"),
    (jwt_errors.InvalidKeyError, "weak_key"),
)

Keys = Callable[[bool], list[PyJWK]]


def verify(token: object, *, issuer: Issuer, nonce: str, keys: Keys) -> dict[str, Any]:
    """Return the claims of an ID token of this issuer, for us, made for the login that chose this nonce.

    `keys(fresh)` gives the issuer's signing keys. The provider may have changed them since they were cached:
    a token that does not fit is tried once more with fresh ones. Raises Refused.
    """
    if not isinstance(token, str) or not token or not token.isascii():
        raise Refused("id_token_missing")
    header = _header(token)
    try:
        claims = _decode(token, _pick(keys(False), header), issuer)
    except _OtherKey:
        try:
            claims = _decode(token, _pick(keys(True), header), issuer)
        except _OtherKey as error:
            raise Refused(error.code) from error
    _check_audience(claims, issuer)
    sent = claims["nonce"]
    if not nonce or not isinstance(sent, str) or not hmac.compare_digest(_bytes(sent), _bytes(nonce)):
        raise Refused("nonce")
    return claims


class _OtherKey(Exception):
    """No key of the set fits the token."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _header(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt_errors.PyJWTError as error:
        raise Refused("id_token_malformed") from error
    if header.get("alg") not in ALGORITHMS:
        raise Refused("algorithm")
    return header


def _pick(keys: list[PyJWK], header: dict[str, Any]) -> PyJWK:
    """Return the key that the token names, or, when it names none, the only signing key of the set."""
    kid = header.get("kid")
    fitting = keys if kid is None else [key for key in keys if key.key_id == kid]
    if len(fitting) != 1:
        raise _OtherKey("unknown_key")
    return fitting[0]


def _decode(token: str, key: PyJWK, issuer: Issuer) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=issuer.client_id,
            issuer=issuer.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(_REQUIRED), "enforce_minimum_key_length": True},
        )
    except jwt_errors.InvalidSignatureError as error:
        raise _OtherKey("signature") from error
    except jwt_errors.PyJWTError as error:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), "id_token_invalid")
        raise Refused(code) from error


def _check_audience(claims: dict[str, Any], issuer: Issuer) -> None:
    """The token must be for us alone: a list must hold exactly our client id."""
    if claims["aud"] not in (issuer.client_id, [issuer.client_id]):
        raise Refused("audience")
    if claims.get("azp", issuer.client_id) != issuer.client_id:
        raise Refused("authorized_party")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
