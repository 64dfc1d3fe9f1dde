"""A pass over a whole cluster that has nothing to change: time, memory, calls to the API server, writes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.benchmarks.memory import peak_megabytes
from tests.stack import Stack

NAMESPACES, MEMBERS, PASSES = 1000, 10, 7


def measure(stack: Stack) -> Iterator[Figure]:
    """Fill rows and cluster alike, look PASSES times in a process that counts, then let a worker look as often."""
    for name in ("beat", "worker"):
        stack.stop(name)
    rows.run(stack.environment, "filling", f"make_many({NAMESPACES}, {MEMBERS})")
    rows.run(stack.environment, "filling", "fill_cluster()")
    seen = rows.run(stack.environment | {"BERTH_PROCESS": "worker"}, "passes", f"look({PASSES})")
    for name in ("worker", "beat"):
        stack.start(name)
    rows.run(stack.environment, "passes", f"wait_for_sweeps({PASSES})")
    what = f"pass over {NAMESPACES} namespaces, {NAMESPACES * MEMBERS} memberships, nothing to change"
    yield Figure(what, seen["seconds"], "s", {"max": 5.0})
    yield Figure(
        f"{what}: memory of the worker", [peak_megabytes(stack.children["worker"].pid)], "MB", {"max": 250.0}
    )
    yield Figure(f"{what}: writes", [seen["writes"]], "writes", {"max": 0.0})
    yield Figure(f"{what}: calls to the API server", [seen["calls"]], "calls a pass", {})
