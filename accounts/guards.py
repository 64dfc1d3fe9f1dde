"""Pages for people who are logged in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.models import User
from accounts.redirects import login_address

P = ParamSpec("P")


class KnownRequest(HttpRequest):
    """A request of a person who is logged in: what a guarded view is given."""

    user: User


def login_needed(
    view: Callable[Concatenate[KnownRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Send whoever is not logged in to the login page, and from there back here if a link can lead here.

    A part of a page that the script asks for is not replaced by the login page: the whole page goes there.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, AnonymousUser):
            return view(request, *args, **kwargs)  # type: ignore[arg-type]
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=204, headers={"HX-Redirect": login_address(None)})
        return HttpResponseRedirect(
            login_address(request.get_full_path() if request.method in {"GET", "HEAD"} else None)
        )

    return guarded
