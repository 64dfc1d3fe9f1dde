"""Where a browser may be sent after login: to a page of this site, by its path, and nowhere else."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
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


def lead_by_way_of(name: str, request: HttpRequest) -> HttpResponse:
    """Lead a reader to a page of this name, and from there back: here, or to the page with the form that was sent.

    A part of a page that the script asks for is not replaced by that page: the whole page goes there, and not back.
    """
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": reverse(name)})
    here = request.get_full_path() if request.method in {"GET", "HEAD"} else _page_of_the_form(request)
    return HttpResponseRedirect(with_next(reverse(name), here))


def _page_of_the_form(request: HttpRequest) -> str | None:
    """Return the path of the page that a form was sent from, as far as the browser says so."""
    site, page = settings.BASE_URL, request.headers.get("Referer", "")
    return page.removeprefix(site) if page.startswith(f"{site}/") else None


def login_address(next_page: str | None) -> str:
    """Return the path of the login page that leads on to `next_page`, which is dropped if it is no path of
    this site.
    """
    return with_next(reverse("account_login"), next_page)


def with_next(address: str, next_page: str | None) -> str:
    """Return the address of a page that leads on to `next_page`, which is dropped if it is no path of this site."""
    return f"{address}?{urlencode({'next': next_page})}" if is_own_path(next_page) else address
