"""What of the changes in a cluster is worth a look, and when: few looks however many changes. Pure.

Everything here may be wrong by too little: the sweep finds whatever got no look.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from clusters.api import RESOURCE_QUOTA, ROLE_BINDING, Kind, Manifest, WatchEvent
from clusters.names import BINDING_PREFIX
from namespaces.lanes import CHANGES, REVOCATIONS

GATHER_SECONDS = 0.3
"""How long after a change to wait for more of them in the same namespace."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Between two looks at one namespace: doubled each time that changes go on, from the start after as long without."""
MOST_AT_ONCE = 20
_MOST_ENDED = 20  # names kept of one namespace


@dataclass
class Hint:
    """Something changed in a namespace. `ended` are bindings that are gone, which is no news if it was decided.

    With `is_news` there is something to look at whatever was decided.
    """

    lane: str = CHANGES
    is_news: bool = False
    ended: set[str] = field(default_factory=set)

    def add(self, other: Hint) -> None:
        """Take in what another hint says of the same namespace."""
        self.lane = REVOCATIONS if REVOCATIONS in (self.lane, other.lane) else self.lane
        self.ended |= other.ended
        self.is_news |= other.is_news or len(self.ended) > _MOST_ENDED
        if self.is_news:
            self.ended.clear()


class Sieve:
    """Tells what is worth a look in the changes of one kind of object in one cluster.

    What Berth wrote itself is not, nor what controllers count as used.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._known: dict[str, bytes] = {}

    def begin(self, items: Iterable[Manifest]) -> None:
        """Start with what is there. Only quotas need it: of them alone a part changes all the time."""
        self._known = {item["metadata"]["uid"]: _fingerprint(item) for item in items}

    def sift(self, event: WatchEvent) -> Hint | None:
        """Return what a change says, or None where it says nothing."""
        if event.change == "BOOKMARK":
            return None
        if self.kind is RESOURCE_QUOTA and not self._is_changed(event):
            return None
        if event.change == "ADDED" and not _is_by_others(event.object):
            return None
        if self.kind is not ROLE_BINDING:
            return Hint(CHANGES, is_news=True)
        if event.change == "MODIFIED":
            return Hint(REVOCATIONS, is_news=True)  # Berth never changes one
        name = event.object["metadata"]["name"]
        if not (name.startswith(BINDING_PREFIX) or _names_people(event.object)):
            return None
        return (
            Hint(REVOCATIONS, ended={name}) if event.change == "DELETED" else Hint(REVOCATIONS, is_news=True)
        )

    def _is_changed(self, event: WatchEvent) -> bool:
        uid = event.object["metadata"]["uid"]
        before = self._known.pop(uid, None)
        if event.change == "DELETED":
            return True
        self._known[uid] = _fingerprint(event.object)
        return self._known[uid] != before


def _fingerprint(item: Manifest) -> bytes:
    """Return what tells two states of an object apart, but for what the API server and controllers write into it."""
    said = {key: value for key, value in item.items() if key != "status"}
    observed = {"resourceVersion", "managedFields", "generation"}
    said["metadata"] = {key: value for key, value in item["metadata"].items() if key not in observed}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()[:16]


def _is_by_others(item: Manifest) -> bool:
    """Whether somebody beside Berth wrote it: only those are left in what we read (clusters.answers)."""
    return bool(item["metadata"].get("managedFields"))


def _names_people(binding: Manifest) -> bool:
    return any(subject.get("kind") != "ServiceAccount" for subject in binding.get("subjects") or ())


@dataclass
class _Waiting:
    hint: Hint
    due_at: float


@dataclass
class _Looked:
    pause: float
    until: float


class Bell:
    """When to have a look at which namespace of a cluster. Moments are of one monotonic clock, in seconds.

    Changes of one namespace that come together are one look; the more often they come, the longer is the pause. Safe
    to use from many threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._looked: dict[str, _Looked] = {}

    def note(self, namespace: str, hint: Hint, now: float) -> None:
        """Take in that something changed in a namespace."""
        with self._lock:
            if waiting := self._waiting.get(namespace):
                waiting.hint.add(hint)
                return
            looked = self._looked.get(namespace)
            due_at = max(now + GATHER_SECONDS, looked.until if looked else 0.0)
            self._waiting[namespace] = _Waiting(hint, due_at)

    def take(self, now: float, most: int = MOST_AT_ONCE) -> dict[str, Hint]:
        """Return what is to be looked at now, bindings first and the longest wait first, and forget it."""
        with self._lock:
            due = [(name, waiting) for name, waiting in self._waiting.items() if waiting.due_at <= now]
            due.sort(key=lambda each: (each[1].hint.lane != REVOCATIONS, each[1].due_at))
            for name, _waiting in due[:most]:
                del self._waiting[name]
            self._looked = {
                name: looked for name, looked in self._looked.items() if now < looked.until + looked.pause
            }
            return {name: waiting.hint for name, waiting in due[:most]}

    def rung(self, namespace: str, now: float) -> None:
        """Take in that a look was asked for: the next one has to wait."""
        with self._lock:
            before = self._looked.get(namespace)
            pause = min(before.pause * 2, LONGEST_PAUSE_SECONDS) if before else FIRST_PAUSE_SECONDS
            self._looked[namespace] = _Looked(pause, now + pause)
