"""Pages for people who are logged in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.redirects import lead_by_way_of

P = ParamSpec("P")


class KnownRequest(HttpRequest):
    """A request of a person who is logged in: what a guarded view is given."""

    user: User


def login_needed(
    view: Callable[Concatenate[KnownRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Send whoever is not logged in to the login page, and from there back here if a link can lead here."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, AnonymousUser):
            return view(request, *args, **kwargs)  # type: ignore[arg-type]
        return lead_by_way_of("account_login", request)

    return guarded
