"""Workers that stand still in the middle of a pass and go on later, while the world changes.

Each runs in a thread, and only one of them runs at a time: whoever calls `go_on` waits until the worker stands again,
or has ended. So all can share one database connection, and a history is the same whenever it is repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections

PATIENCE_SECONDS = 60
_here = threading.local()


class Killed(BaseException):
    """The worker was killed at this moment: nothing that it would have done afterwards is done."""


@dataclass
class Fate:
    """What happens to a worker at which of its next calls of the cluster: counted from 1 (0: at none), or the first one
    of a verb.

    `late` means that the call at which it dies has had its effect.
    """

    dies_at: int | str = 0
    stands_at: int | str = 0
    late: bool = False
    calls: int = 0


class Worker(threading.Thread):
    """One worker with one job."""

    def __init__(self, job: Callable[[], object], *, about: str) -> None:
        super().__init__(daemon=True)
        self.about = about
        self.fate = Fate()
        self.has_ended = False
        self._job = job
        self._is_doomed = False
        self._error: BaseException | None = None
        self._its_turn = threading.Semaphore(0)
        self._our_turn = threading.Semaphore(0)
        self._connection = connections["default"]

    def run(self) -> None:
        _here.worker = self
        connections["default"] = self._connection
        self._its_turn.acquire()
        try:
            if not self._is_doomed:
                self._job()
        except Killed:
            pass
        except BaseException as error:  # raised again in `go_on`, in the thread of the test
            self._error = error
        finally:
            self.has_ended = True
            self._our_turn.release()

    def go_on(self, fate: Fate) -> None:
        """Let it work until it stands again or ends. Raises what it raised."""
        self.fate = fate
        if self.ident is None:
            self.start()
        self._its_turn.release()
        assert self._our_turn.acquire(timeout=PATIENCE_SECONDS), f"{self.about}: stuck"
        if self.has_ended:
            self.join(PATIENCE_SECONDS)
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """End it where it stands."""
        if not self.has_ended and self.ident is not None:
            self._is_doomed = True
            self.go_on(Fate())

    def stand(self) -> None:
        """Stand still until somebody says `go_on`: called by the worker itself."""
        self._our_turn.release()
        self._its_turn.acquire()
        if self._is_doomed:
            raise Killed


def current() -> Worker | None:
    """Return the worker whose thread this is; None in the thread of the test."""
    return getattr(_here, "worker", None)
