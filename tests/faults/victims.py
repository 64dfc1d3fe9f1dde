"""Workers that can be killed by the hundred: a process that loads Berth once and forks for each piece of work.

Each child is a real process with connections of its own, does what a task of Celery does, and ends with it. Run as a
program it reads orders, one JSON object a line, and answers each with a line; `Victims` is its other end.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import django
from django.db import connection

from localcluster.processes import dying_with_parent
from tests.faults.failpoints import Point, arm

ROOT = Path(__file__).resolve().parents[2]
End = Literal["done", "failed", "killed", "stopped"]


@dataclass(frozen=True)
class Victim:
    """A worker after its work, or in the middle of it: how it stands."""

    pid: int
    end: End


class Victims:
    """The process that forks them, seen from the test."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
            preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )  # fmt: skip

    def work(self, task: str, *points: Point, **arguments: str | bool) -> Victim:
        """Let one work at a task of `namespaces.tasks`; return when it has ended, or stands still."""
        given = [asdict(point) for point in points]
        return self._ask({"task": task, "arguments": arguments, "points": given})

    def awaken(self, victim: Victim) -> Victim:
        """Let one go on that stands still; return when it has ended, or stands still again."""
        os.kill(victim.pid, signal.SIGCONT)
        return self._ask({"pid": victim.pid})

    def close(self) -> None:
        """End the process, and with it whoever still stands still."""
        self._process.communicate(timeout=20)

    def _ask(self, order: Mapping[str, object]) -> Victim:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks workers has ended"
        return Victim(**json.loads(answer))


@contextlib.contextmanager
def victims(environment: Mapping[str, str]) -> Iterator[Victims]:
    """Run such a process until the block ends."""
    running = Victims(environment)
    try:
        yield running
    finally:
        running.close()


def _serve() -> None:
    django.setup()
    from namespaces import tasks  # noqa: PLC0415  (needs Django)

    for line in sys.stdin:
        order = json.loads(line)
        pid = order.get("pid") or _fork(functools.partial(_work, tasks, order))
        print(json.dumps(asdict(Victim(pid, _wait(pid)))), flush=True)


def _fork(work: Callable[[], None]) -> int:
    bind = dying_with_parent(signal.SIGKILL)
    pid = os.fork()
    if pid:
        return pid
    bind()
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # the child ends here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(tasks: Any, order: Mapping[str, Any]) -> None:
    arm(Point(**point) for point in order["points"])
    getattr(tasks, order["task"]).run(**order["arguments"])
    connection.close()


def _wait(pid: int) -> End:
    _pid, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return "stopped"
    if os.WIFSIGNALED(status):
        return "killed"
    return "failed" if os.WEXITSTATUS(status) else "done"


if __name__ == "__main__":
    _serve()
