"""From the commit of a removal to the first 403 with the person's own token, while 500 namespaces are changing.

Eight workers: two with four processes each, as docker-compose.yml has them. The generator of changes takes the
namespaces in turn, at the pace that the note of the figure states; removals come at a pace of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.hand import Hand, hand
from tests.benchmarks.sizes import seed, size
from tests.benchmarks.watching import Removal, Tokens, check_allowed, watching
from tests.stack import Stack

NAMESPACES, MEMBERS = 500, 10
WORKERS, PROCESSES = 2, 4
CHANGES_PER_SECOND = 3
REMOVALS_PER_SECOND = 3
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 30
WARM_SECONDS = 10
PATIENCE_WITHOUT_BROKER_SECONDS = 90


def measure(stack: Stack) -> Iterator[Figure]:
    """Remove people at a pace; then kill Redis, and remove some more as fast as it goes."""
    number, at_once = size("REVOCATIONS", 200, full=1000), size("REVOCATIONS_AT_ONCE", 50)
    prepare(stack)
    slots.staff(stack, WORKERS, PROCESSES)
    tokens = Tokens(stack.cluster.layout)
    with hand(stack.environment) as deciding:
        plan = deciding.ask("plan", number=number + at_once, seed=seed())
        check_allowed(stack.cluster.layout, tokens, plan)
        yield from _at_a_pace(stack, deciding, tokens, plan[:number])
        yield from _without_broker(stack, deciding, tokens, plan[number:])


def _at_a_pace(stack: Stack, deciding: Hand, tokens: Tokens, plan: list[tuple[str, str]]) -> Iterator[Figure]:
    pace = size("REMOVALS_PER_SECOND", REMOVALS_PER_SECOND)
    with (
        Changing(stack, len(plan) / pace + WARM_SECONDS) as changing,
        watching(stack.cluster.layout, tokens, pause=PAUSE_SECONDS, patience=PATIENCE_SECONDS) as watch,
    ):
        time.sleep(WARM_SECONDS)
        removals = []
        begun = time.monotonic()
        for count, (namespace, subject) in enumerate(plan):
            time.sleep(max(0.0, begun + count / pace - time.monotonic()))
            removals.append(remove(deciding, namespace, subject))
            watch.follow(removals[-1])
        watch.wait()
        real_pace = len(plan) / (time.monotonic() - begun)
    note = f"{real_pace:.1f} removals/s; {changing.note}"
    what = (
        f"commit of a removal to first 403, {WORKERS * PROCESSES} workers, {NAMESPACES} namespaces changing"
    )
    yield from figures(what, removals, {"p99": 2.0}, note)


def _without_broker(
    stack: Stack, deciding: Hand, tokens: Tokens, plan: list[tuple[str, str]]
) -> Iterator[Figure]:
    """Each is asked about four times a second: all together as often as those few before, so that it is no load."""
    patience = PATIENCE_WITHOUT_BROKER_SECONDS
    with (
        Changing(stack, WARM_SECONDS + 60) as changing,
        watching(stack.cluster.layout, tokens, pause=0.25, patience=patience) as watch,
    ):
        time.sleep(WARM_SECONDS)
        stack.kill("redis")
        removals = []
        for namespace, subject in plan:
            removals.append(remove(deciding, namespace, subject))
            watch.follow(removals[-1])
        watch.wait()
    what = f"commit of a removal to first 403, Redis killed, all at once, {WORKERS * PROCESSES} workers"
    yield from figures(what, removals, {"max": 20.0}, changing.note)


def prepare(stack: Stack) -> None:
    """Fill rows and cluster alike, and let only the broker and beat run, with the product's own settings."""
    slots.quiet(stack)
    rows.run(stack.environment, "filling", f"make_many({NAMESPACES}, {MEMBERS})")
    rows.run(stack.environment, "filling", "fill_cluster()")
    stack.start("beat")


def remove(deciding: Hand, namespace: str, subject: str) -> Removal:
    """Remove somebody, now."""
    return Removal(namespace, subject, deciding.ask("remove", namespace=namespace, subject=subject))


def figures(what: str, removals: list[Removal], targets: dict[str, float], note: str) -> Iterator[Figure]:
    """Yield the times of those who were refused at last, and how many were not."""
    times = [removal.seconds for removal in removals if removal.seconds is not None]
    note = f"seed {seed()}; {note}"
    yield Figure(what, times, "s", targets, note=note)
    yield Figure(f"{what}: misses", [len(removals) - len(times)], "of " + str(len(removals)), {"max": 0.0})


class Changing:
    """The generator of changes, in a process of its own, for at most so many seconds."""

    def __init__(self, stack: Stack, seconds: float) -> None:
        self._stack = stack
        self._seconds = seconds
        self._answer: dict[str, Any] = {}

    @property
    def note(self) -> str:
        """What it did, in words."""
        pace = self._answer["done"] / self._answer["seconds"]
        return f"{pace:.1f} changes/s in {NAMESPACES} namespaces by turns, {self._answer['done']} in all"

    def __enter__(self) -> Changing:
        self._hand = Hand(self._stack.environment, "deciding")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, problem: type[BaseException] | None, *_details: object) -> None:
        if problem is not None:
            self._hand.kill()
        self._thread.join(self._seconds + 60)
        self._hand.close()

    def _run(self) -> None:
        pace = size("CHANGES_PER_SECOND", CHANGES_PER_SECOND)
        self._answer = self._hand.ask("generate", per_second=pace, seconds=self._seconds, seed=seed())
