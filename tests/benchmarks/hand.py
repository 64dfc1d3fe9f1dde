"""Decisions taken on order through the real actions, by an operator, with the moment of each commit.

Run inside Django it reads orders, one JSON object a line, and answers each with a line; `Hand` is its other end.
Moments are those of time.monotonic(), one clock for all processes of this machine.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.stack import ROOT


class Hand:
    """The process that decides, seen from who measures. Safe to use from many threads; it does one thing at a time."""

    def __init__(self, environment: Mapping[str, str], module: str) -> None:
        code = f"from tests.benchmarks import {module}; {module}.serve()"
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environment), cwd=ROOT,
        )  # fmt: skip
        self._lock = threading.Lock()

    def ask(self, act: str, **arguments: object) -> Any:
        """Let it do something; return its answer. Raises RuntimeError if it has ended: its words are on stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"act": act, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that decides has ended at {act}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process; nothing more is to be done."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@contextlib.contextmanager
def hand(environment: Mapping[str, str], module: str = "deciding") -> Iterator[Hand]:
    """Run such a process until the block ends; `module` of this package is what it runs."""
    running = Hand(environment, module)
    try:
        yield running
    finally:
        running.close()


def serve(acts: Mapping[str, Callable[..., Any]]) -> None:
    """Do what is ordered on stdin until it ends."""
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(acts[order.pop("act")](**order)), flush=True)


def now() -> float:
    """Return the moment, on the clock that all processes of this machine share."""
    return time.monotonic()
