"""Watching clusters, so that what somebody changed there by hand is looked at in a second and not in the next sweep.

A hint and no more: nothing is written to a cluster, nothing is concluded, and whatever a watch misses the sweep finds.
All that comes of a change is a knock at the workers.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import structlog
from django.db import DatabaseError, connections
from django.db.models.functions import Now

from clusters.api import (
    LIMIT_RANGE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    ClusterApi,
    ClusterError,
    Kind,
    Throttled,
    Unavailable,
)
from clusters.config import ClusterConfig
from clusters.registry import configured_clusters
from namespaces import contact, desired_state
from namespaces.hints import Bell, Hint, Sieve
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.tasks import request_look

logger = structlog.get_logger(__name__)

KINDS = (ROLE_BINDING, RESOURCE_QUOTA, LIMIT_RANGE)
WATCH_SECONDS = (50, 70)
"""How long one watch lasts at least and at most: silence beyond that is noticed."""
BACKOFF_LIMIT_SECONDS = 60.0
LASTING_SECONDS = 10.0  # a watch that lasted as long was a good one
TICK_SECONDS = 0.1
ALIVE_SECONDS = 5.0


class Watch:
    """The watch of one cluster."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._bell = Bell()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin, with a thread for each kind of object."""
        for kind in KINDS:
            thread = threading.Thread(
                target=self._follow, args=(kind,), name=f"{self.cluster} {kind.plural}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let no more watches begin; one that is silent goes on until its time is over."""
        self._stopped.set()

    def is_whole(self) -> bool:
        """Whether every kind is watched, or will be again by itself."""
        return all(thread.is_alive() for thread in self._threads)

    def ring(self) -> None:
        """Knock for the managed namespaces in which something changed. Raises DatabaseError, and loses nothing then."""
        hints = self._bell.take(time.monotonic())
        if not hints:
            return
        try:
            rows = self._worth_a_look(hints)
            held = _held(rows)
        except DatabaseError:
            self._put_back(hints)
            raise
        self._put_back({row.name: hints[row.name] for row in rows if row.pk in held})
        for lane in (REVOCATIONS, CHANGES):
            here = [row for row in rows if row.pk not in held and hints[row.name].lane == lane]
            request_look([row.pk for row in here], lane)
            for row in here:
                self._bell.rung(row.name, time.monotonic())

    def _put_back(self, hints: Mapping[str, Hint]) -> None:
        for name, hint in hints.items():
            self._bell.note(name, hint, time.monotonic())

    def _worth_a_look(self, hints: Mapping[str, Hint]) -> list[Namespace]:
        """Return the managed ones, but for those where nothing happened but ends that were decided."""
        rows = list(Namespace.objects.filter(cluster__name=self.cluster, name__in=hints))
        ended = {name for hint in hints.values() for name in hint.ended}
        if not ended:
            return rows
        over = Grant.objects.filter(desired_state.OVER, namespace__in=rows, binding_name__in=ended)
        decided = set(over.values_list("namespace_id", "binding_name"))

        def is_news(row: Namespace) -> bool:
            hint = hints[row.name]
            return hint.is_news or any((row.pk, name) not in decided for name in hint.ended)

        return list(filter(is_news, rows))

    def _follow(self, kind: Kind) -> None:
        """Watch one kind until the process ends, beginning anew whatever happens to a watch."""
        sieve = Sieve(kind)
        state = _State(self.cluster, kind)
        since, failures = "", 0
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                api = contact.connect(_config(self.cluster))
                since = since or _begin(api, sieve)
                for event in api.watch(kind, since, seconds=random.randint(*WATCH_SECONDS)):  # noqa: S311 - no secret
                    since = event.resource_version
                    if time.monotonic() - begun > LASTING_SECONDS:
                        state.tell(None)
                    if hint := sieve.sift(event):
                        self._bell.note(event.object["metadata"]["namespace"], hint, time.monotonic())
                state.tell(None)
                failures = 0
            except ClusterError as error:
                state.tell(error)
                since = ""
                failures = 1 if time.monotonic() - begun > LASTING_SECONDS else failures + 1
                self._stopped.wait(_pause(error, failures))


def run(names: list[str], alive: Callable[[], None]) -> None:
    """Watch these clusters, or whatever the clusters file names, until the process is ended; call `alive` meanwhile.

    Raises RuntimeError if a watch has ended by a fault of ours: then the process is to be started again.
    """
    watches: dict[str, Watch] = {}
    looked_at = -ALIVE_SECONDS
    trouble = ""
    while True:
        if time.monotonic() >= looked_at + ALIVE_SECONDS:
            looked_at = time.monotonic()
            _start(watches, names or configured_clusters())
            alive()
        trouble = _ring(watches.values(), trouble)
        time.sleep(1.0 if trouble else TICK_SECONDS)


def _start(watches: dict[str, Watch], names: Iterable[str]) -> None:
    """Begin the watches that are not there yet; raise RuntimeError if one has ended."""
    for name in names:
        if name not in watches:
            watches[name] = Watch(name)
            watches[name].start()
    for watch in watches.values():
        if not watch.is_whole():
            raise RuntimeError(f"the watch of {watch.cluster} has ended")


def _ring(watches: Iterable[Watch], trouble: str) -> str:
    """Knock where it is time to; return what is in the way, which was `trouble` until now."""
    try:
        for watch in watches:
            watch.ring()
    except DatabaseError as error:
        connections.close_all()
        if not trouble:
            logger.error("hints wait: the database does not answer", error=str(error))  # noqa: TRY400 - no fault of ours
        return str(error)
    if trouble:
        logger.info("the database answers again")
    return ""


class _State:
    """Whether one kind is watched, told in the log when that changes."""

    def __init__(self, cluster: str, kind: Kind) -> None:
        self._log = logger.bind(cluster=cluster, kind=kind.plural)
        self._code: str | None = None

    def tell(self, error: ClusterError | None) -> None:
        """Take in that a watch has lasted, or what came of it instead."""
        code = error.code if error else ""
        if code == self._code:
            return
        self._code = code
        if error:
            self._log.warning("not watched; the sweep goes on", error=error.message)
        else:
            self._log.info("watched")


def _held(rows: Iterable[Namespace]) -> set[UUID]:
    """Return those at which a worker is now.

    It may have looked before the change, and sends away whoever knocks: the hint has to wait for its end.
    """
    held = NamespaceStatus.objects.filter(namespace__in=rows, lease_until__gte=Now())
    return set(held.values_list("namespace_id", flat=True))


def _config(cluster: str) -> ClusterConfig:
    config = configured_clusters().get(cluster)
    if config is None:
        raise Unavailable(f"The clusters file names no cluster {cluster}.")
    return config


def _begin(api: ClusterApi, sieve: Sieve) -> str:
    """Return the version at which a watch can begin now. Raises ClusterError."""
    if sieve.kind is not RESOURCE_QUOTA:
        return next(api.list_pages(sieve.kind, limit=1)).resource_version
    pages = list(api.list_pages(sieve.kind))
    sieve.begin(item for page in pages for item in page.items)
    return pages[0].resource_version


def _pause(error: ClusterError, failures: int) -> float:
    """Return how many seconds to wait after so many failures one after the other: full jitter, up to a minute.

    What the API server asked for is waited for at least.
    """
    asked = error.retry_after if isinstance(error, Throttled) else 0.0
    most = min(2.0 ** min(failures - 1, 10), BACKOFF_LIMIT_SECONDS)
    return max(asked, random.uniform(0, most))  # noqa: S311 - spreads the load, guards nothing
