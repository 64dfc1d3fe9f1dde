"""Every RoleBinding as an administrator of the cluster sees it come and go, past Berth, and the moment of each."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from localcluster.admin_api import AdminApi
from localcluster.layout import Layout
from localcluster.processes import LOOPBACK

PATH = "/apis/rbac.authorization.k8s.io/v1/rolebindings"
SILENCE_SECONDS = 5


@dataclass(frozen=True)
class Sight:
    """One binding that came (`ADDED`) or went (`DELETED`), and when we saw that (time.monotonic())."""

    what: str
    namespace: str
    name: str
    uid: str
    users: tuple[str, ...]
    at: float


class Observer:
    """A watch in a thread of its own. It begins anew while the API server is away, from where it was."""

    def __init__(self, layout: Layout) -> None:
        self._admin = AdminApi(layout)
        self._layout = layout
        self._context = ssl.create_default_context(cafile=str(layout.certificate_authority))
        self._context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sights: list[Sight] = []
        self.is_watching = threading.Event()

    def wait(self, condition: Callable[[list[Sight]], bool], what: str, seconds: float) -> None:
        """Return when the sights fulfil the condition; raise TimeoutError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition(self.sights):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds:.0f} s")
            time.sleep(0.02)

    def start(self) -> None:
        self._thread.start()
        if not self.is_watching.wait(30):
            raise TimeoutError("the watch did not begin")

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(SILENCE_SECONDS + 5)

    def _run(self) -> None:
        version = ""
        while not self._ended.is_set():
            try:
                version = (
                    version or self._admin.call("GET", f"{PATH}?limit=1")[1]["metadata"]["resourceVersion"]
                )
                version = self._watch(version)
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
                self._ended.wait(0.05)

    def _watch(self, version: str) -> str:
        """Note what comes until the connection ends; return where to go on, or nothing to begin anew."""
        connection = http.client.HTTPSConnection(
            LOOPBACK, self._layout.ports.api_server, timeout=SILENCE_SECONDS, context=self._context
        )
        try:
            connection.request("GET", f"{PATH}?watch=1&allowWatchBookmarks=true&resourceVersion={version}")
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                return ""
            self.is_watching.set()
            while not self._ended.is_set():
                line = response.readline()
                if not line:
                    return version
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                self._note(event["type"], event["object"])
        except TimeoutError:
            pass  # nothing happened
        finally:
            connection.close()
        return version

    def _note(self, what: str, item: dict) -> None:
        if what not in ("ADDED", "DELETED"):
            return
        metadata = item["metadata"]
        users = tuple(subject["name"] for subject in item.get("subjects") or ())
        self.sights.append(
            Sight(what, metadata["namespace"], metadata["name"], metadata["uid"], users, time.monotonic())
        )


@contextlib.contextmanager
def observing(layout: Layout) -> Iterator[Observer]:
    """Watch until the block ends."""
    observer = Observer(layout)
    observer.start()
    try:
        yield observer
    finally:
        observer.stop()
