"""Whether a process is alive and fit for work, for load balancers and container engines.

`/livez` says that the web process answers, without a look at anything else: a database that is away must not get it
killed. `/readyz` says that it can do its work. They are answered before the host name is judged, because probes come by
address, and they tell nothing about the site.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def livez(_request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive."""
    return _answer("ok", 200)


def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer whether the database answers and has the tables that this code needs."""
    try:
        waiting = unapplied_migrations()
    except DatabaseError:
        return _answer("the database does not answer", 503)
    if waiting:
        return _answer("the database waits for migrations", 503)
    return _answer("ok", 200)


def unapplied_migrations() -> list[str]:
    """Return the names of migrations that the database still needs. Raises DatabaseError if it does not answer."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def unknown_migrations() -> list[str]:
    """Return the names of applied migrations that this code does not have: the database belongs to a newer version."""
    loader = MigrationExecutor(connection).loader
    known = set(loader.disk_migrations or ()) | set(loader.graph.nodes)
    apps = {app for app, _name in known}
    return sorted(
        f"{app}.{name}" for app, name in loader.applied_migrations if app in apps and (app, name) not in known
    )


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


def touch(path: str) -> None:
    """Say that this process is alive: the file's time of change is now."""
    if path:
        Path(path).touch()
