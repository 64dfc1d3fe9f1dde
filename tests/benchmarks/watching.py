"""Whether people's own tokens still open their namespaces: asked again and again until the API server answers 403.

One connection per asking thread, whoever is asked for: the token is in the request. A removal that was seen in no
answer when the patience ends is a miss.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from clusters.config import load
from localcluster.layout import CLUSTER, Layout
from localcluster.processes import LOOPBACK
from tests.clusters.raw_api import id_token

ASKING_THREADS = 4
ALLOWED, FORBIDDEN = 200, 403


@dataclass
class Removal:
    """Somebody who was removed: when that was committed, and when the first 403 came (time.monotonic())."""

    namespace: str
    subject: str
    committed: float
    refused: float | None = None

    @property
    def seconds(self) -> float | None:
        """From the commit to the first 403; nothing for a miss."""
        return None if self.refused is None else self.refused - self.committed


class Tokens:
    """ID tokens as the identity provider signs them, for anybody, without a login each."""

    def __init__(self, layout: Layout) -> None:
        self._key = layout.oidc_signing_key.read_bytes()
        self._trust = load(layout.clusters_file)[CLUSTER].issuers[0]
        self._made: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, subject: str) -> str:
        with self._lock:
            if subject not in self._made:
                claims = {"iss": self._trust.issuer, "aud": self._trust.client_id, "sub": subject}
                self._made[subject] = id_token(self._key, **claims)
            return self._made[subject]


class Asker:
    """One open connection to the API server, in no name until a token is given. Of one thread."""

    def __init__(self, layout: Layout) -> None:
        context = ssl.create_default_context(cafile=str(layout.certificate_authority))
        self._connection = http.client.HTTPSConnection(
            LOOPBACK, layout.ports.api_server, context=context, timeout=10
        )

    def ask(self, namespace: str, token: str) -> int:
        """Return the status that listing one pod is answered with; 0 if there was no answer."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            self._connection.request("GET", f"/api/v1/namespaces/{namespace}/pods?limit=1", headers=headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0
        return response.status

    def close(self) -> None:
        self._connection.close()


class Watch:
    """Threads that ask for all removals in turn, for each as often as `pause` says, until 403 or `patience` is over."""

    def __init__(self, layout: Layout, tokens: Tokens, *, pause: float, patience: float) -> None:
        self._layout = layout
        self._tokens = tokens
        self.pause = pause
        self._patience = patience
        self._due: list[tuple[float, int, Removal]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._open = 0
        self._ended = False
        self._threads = [threading.Thread(target=self._run) for _thread in range(ASKING_THREADS)]
        for thread in self._threads:
            thread.start()

    def follow(self, removal: Removal, *, after: float = 0.0) -> None:
        """Ask about this one from now on, or in so many seconds."""
        with self._changed:
            self._open += 1
            self._push(removal, time.monotonic() + after)

    def wait(self) -> None:
        """Return when nobody is asked about any more: each has got a 403, or is a miss."""
        with self._changed:
            while self._open:
                self._changed.wait(1)
                if not all(thread.is_alive() for thread in self._threads):
                    raise RuntimeError("a thread that asks has ended")

    def close(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(15)

    def _push(self, removal: Removal, when: float) -> None:
        heapq.heappush(self._due, (when, next(self._count), removal))
        self._changed.notify()

    def _run(self) -> None:
        asker = Asker(self._layout)
        while (removal := self._next()) is not None:
            status = asker.ask(removal.namespace, self._tokens.of(removal.subject))
            now = time.monotonic()
            with self._changed:
                if status == FORBIDDEN:
                    removal.refused = now
                if status == FORBIDDEN or now - removal.committed > self._patience:
                    self._open -= 1
                    self._changed.notify_all()
                else:
                    self._push(removal, now + self.pause)
        asker.close()

    def _next(self) -> Removal | None:
        with self._changed:
            while not self._ended:
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if self._due and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None


@contextlib.contextmanager
def watching(layout: Layout, tokens: Tokens, *, pause: float, patience: float) -> Iterator[Watch]:
    """Ask until the block ends."""
    watch = Watch(layout, tokens, pause=pause, patience=patience)
    try:
        yield watch
    finally:
        watch.close()


def check_allowed(layout: Layout, tokens: Tokens, pairs: list[tuple[str, str]]) -> None:
    """Raise RuntimeError unless the API server lets all of them in: else their end would show nothing."""
    asker = Asker(layout)
    answers = [asker.ask(namespace, tokens.of(subject)) for namespace, subject in pairs]
    asker.close()
    if set(answers) != {ALLOWED}:
        raise RuntimeError(f"before anybody was removed the API server answered {sorted(set(answers))}")
