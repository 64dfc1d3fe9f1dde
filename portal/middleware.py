"""What every request passes through: an id for the logs, one address, and no caching of pages made for one person."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from portal.checks import LOOPBACK

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestId:
    """Give each request an id that its log lines, its audit events and its error page carry."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        return response


class OneAddress:
    """Lead from the other name of a demonstration's machine to its address: cookies and login know that one only."""

    def __init__(self, get_response: GetResponse) -> None:
        address = urlsplit(settings.BASE_URL)
        if address.scheme != "http" or address.hostname not in LOOPBACK:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.others = LOOPBACK - {address.hostname}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if urlsplit(f"//{request.get_host()}").hostname in self.others:
            return HttpResponseRedirect(settings.BASE_URL + request.get_full_path())
        return self.get_response(request)


class PrivatePages:
    """Pages for a logged-in person are stored nowhere: not by a proxy, not by the browser after logout.

    `is_kept` is on answers that are the same for everybody and say themselves who may keep them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated and not getattr(response, "is_kept", False):
            response.headers["Cache-Control"] = "no-store"
        return response
