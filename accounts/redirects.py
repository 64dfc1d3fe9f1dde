"""Where a browser may be sent after login: to a page of this site, by its path, and nowhere else."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

_MAX_LENGTH = 2000


def is_own_path(address: object) -> bool:
    """Whether an address is a path of this site, with its quoting. No host will do, not even our own."""
    return (
        isinstance(address, str)
        and len(address) <= _MAX_LENGTH
        and address.startswith("/")
        and "\\" not in address
        and address.isascii()
        and address.isprintable()
        and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    )


def login_address(next_page: str | None) -> str:
    """Return the path of the login page that leads on to `next_page`, which is dropped if it is no path of
    this site.
    """
    address = reverse("account_login")
    return f"{address}?{urlencode({'next': next_page})}" if is_own_path(next_page) else address
