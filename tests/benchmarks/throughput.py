"""Bindings created per second by 1, 2, 4 workers, against a client that does nothing else to the same API server.

Of the workers it is the time from the call for namespaces that are due until the last binding was seen in the cluster,
with everything that a worker does beside creating: leases, rows, lists. The proofs come after everything was made, and
have a figure of their own. Each worker has one process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from localcluster.processes import wait_until
from tests.benchmarks import rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.hand import Hand, hand
from tests.benchmarks.observer import observing
from tests.benchmarks.sizes import size
from tests.stack import Stack

LEVELS = (1, 2, 4)
MEMBERS = 10
PATIENCE_SECONDS = 300


def measure(stack: Stack) -> Iterator[Figure]:
    """Fill a cluster, then create at each level of concurrency: first without Berth, then with it."""
    namespaces = size("THROUGHPUT_NAMESPACES", 10, full=30)
    slots.quiet(stack)
    rows.run(stack.environment, "filling", f"make_many({(len(LEVELS) + 1) * namespaces}, 2)")
    rows.run(stack.environment, "filling", "fill_cluster()")
    with hand(stack.environment) as deciding:
        _raw(
            stack, 1, namespaces * MEMBERS // 2, len(LEVELS), namespaces
        )  # the API server is warm from here on
        for place, workers in enumerate(LEVELS):
            raw = _raw(stack, workers, namespaces * MEMBERS, place, namespaces)
            slots.staff(stack, workers, processes=1)
            ours, proved = _with_workers(stack, deciding, place * namespaces, namespaces)
            slots.dismiss(stack)
            what = f"bindings created, {workers} at once"
            yield Figure(f"{what}: raw client", [raw], "1/s", {})
            yield Figure(f"{what}: workers", [ours], "1/s", {})
            yield Figure(f"{what}: workers, until all are proved", [proved], "1/s", {})
            yield Figure(f"{what}: workers / raw client", [100 * ours / raw], "%", {}, least={"min": 60.0})


def _raw(stack: Stack, threads: int, number: int, round_: int, namespaces: int) -> float:
    """Return how many a second the client creates, in namespaces that no worker is called for."""
    call = f"create({threads}, {number}, round_={round_}, first={len(LEVELS) * namespaces})"
    return float(rows.run(stack.environment | {"BERTH_PROCESS": "worker"}, "creating", call))


def _with_workers(stack: Stack, deciding: Hand, first: int, namespaces: int) -> tuple[float, float]:
    """Return how many a second the workers create, and how many they create and prove."""
    due = deciding.ask("join", first=first, namespaces=namespaces, members_each=MEMBERS)
    number = len(due) * MEMBERS
    with observing(stack.cluster.layout) as observer:
        begun = float(deciding.ask("knock", namespaces=due))
        observer.wait(
            lambda sights: len(sights) >= number,
            f"{number} bindings",
            PATIENCE_SECONDS,
        )
        if len({sight.uid for sight in observer.sights if sight.what == "ADDED"}) != number:
            raise RuntimeError("other bindings came and went meanwhile")
        made = max(sight.at for sight in observer.sights)
    wait_until(
        lambda: not deciding.ask("unsettled", namespaces=due),
        children=[], seconds=PATIENCE_SECONDS, what="the last proof",
    )  # fmt: skip
    return number / (made - begun), number / (time.monotonic() - begun)
