"""From the commit of a suspension to the first 403 with the person's own token, in each of their namespaces, while 500
namespaces are changing.

As in `revocation`: eight workers, the same changes beside it. No namespace is left without an admin.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks import revocation, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.hand import hand
from tests.benchmarks.sizes import seed, size
from tests.benchmarks.watching import Removal, Tokens, check_allowed, watching
from tests.stack import Stack

SECONDS_EACH = 1.0


def measure(stack: Stack) -> Iterator[Figure]:
    """Suspend people one after the other, and ask for each in all of their namespaces."""
    number = size("SUSPENSIONS", 60, full=200)
    revocation.prepare(stack)
    slots.staff(stack, revocation.WORKERS, revocation.PROCESSES)
    tokens, layout = Tokens(stack.cluster.layout), stack.cluster.layout
    with hand(stack.environment) as deciding:
        plan: dict[str, list[str]] = deciding.ask("plan_suspensions", number=number, seed=seed())
        check_allowed(
            layout, tokens, [(place, subject) for subject, places in plan.items() for place in places]
        )
        seconds = number * SECONDS_EACH + revocation.WARM_SECONDS
        with (
            revocation.Changing(stack, seconds) as changing,
            watching(
                layout, tokens, pause=revocation.PAUSE_SECONDS, patience=revocation.PATIENCE_SECONDS
            ) as watch,
        ):
            time.sleep(revocation.WARM_SECONDS)
            removals: list[Removal] = []
            begun = time.monotonic()
            for count, (subject, places) in enumerate(plan.items()):
                time.sleep(max(0.0, begun + count * SECONDS_EACH - time.monotonic()))
                committed = deciding.ask("suspend", subject=subject)
                ended = [Removal(place, subject, committed) for place in places]
                for removal in ended:
                    watch.follow(removal)
                removals += ended
            watch.wait()
    note = f"{len(plan)} people in {len(removals)} namespaces; {changing.note}"
    what = "commit of a suspension to first 403 in each namespace of the person"
    yield from revocation.figures(what, removals, {"p99": 2.0}, note)
