"""Ends of rights that were decided while the API server was away: from its return to the first 403, and in which order.

A person's token is asked for from the moment when the observer sees that the binding has gone: before that it cannot
be refused, and to ask five hundred people all the time would be a load of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tests.benchmarks import revocation, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.hand import Hand, hand
from tests.benchmarks.observer import Observer, Sight, observing
from tests.benchmarks.sizes import seed, size
from tests.benchmarks.watching import Removal, Tokens, check_allowed, watching
from tests.faults.frail_plane import FrailPlane
from tests.stack import Stack

PATIENCE_SECONDS = 240
PAUSE_SECONDS = 0.02


def measure(plane: FrailPlane, stack: Stack) -> Iterator[Figure]:
    """Kill the API server, decide, start it after BENCH_OUTAGE_SECONDS, and see what happens when."""
    seconds = size("OUTAGE_SECONDS", 120)
    number, grants = size("OUTAGE_REVOCATIONS", 500), size("OUTAGE_GRANTS", 50)
    revocation.prepare(stack)
    slots.staff(stack, revocation.WORKERS, revocation.PROCESSES)
    tokens = Tokens(stack.cluster.layout)
    with hand(stack.environment) as deciding, observing(stack.cluster.layout) as observer:
        plan = deciding.ask("plan", number=number, seed=seed())
        busy = sorted({namespace for namespace, _subject in plan})
        wanted = deciding.ask("strangers", number=grants, seed=seed(), besides=busy)
        check_allowed(stack.cluster.layout, tokens, plan)
        begun = time.monotonic()
        plane.kill_api_server()
        removals = _decide(deciding, plan, wanted, begun + seconds)
        plane.start_api_server()
        back = time.monotonic()
        for removal in removals:
            removal.committed = back
        with watching(stack.cluster.layout, tokens, pause=PAUSE_SECONDS, patience=PATIENCE_SECONDS) as watch:
            _follow(observer, removals, watch.follow, back + PATIENCE_SECONDS)
            watch.wait()
        made = dict.fromkeys(((namespace, subject) for namespace, subject in wanted), 0.0)
        observer.wait(lambda sights: _note_made(made, sights), "the grants", PATIENCE_SECONDS)
    ended = [sight.at for sight in observer.sights if sight.what == "DELETED" and sight.at >= back]
    early = sum(at < max(ended) for at in made.values())
    note = (
        f"{seconds} s away, {grants} grants waiting too, {revocation.WORKERS * revocation.PROCESSES} workers"
    )
    what = f"return of the API server to first 403, {number} removals waiting"
    yield from revocation.figures(what, removals, {"p99": 30.0}, note)
    name = "return of the API server to the binding seen, grants waiting behind"
    yield Figure(name, [at - back for at in made.values()], "s", {}, note=note)
    yield Figure(f"{what}: grants made before the last end", [early], f"of {grants}", {"max": 0.0}, note=note)


def _decide(
    deciding: Hand, plan: list[tuple[str, str]], wanted: list[tuple[str, str]], until: float
) -> list[Removal]:
    """Take all decisions by turns, spread over the time that is left, and return when it has passed."""
    removals = []
    begun, number = time.monotonic(), len(plan)
    every = max(1, number // max(1, len(wanted)))
    waiting = list(wanted)
    for count, (namespace, subject) in enumerate(plan):
        time.sleep(max(0.0, begun + count * (until - begun) * 0.9 / number - time.monotonic()))
        if count % every == 0 and waiting:
            added = waiting.pop()
            deciding.ask("add", namespace=added[0], subject=added[1])
        removals.append(revocation.remove(deciding, namespace, subject))
    for namespace, subject in waiting:
        deciding.ask("add", namespace=namespace, subject=subject)
    if time.monotonic() > until:
        raise RuntimeError("the decisions took longer than the API server was to be away")
    time.sleep(until - time.monotonic())
    return removals


def _follow(
    observer: Observer, removals: list[Removal], follow: Callable[[Removal], None], until: float
) -> None:
    """Let each be asked about once its binding has gone, and those of whom nothing was seen in the end."""
    waiting = {(removal.namespace, removal.subject): removal for removal in removals}
    read = 0
    while waiting and time.monotonic() < until:
        fresh = observer.sights[read:]
        read += len(fresh)
        for sight in fresh:
            for user in sight.users if sight.what == "DELETED" else ():
                if removal := waiting.pop((sight.namespace, user), None):
                    follow(removal)
        time.sleep(0.005)
    for removal in waiting.values():
        follow(removal)


def _note_made(made: dict[tuple[str, str], float], sights: list[Sight]) -> bool:
    """Note when the bindings were seen; return whether all were."""
    for sight in sights:
        for user in sight.users if sight.what == "ADDED" else ():
            if made.get((sight.namespace, user)) == 0.0:
                made[sight.namespace, user] = sight.at
    return all(made.values())
