"""How often one address may begin a login, or come back from one.

Not by allauth's limits, which count no GET, and answer "too many" to everybody while their cache is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import TypeVar, cast

import structlog
from allauth.core.ratelimit import respond_429
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest

from accounts.sessions import address_of

V = TypeVar("V", bound=Callable[..., object])
WINDOW_SECONDS = 60
_ONE_NETWORK = 64
"""Who has one IPv6 address has all with these bits."""

logger = structlog.get_logger(__name__)


def limited(method: str) -> Callable[[V], V]:
    """Answer 429 to the requests of this method that one address makes above LOGINS_PER_MINUTE.

    Each view is counted for itself, by the minute of the clock. Requests at the very same moment may be counted as one.
    """

    def decorate(view: V) -> V:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> object:
            if request.method == method and _is_above(request, view.__name__):
                logger.warning("too many logins from one address", view=view.__name__)
                return respond_429(request)
            return view(request, *args, **kwargs)

        return cast(V, guarded)

    return decorate


def _is_above(request: HttpRequest, name: str) -> bool:
    most: int = settings.LOGINS_PER_MINUTE
    key = f"login:count:{name}:{_network(request)}:{int(time.time()) // WINDOW_SECONDS}"
    try:
        cache.add(key, 0, 2 * WINDOW_SECONDS)
        count = int(cache.incr(key))
    except (
        DatabaseError,
        ValueError,
    ):  # the cache is away, or kept nothing: a limit that locks everybody out is worse
        return False
    return count > most


def _network(request: HttpRequest) -> str:
    """Return the address as the proxies that we trust tell it. All whose address they do not tell are one."""
    address = address_of(request)
    if address and ip_address(address).version == 6:
        return str(ip_network((address, _ONE_NETWORK), strict=False))
    return address or "unknown"
