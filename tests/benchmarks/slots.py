"""Workers as an installation runs them, in any number, and as often looking around as the product's settings say."""

from __future__ import annotations

import sys
import time

import redis

from localcluster.processes import LOOPBACK, Child
from tests.stack import Stack

SWEEP_SECONDS = 15  # the default of BERTH_SWEEP_SECONDS; the stack of the tests is quicker
START_SECONDS = 60


def quiet(stack: Stack, *, sweep_seconds: float = SWEEP_SECONDS) -> None:
    """Leave only the broker running, and give whatever starts from now on this setting."""
    for name in ("beat", "worker", "web"):
        stack.stop(name)
    stack.environment["BERTH_SWEEP_SECONDS"] = str(sweep_seconds)


def staff(stack: Stack, workers: int, processes: int, *, are_replaced: bool = True) -> None:
    """Start so many workers with so many processes each, and return when all of them listen.

    A process is replaced after a number of tasks, unless `are_replaced` says otherwise.

    Processes, not threads: so docker-compose.yml has them, and two threads of one Python do not compute at once.
    """
    for number in range(workers):
        name = f"worker-{number}"
        command = [sys.executable, "-m", "celery", "--app", "portal", "worker", "--hostname", f"{name}@%h"]
        command += ["--concurrency", str(processes), "--loglevel", "WARNING"]
        if not are_replaced:
            command += ["--max-tasks-per-child", str(10**9)]
        log = stack.directory / "logs" / f"{name}.log"
        stack.children[name] = Child(name, command, log, env=stack.environment | {"BERTH_PROCESS": "worker"})
    _wait_for_listeners(stack, workers)


def dismiss(stack: Stack) -> None:
    """Stop all workers of `staff`."""
    for name in [name for name in stack.children if name.startswith("worker-")]:
        stack.stop(name)


def _wait_for_listeners(stack: Stack, workers: int) -> None:
    """A worker waits for messages by a blocking call: the broker knows how many do."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(host=LOOPBACK, port=stack.redis_port) as broker:
        while sum(client["cmd"] == "brpop" for client in broker.client_list()) < workers:
            for child in stack.children.values():
                child.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{workers} workers do not listen after {START_SECONDS} s")
            time.sleep(0.1)
