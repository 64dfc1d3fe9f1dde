"""Whether a process is alive and fit for work, for load balancers and container engines.

`/livez` says that the web process answers, without a look at anything else: a database that is away must not get it
killed. `/readyz` says that it can do its work; what workers should have done and have not is named as well, and is no
reason to take a web process away. They are answered before the host name is judged, because probes come by address, and
they tell nothing about the site.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.terms import before_terms
from namespaces import duties
from portal.schema import unapplied_migrations

GetResponse = Callable[[HttpRequest], HttpResponse]


@before_terms
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive."""
    return _answer("ok", 200)


@before_terms
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer whether the database answers and has every table, and in a line each which duties of workers are late."""
    try:
        waiting = unapplied_migrations()
        late = [] if waiting else sorted({each.duty.name for each in duties.late()})
    except DatabaseError:
        return _answer("the database does not answer", 503)
    if waiting:
        return _answer("the database waits for migrations", 503)
    return _answer("\n".join(["ok", *(f"late: {name}" for name in late)]), 200)


class Probes:
    """Answer the two addresses of the probes; everything else goes on."""

    _VIEWS = {"/livez": livez, "/readyz": readyz}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self._VIEWS.get(request.path_info)
        if view is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        return view(request)


def _answer(text: str, status: int) -> HttpResponse:
    response = HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return response
