"""What grows while workers work for long: the memory and the open files of their processes, and rows beside the audit.

F-33 asks for 24 hours, and two in a night: BENCH_LEAK_MINUTES=120. A slope needs time: what a run of minutes says of an
hour is as rough as its note says.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

from tests.benchmarks import revocation, rows, slots
from tests.benchmarks.figures import Figure
from tests.benchmarks.sizes import size
from tests.stack import Stack

SAMPLE_SECONDS = 10
WARM_SHARE = 0.3  # of the time, in which caches and pools fill
END_SHARE = 0.1  # of the samples: what is open at one moment has the connections of that moment in it
HISTORY = {"audit_event", "namespaces_membership"}
"""Tables that are meant to grow with what was decided."""


def measure(stack: Stack) -> Iterator[Figure]:
    """Let eight workers follow changes for BENCH_LEAK_MINUTES, and look at their processes all the while."""
    seconds = 60 * size("LEAK_MINUTES", 10)
    revocation.prepare(stack)
    slots.staff(stack, revocation.WORKERS, revocation.PROCESSES)
    moments: list[float] = []
    megabytes: list[float] = []
    files: list[Counter[str]] = []
    counts: list[dict[str, int]] = []
    with revocation.Changing(stack, seconds) as changing:
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            pids = _processes(stack)
            if passed > WARM_SHARE * seconds:
                moments.append(passed / 3600)
                megabytes.append(sum(map(_megabytes, pids)))
                files.append(sum(map(_open_files, pids), Counter()))
                counts.append(rows.run(stack.environment, "leaks", "sizes_of_tables()"))
            time.sleep(SAMPLE_SECONDS)
    number = len(_processes(stack))
    minutes = 60 * (moments[-1] - moments[0])
    note = (
        f"{number} processes of {revocation.WORKERS} workers, slope over {minutes:.0f} min; {changing.note}"
    )
    slope = statistics.linear_regression(moments, megabytes).slope / number
    yield Figure(
        "memory of a worker's process while it works", [slope], "MB an hour", {"max": 1.0}, note=note
    )
    yield Figure("memory of all processes of the workers", megabytes, "MB", {})
    first, last = _medians(files[: _ends(files)]), _medians(files[-_ends(files) :])
    yield Figure(
        "open files of all processes of the workers: last tenth less first",
        [sum(last.values()) - sum(first.values())],
        "files",
        {"max": 8.0},
        note=", ".join(
            f"{kind} {first.get(kind, 0):g} to {last.get(kind, 0):g}" for kind in sorted(first | last)
        ),
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


def _megabytes(pid: int) -> float:
    """Return the memory that is the process's own (Linux: Private_Dirty, in kB), 0 for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(text.split("Private_Dirty:")[1].split()[0]) / 1024


def _open_files(pid: int) -> Counter[str]:
    """Return how many files the process has open, by kind (socket, pipe, file, ...), none for one that has ended."""
    kinds: Counter[str] = Counter()
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError):
        return kinds
    for number in numbers:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:  # closed since it was listed
            continue
        kinds[target.split(":")[0] if ":[" in target or target.startswith("anon_inode:") else "file"] += 1
    return kinds


def _ends(samples: list[Counter[str]]) -> int:
    """Return how many samples are an end of all: at least one."""
    return max(1, round(len(samples) * END_SHARE))


def _medians(samples: list[Counter[str]]) -> dict[str, float]:
    """Return how many files of each kind are open in the middle one of the samples."""
    kinds = set[str]().union(*samples)
    return {kind: statistics.median(sample[kind] for sample in samples) for kind in kinds}
