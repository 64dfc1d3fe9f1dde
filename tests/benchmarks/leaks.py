"""What grows while workers work for long: the memory and the open files of each of their processes, and rows beside
the audit.

F-33 asks for 24 hours, and two in a night: BENCH_LEAK_MINUTES=120. A slope needs time: what a run of minutes says of an
hour is as rough as its note says.

A process of a pool is replaced after a number of tasks, and its successor inherits what the worker has open: so none is
replaced here, and each is held against itself. What counts is anonymous memory, whether or not a page is still shared
with the worker that the process was made from: pages that are copied as they are written to are no growth.

A process keeps what its largest task needed: its first comparison of a whole cluster adds some 20 MB, once, and no
object stays (measured from inside over 68 minutes: what malloc had given out grew by 0.03 to 0.09 MB an hour). Which
process takes one is chance, and the idle ones come to it late: so a process is warm from its first comparison on, and
one that never did any, after half of the time.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps

from tests.benchmarks import revocation, rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.sizes import size
from tests.stack import Stack

SAMPLE_SECONDS = 10
WARM_SHARE = 0.5  # of the time, in which caches and pools fill
FIRST_COMPARISON_MB = 10.0  # so much at least it adds to a process
END_SHARE = 0.1  # of the samples: what is open at one moment has the connections of that moment in it
LEAST_SAMPLES = 30  # after it is warm: a shorter life says nothing of an hour
HISTORY = {"audit_event", "namespaces_membership", "namespaces_grant"}
"""Tables that are meant to grow with what was decided: a grant is a row for each role that somebody ever had."""


@dataclass(frozen=True)
class Sample:
    """One look at one process: when in hours, its anonymous memory in MB, how many files it has open."""

    hour: float
    megabytes: float
    files: int


def measure(stack: Stack) -> Iterator[Figure]:
    """Let eight workers follow changes for BENCH_LEAK_MINUTES, and look at their processes all the while."""
    seconds = 60 * size("LEAK_MINUTES", 10)
    revocation.prepare(stack)
    slots.staff(stack, revocation.WORKERS, revocation.PROCESSES, are_replaced=False)
    lives: dict[int, list[Sample]] = defaultdict(list)
    totals: list[float] = []
    counts: list[dict[str, int]] = []
    with revocation.Changing(stack, seconds) as changing:
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            looks = {pid: look for pid in _processes(stack) if (look := _look(pid, passed))}
            for pid, look in looks.items():
                lives[pid].append(look)
            if passed > WARM_SHARE * seconds:
                totals.append(sum(look.megabytes for look in looks.values()))
                counts.append(rows.run(stack.environment, "leaks", "sizes_of_tables()"))
            time.sleep(SAMPLE_SECONDS)
    warm = [_warm(life) for life in lives.values()]
    long = [life for life in warm if len(life) >= LEAST_SAMPLES]
    if not long:
        raise RuntimeError(
            f"no process lived for {LEAST_SAMPLES} samples of {SAMPLE_SECONDS} s: ask for more minutes"
        )
    minutes = 60 * statistics.median(life[-1].hour - life[0].hour for life in long)
    note = (
        f"{len(long)} of {len(lives)} processes of {revocation.WORKERS} workers, each over {minutes:.0f} min in the"
        f" median; {changing.note}"
    )
    yield Figure(
        "memory of a worker's process while it works",
        [_slope(life) for life in long],
        "MB an hour",
        {"median": 1.0},
        note=note,
    )
    yield Figure("memory of all processes of the workers", totals, "MB", {})
    yield Figure(
        "open files of a worker's process: last tenth less first",
        [_opened(life) for life in long],
        "files",
        {"max": 8.0},
    )
    grown = {name for name in counts[0].keys() - HISTORY if counts[-1][name] > counts[0][name] * 1.1 + 50}
    yield Figure(
        "tables that grow by more than a tenth",
        [len(grown)],
        "tables",
        {"max": 0.0},
        note=", ".join(sorted(grown)),
    )


def sizes_of_tables() -> dict[str, int]:
    """Return how many rows each table has. Runs inside Django."""
    return {model._meta.db_table: model._base_manager.count() for model in apps.get_models()}


def _processes(stack: Stack) -> list[int]:
    """Return the process ids of the workers and of their children."""
    parents = [child.pid for name, child in stack.children.items() if name.startswith("worker-")]
    children = [Path(f"/proc/{pid}/task/{pid}/children").read_text().split() for pid in parents]
    return [*parents, *(int(pid) for found in children for pid in found)]


def _warm(life: list[Sample]) -> list[Sample]:
    """Return the part of a process's life that counts."""
    grown = (at for at, look in enumerate(life) if look.megabytes > life[0].megabytes + FIRST_COMPARISON_MB)
    return life[next(grown, round(WARM_SHARE * len(life))) :]


def _slope(life: list[Sample]) -> float:
    """Return how fast the memory of a process grows, in MB an hour."""
    hours, megabytes = zip(*((sample.hour, sample.megabytes) for sample in life), strict=True)
    return statistics.linear_regression(hours, megabytes).slope


def _opened(life: list[Sample]) -> float:
    """Return how many files more are open at the end than at the beginning."""
    some = max(1, round(len(life) * END_SHARE))
    first, last = (statistics.median(s.files for s in part) for part in (life[:some], life[-some:]))
    return last - first


def _look(pid: int, passed: float) -> Sample | None:
    """Look at a process (Linux: Anonymous, in kB, is memory that is in no file); None for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Sample(passed / 3600, int(text.split("Anonymous:")[1].split()[0]) / 1024, files)
