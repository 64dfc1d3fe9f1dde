"""From a click to what the person's own token is answered: approval to the first 200, removal to the first 403.

Everything is real: browser session over HTTP, web server, database, broker, worker, API server, and an ID token from
the identity provider. The watcher asks every 5 ms on one open connection: the resolution is that and one request.
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.benchmarks.people import Browser, crowd, id_token, log_in
from tests.stack import Stack

NAMESPACES = 10
PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.005


def measure(stack: Stack) -> Iterator[Figure]:
    """Approve and remove CROWD × NAMESPACES times, one after the other."""
    admin, *people = crowd()
    for person in (admin, *people):
        log_in(stack.url, stack.cluster.layout, person.subject)
    prepared = rows.run(stack.environment, "filling", f"make_requests({NAMESPACES})")
    browser = log_in(stack.url, stack.cluster.layout, admin.subject)
    tokens = {person.subject: id_token(stack.cluster.layout, person.subject) for person in people}
    grants, revocations = [], []
    for request_id, namespace, subject in prepared:
        watcher = _Watcher(stack, namespace, tokens[subject])
        grants.append(watcher.until(200, lambda path=f"/requests/{request_id}/approve/": browser.post(path)))
        remove = _remove_address(browser, namespace)
        revocations.append(watcher.until(403, lambda path=remove: browser.post(path)))
    targets = {"median": 300.0, "p99": 1000.0}
    yield Figure("approve click to first 200 with the person's own token", grants, "ms", targets)
    yield Figure("remove click to first 403 with the person's own token", revocations, "ms", targets)


def _remove_address(browser: Browser, namespace: str) -> str:
    """Return where to remove the one member besides the admin: everybody else was removed before."""
    path = f"/namespaces/nautilus/{namespace}/members/"
    page = browser.session.get(browser.url + path, timeout=30).text
    found = set(re.findall(rf"{path}[0-9a-f-]+/remove/", page))
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} people can be removed from {namespace}, not one")
    return str(found.pop())


class _Watcher:
    """Asks the API server as one person until the answer is the one awaited."""

    def __init__(self, stack: Stack, namespace: str, token: str) -> None:
        parts = urlsplit(stack.cluster.layout.api_server)
        context = ssl.create_default_context(cafile=stack.cluster.layout.certificate_authority)
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, context=context, timeout=10
        )
        self._path = f"/api/v1/namespaces/{namespace}/pods?limit=1"
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self) -> int:
        self._connection.request("GET", self._path, headers=self._headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def until(self, status: int, click) -> float:  # type: ignore[no-untyped-def]
        """Return the milliseconds from the click until the API server answers with `status`."""
        before = self.ask()
        if before == status:
            raise RuntimeError(f"the API server answers {status} before the click")
        found: list[float] = []

        def watch() -> None:
            while time.perf_counter() < deadline:
                if self.ask() == status:
                    found.append(time.perf_counter())
                    return
                time.sleep(PAUSE_SECONDS)

        begun = time.perf_counter()
        deadline = begun + PATIENCE_SECONDS
        thread = threading.Thread(target=watch)
        thread.start()
        answer = click()
        thread.join()
        if answer.status_code not in (302, 303):
            raise RuntimeError(f"the click was answered with {answer.status_code}")
        if not found:
            raise RuntimeError(f"no {status} within {PATIENCE_SECONDS} s: a miss")
        return (found[0] - begun) * 1000
