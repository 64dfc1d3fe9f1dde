"""What a provider publishes about itself: its addresses and its signing keys, both cached for an hour.

The cache is in the database, so that login needs no other service (OpenID Connect Discovery 1.0, section 3
and 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.core.cache import cache
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from accounts.issuers import Issuer, is_acceptable_address
from accounts.provider.calls import ProviderCalls
from accounts.provider.errors import Refused, Unreachable

CACHE_SECONDS = 3600
ALGORITHMS = ("RS256", "ES256")

_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
_AUTH_METHODS = "token_endpoint_auth_methods_supported"


def configuration(issuer: Issuer, calls: ProviderCalls) -> Mapping[str, Any]:
    """Return the addresses of the provider.

    Raises Refused when it calls itself by another name, or Unreachable.
    """
    key = _key("discovery", issuer)
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        address = f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
        known = _checked(calls.get(address), issuer)
        cache.set(key, known, CACHE_SECONDS)
    return known


def signing_keys(issuer: Issuer, calls: ProviderCalls, *, fresh: bool = False) -> list[PyJWK]:
    """Return the keys that may have signed an ID token; `fresh` asks the provider again.

    Raises Unreachable.
    """
    key = _key("keys", issuer)
    published: list[Any] | None = None if fresh else cache.get(key)
    if published is None:
        published = calls.get(configuration(issuer, calls)["jwks_uri"]).get("keys")
        if not isinstance(published, list) or not _usable(published):
            raise Unreachable("no_signing_keys")
        cache.set(key, published, CACHE_SECONDS)
    return _usable(published)


def _checked(document: Mapping[str, Any], issuer: Issuer) -> dict[str, Any]:
    """Keep what is needed of a discovery document that is of this issuer and has acceptable addresses."""
    if document.get("issuer") != issuer.issuer:
        raise Refused("discovery_issuer")
    known: dict[str, Any] = {}
    for name in _ADDRESSES:
        address = document.get(name)
        if address is None and name == "userinfo_endpoint":
            continue
        if not isinstance(address, str) or not is_acceptable_address(address):
            raise Unreachable(f"discovery_{name}")
        known[name] = address
    if not issuer.may_redirect_to(known["authorization_endpoint"]):
        # The browser would block the redirect without a word; the log names the setting to correct.
        raise Unreachable("authorization_endpoint_not_in_form_action_origins")
    methods = document.get(_AUTH_METHODS)
    known[_AUTH_METHODS] = (
        [method for method in methods if isinstance(method, str)] if isinstance(methods, list) else []
    )
    return known


def _usable(published: list[Any]) -> list[PyJWK]:
    keys = []
    for data in published:
        if not isinstance(data, dict) or data.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK(data)
        except PyJWTError:
            continue  # an encryption key, or of a kind that we do not accept anyway
        if key.algorithm_name in ALGORITHMS:
            keys.append(key)
    return keys


def _key(what: str, issuer: Issuer) -> str:
    return f"login:{what}:{hashlib.sha256(issuer.issuer.encode()).hexdigest()}"
