"""How long a right lives that a stale worker gives again: it slept right before the create while the right was revoked.

The worker is stopped, the membership ended, the lease runs out (all of its 60 seconds), others see that nothing is
there; then the worker wakes at a moment chosen by chance, creates the binding, and is killed before it can look back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.benchmarks import revocation, rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.hand import Hand, hand
from tests.benchmarks.observer import Sight, observing
from tests.benchmarks.sizes import seed, size
from tests.stack import Stack

MEMBERS = 3
LEASE_PATIENCE_SECONDS = 150
LIFE_PATIENCE_SECONDS = 150
WAKING_SECONDS = 60  # as long as it takes until every periodic task has come once


def measure(stack: Stack) -> Iterator[Figure]:
    """Let BENCH_RESURRECTIONS workers sleep side by side, each in a namespace of its own."""
    number = size("RESURRECTIONS", 20)
    slots.quiet(stack)
    rows.run(stack.environment, "filling", f"make_many({number}, {MEMBERS})")
    rows.run(stack.environment, "filling", "fill_cluster()")
    worker = stack.environment | {"BERTH_PROCESS": "worker"}
    with (
        hand(stack.environment) as deciding,
        hand(worker, "stale") as stale,
        observing(stack.cluster.layout) as observer,
    ):
        places = deciding.ask("join", first=0, namespaces=number, members_each=1)
        sleeping = stale.ask("stop", namespaces=places)
        slots.staff(stack, revocation.WORKERS, revocation.PROCESSES)
        stack.start("beat")
        for namespace, subject in deciding.ask("newest", namespaces=places):
            revocation.remove(deciding, namespace, subject)
        _wait_until_settled(deciding, places)
        if observer.sights:
            raise RuntimeError("bindings came or went before anybody woke")
        woken = _wake(stale, sleeping)
        lives, left = _lives(observer.sights, number)
    note = f"seed {seed()}; woken one by one within {max(woken) - min(woken):.0f} s"
    what = "life of a right that a stale worker gave again after its end"
    yield Figure(what, lives, "s", {"max": 15.0}, note=note)
    yield Figure(f"{what}: not gone after {LIFE_PATIENCE_SECONDS} s", [left], f"of {number}", {"max": 0.0})


def _wait_until_settled(deciding: Hand, places: list[str]) -> None:
    """Return when the leases of those who sleep have run out, and others have looked at each namespace."""
    deadline = time.monotonic() + LEASE_PATIENCE_SECONDS
    while deciding.ask("unsettled", namespaces=places):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"namespaces whose worker sleeps are not looked at in {LEASE_PATIENCE_SECONDS} s"
            )
        time.sleep(0.5)


def _wake(stale: Hand, sleeping: list[int]) -> list[float]:
    """Wake each at its moment; return the moments."""
    chance = random.Random(seed())
    moments = sorted(chance.uniform(0, WAKING_SECONDS) for _pid in sleeping)
    begun = time.monotonic()
    woken = []
    for moment, pid in zip(moments, sleeping, strict=True):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        woken.append(stale.ask("wake", pid=pid))
    return woken


def _lives(sights: list[Sight], number: int) -> tuple[list[float], int]:
    """Return how long each binding was there, and how many are there still when the patience is over."""
    deadline = time.monotonic() + LIFE_PATIENCE_SECONDS
    while True:
        came = {sight.uid: sight.at for sight in sights if sight.what == "ADDED"}
        gone = {sight.uid: sight.at for sight in sights if sight.what == "DELETED"}
        if (len(came) >= number and came.keys() <= gone.keys()) or time.monotonic() > deadline:
            return [gone[uid] - at for uid, at in came.items() if uid in gone], len(came.keys() - gone.keys())
        time.sleep(0.05)
