"""Passes over clusters of 500 and of 5,000 namespaces: with nothing to do, and after 500 changes of which nobody told.

What grows with the cluster shows in the ratio of time and of memory per namespace, both measured in the same run.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.sizes import size
from tests.stack import Stack

MEMBERS = 10
PASSES = 3


def measure(stack: Stack) -> Iterator[Figure]:
    """Fill in two steps; look PASSES times after each, then once more after the changes."""
    small, large = size("SCALE_FROM", 500), size("SCALE_TO", 5000)
    changes = size("SCALE_CHANGES", 500)
    slots.quiet(stack)
    worker = stack.environment | {"BERTH_PROCESS": "worker"}
    seen: dict[int, dict[str, Any]] = {}
    for first, namespaces in ((0, small), (small, large)):
        rows.run(worker, "filling", f"make_many({namespaces - first}, {MEMBERS}, {first})")
        rows.run(worker, "filling", "fill_cluster()")
        seen[namespaces] = rows.run(worker, "passes", f"look({PASSES})")
    what = f"pass over {large} namespaces, {large * MEMBERS} bindings"
    idle = seen[large]
    yield Figure(f"{what}, nothing to do", idle["seconds"], "s", {"max": 30.0})
    yield Figure(f"{what}, nothing to do: writes", [idle["writes"]], "writes", {"max": 0.0})
    yield Figure(f"{what}, nothing to do: calls to the API server", [idle["calls"]], "calls a pass", {})
    yield Figure(f"{what}, nothing to do: memory", [idle["megabytes"]], "MB", {"max": 400.0})
    changed = rows.run(worker, "passes", f"look_after_changes({changes})")
    usual = statistics.median(idle["seconds"])
    note = f"one worker; the median of {PASSES} passes with nothing to do, {usual:.1f} s, is subtracted"
    yield Figure(
        f"{what}, after {changes} changes: seeing them", [changed["seen"] - usual], "s", {}, note=note
    )
    yield Figure(
        f"{what}, after {changes} changes: seeing and making them", [changed["made"] - usual], "s", {"max": 5.0},
        note=note,
    )  # fmt: skip
    yield Figure(
        f"{what}, after {changes} changes: proving them as well",
        [changed["proved"] - usual],
        "s",
        {},
        note=note,
    )
    yield Figure(f"{what}, after {changes} changes: memory", [changed["megabytes"]], "MB", {"max": 400.0})
    yield from _growth(seen, small, large)


def _growth(seen: dict[int, dict[str, Any]], small: int, large: int) -> Iterator[Figure]:
    """Yield how much more a namespace costs in the large cluster than in the small one; 1 is flat.

    What the worker computes is told as well: on a machine with something else to do it is the one that can be compared.
    """
    for what, unit, cost in (
        ("time", "s", {number: statistics.median(found["seconds"]) for number, found in seen.items()}),
        ("time computing", "s", {number: statistics.median(found["computing"]) for number, found in seen.items()}),
        ("memory", "MB beside the program", {
            number: found["megabytes"] - found["empty_megabytes"] for number, found in seen.items()
        }),
    ):  # fmt: skip
        ratio = (cost[large] / large) / (cost[small] / small)
        note = f"{cost[small]:.2f} and {cost[large]:.2f} {unit}"
        yield Figure(f"{what} per namespace at {large} / at {small}", [ratio], "x", {"max": 1.2}, note=note)
