"""Decisions taken on order through the real actions, by an operator, with the moment of each commit.

Run inside Django it reads orders, one JSON object a line, and answers each with a line; `Hand` is its other end.
Moments are those of time.monotonic(), one clock for all processes of this machine.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcluster.processes import dying_with_parent
from tests.stack import ROOT


class Hand:
    """The process that decides, seen from who measures. Safe to use from many threads; it does one thing at a time."""

    def __init__(self, environment: Mapping[str, str], module: str) -> None:
        code = f"from tests.benchmarks import {module}; {module}.serve()"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, env=dict(environment), cwd=ROOT,
            preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )  # fmt: skip
        self._lock = threading.Lock()

    def ask(self, act: str, **arguments: object) -> Any:
        """Let it do something; return its answer. Raises RuntimeError with its last words if it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"act": act, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            words = self._log.read().decode()[-2000:]
            raise RuntimeError(f"the process that decides has ended at {act}:\n{words}")
        return json.loads(answer)

    def kill(self) -> None:
        """End the process in the middle of what it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process; nothing more is to be done."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        finally:
            self._log.close()


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
