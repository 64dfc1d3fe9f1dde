"""Points in a pass at which a worker dies or stands still: right before or after one of its calls to the cluster.

Every step of a pass begins and ends with such a call, so that all of them are reached from outside: nothing in the
product knows of this. Workers use it by the settings of `tests.faults.settings`.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from clusters import kube
from clusters.api import Account, ClusterApi
from clusters.config import ClusterConfig


@dataclass(frozen=True)
class Point:
    """Before or after the n-th call (from 0 on) of a method of `ClusterApi` about a kind; empty fits all.

    `sent` is the number of the signal that the process sends itself there.
    """

    when: Literal["before", "after"]
    nth: int = 0
    method: str = ""
    kind: str = ""
    sent: int = signal.SIGKILL

    def fits(self, method: str, kind: str) -> bool:
        """Whether a call is one of those that are counted."""
        return self.method in ("", method) and self.kind in ("", kind)


# The steps of a pass by name, as the table of faults has them.
STEPS = {
    "after reading": Point("after", 0, "list_pages", "RoleBinding"),
    "after a delete": Point("after", 0, "delete", "RoleBinding"),
    "between delete and create": Point("before", 0, "create", "RoleBinding"),
    "after a create, before the commit": Point("after", 0, "create", "RoleBinding"),
    "before the proof": Point("before", 0, "review_access"),
    "after a proof": Point("after", 0, "review_access"),
}
_armed: list[tuple[Point, Iterator[int]]] = []


def arm(points: Iterable[Point]) -> None:
    """Let this process come to its end, or to a stop, at these points."""
    _armed[:] = [(point, itertools.count()) for point in points]


def connect(config: ClusterConfig, account: Account) -> Any:
    """Connect as a worker does, up to the point."""
    return _Fragile(kube.connect(config, account))


class _Fragile:
    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return _with_point(name, getattr(self._api, name))


def _with_point(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        kind = getattr(arguments[0], "name", "")
        here = [point for point, count in _armed if point.fits(name, kind) and next(count) == point.nth]
        _reach("before", here)
        answer = method(*arguments, **options)
        answer = iter(list(answer)) if name == "list_pages" else answer
        _reach("after", here)
        return answer

    return call


def _reach(when: str, points: Iterable[Point]) -> None:
    for point in points:
        if point.when == when:
            os.kill(os.getpid(), point.sent)
