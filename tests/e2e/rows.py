"""Rows that a browser test finds or makes in its portal, in a process of their own: the test's own has no database."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.stack import ROOT, Stack

SETTLE_SECONDS = 45


def run(stack: Stack, *arguments: str) -> Any:
    """Call a function of `tests.e2e.acts` in the portal's database and return its answer."""
    command = [sys.executable, "-m", "tests.e2e.acts", *arguments]
    done = subprocess.run(
        command, env=stack.environment, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the cluster does in its own time."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the cluster did not get there"
        time.sleep(0.1)


def wait_until_settled(stack: Stack) -> None:
    """Wait until the cluster has everything that was decided."""
    lacking = run(stack, "settle", str(SETTLE_SECONDS))
    log = stack.children["worker"].log_tail()
    assert not lacking, f"after {SETTLE_SECONDS} s the cluster still lacks: {lacking}\n{log}"
